"""Delete sessions that can never be used again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from fastauth_django.conflicts import until_not_lost
from fastauth_django.models import AuthSession


class Command(BaseCommand):
    help = (
        "Delete sessions that have expired, and those that were revoked some days ago. It may run while the site "
        "serves: it deletes small batches of rows, in the order of their keys."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--revoked-days",
            type=int,
            default=30,
            help="Keep revoked sessions this many days, so that you can look up what happened (default: 30).",
        )
        parser.add_argument("--batch-size", type=int, default=1000, help="Rows deleted at once (default: 1000).")

    def handle(self, *args: Any, revoked_days: int, batch_size: int, **options: Any) -> None:
        if revoked_days < 0:
            raise CommandError("--revoked-days must be 0 or more.")
        if batch_size < 1:
            raise CommandError("--batch-size must be 1 or more.")
        now = timezone.now()
        try:
            long_ago = now - timedelta(days=revoked_days)
        except OverflowError:
            raise CommandError("--revoked-days reaches back before the calendar begins.") from None
        # Clocks of two hosts may differ by a few seconds, and without its row an expired session would look revoked.
        dead = Q(expires_at__lt=now - timedelta(minutes=1)) | Q(revoked_at__lt=long_ago)
        sessions = AuthSession.objects.for_write().order_by("pk")
        deleted = 0
        last = None
        while True:
            # Each batch starts where the one before ended, so no live row is read twice.
            ahead = sessions if last is None else sessions.filter(pk__gt=last)
            batch = list(ahead.filter(dead).values_list("pk", flat=True)[:batch_size])
            if not batch:
                break
            last = batch[-1]
            dying = sessions.filter(dead, pk__in=batch)
            deleted += until_not_lost(dying.delete, using=dying.db)[0]
        self.stdout.write(f"Deleted {deleted} session{'' if deleted == 1 else 's'}.")
