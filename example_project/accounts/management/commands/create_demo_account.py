from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from accounts.models import User

EMAIL, STAFF = "demo@example.com", "staff@example.com"
PASSWORD = "demo-pass-1234"  # noqa: S105


class Command(BaseCommand):
    help = (
        f"Makes the accounts {EMAIL} and {STAFF}, who may use the admin, with the password {PASSWORD}, or sets their "
        "passwords back. For demonstrations."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEBUG:
            # The password is public, and DEBUG off means that others may reach this server.
            self.stderr.write("DEBUG is off: no demo account was made.")
            return
        for email, fields in (
            (EMAIL, {"name": "Dana Demo"}),
            (STAFF, {"name": "Sam Staff", "is_staff": True, "is_superuser": True}),
        ):
            user, created = User.objects.get_or_create(email=email, defaults=fields)
            # Setting a password, even the same one, ends every session of the account.
            if not user.check_password(PASSWORD):
                user.set_password(PASSWORD)
                user.save(update_fields=["password"])
            self.stdout.write(f"{email} / {PASSWORD} " + ("was made." if created else "is there."))
