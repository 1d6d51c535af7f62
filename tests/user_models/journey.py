"""A visitor's way through every route, with the user model that the command names. Prints what was answered and what
should have been, as JSON.

    python -m tests.user_models.journey IntegerIdentifier
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import django

PASSWORD, NEXT_PASSWORD = "correct horse battery 9", "another horse battery 8"
LIST = "/admin/fastauth_django/authsession/"


class Journey:
    """Each step is noted with the status that was answered, and with the one that is right."""

    def __init__(self, user_model: Any) -> None:
        from tests.clients import Browser

        self.user_model = user_model
        self.identifier = user_model.USERNAME_FIELD
        self.said: dict[str, Any] = {}
        self.expected: dict[str, Any] = {}
        self.browser = Browser(raise_request_exception=False)

    def go(self) -> None:
        model = self.user_model
        self.said["checks"], self.expected["checks"] = found_by_checks(), model.CHECKS
        for number, body in enumerate(model.REFUSED):
            self.sign_up(f"refused {number}", body, 400)
        for name in model.NOBODY:
            self.sign_in(f"nobody: {name}", name, PASSWORD, 401)
        if model.ADA is None:
            return
        ada = self.sign_up("sign up", model.ADA, 201)
        as_typed = model.ADA.get(self.identifier, ada.get(self.identifier))
        self.account("after the sign-up")
        self.post("sign out", "logout", {}, 200)
        self.get("me after the sign-out", "/auth/me", 401)
        if model.GRACE is not None:
            self.sign_up("sign up another", model.GRACE, 201)
        for number, body in enumerate([model.ADA, *model.TAKEN] if self.identifier in model.ADA else model.TAKEN):
            self.sign_up(f"taken {number}", body, 409)
        for number, body in enumerate(model.REFUSED_AS_SECOND):
            self.sign_up(f"refused as second {number}", body, 400)
        self.sign_in("wrong password", as_typed, "wrong", 401)
        self.sign_in("sign in", as_typed, PASSWORD, 200)
        self.account("after the sign-in")
        self.change_password("wrong current password", "wrong", 400)
        self.change_password("change password", PASSWORD, 200)
        self.account("after the change")
        self.sign_in("old password", as_typed, PASSWORD, 401)
        for spelling in [as_typed, *model.OTHER_SPELLINGS]:
            self.sign_in(f"new password of {spelling}", spelling, NEXT_PASSWORD, 200)
        self.delete("end all", "/auth/sessions/all", 200)
        self.get("me after the end", "/auth/me", 401)
        self.guesses(as_typed)
        if model.ADMIN:
            self.admin()

    def note(self, step: str, response: Any, expected: int) -> Any:
        self.said[step], self.expected[step] = response.status_code, expected
        if response.status_code != expected:
            print(step, response.status_code, response.content[:300], file=sys.stderr)
        return response

    def post(self, step: str, route: str, body: object, expected: int) -> Any:
        return self.note(step, self.browser.post(f"/auth/{route}", body, format="json"), expected)

    def get(self, step: str, path: str, expected: int = 200) -> Any:
        return self.note(step, self.browser.get(path), expected)

    def delete(self, step: str, path: str, expected: int) -> Any:
        return self.note(step, self.browser.delete(path), expected)

    def sign_up(self, step: str, body: dict[str, Any], expected: int) -> Any:
        answer = self.post(step, "register", {**body, "password": PASSWORD}, expected)
        return answer.json().get("user", {}) if answer.status_code == 201 else {}

    def sign_in(self, step: str, identifier: object, password: str, expected: int) -> None:
        self.post(step, "login", {self.identifier: identifier, "password": password}, expected)

    def change_password(self, step: str, current: str, expected: int) -> None:
        body = {"current_password": current, "new_password": NEXT_PASSWORD}
        self.post(step, "account/change-password", body, expected)

    def account(self, when: str) -> None:
        self.get(f"me {when}", "/auth/me")
        self.get(f"sessions {when}", "/auth/sessions")
        self.get(f"page {when}", "/page")
        self.post(f"refresh {when}", "refresh", {}, 200)

    def guesses(self, identifier: object) -> None:
        """The limit holds, whatever the key of the account is."""
        from django.core.cache import cache

        cache.clear()
        for attempt in range(1, 8):
            self.sign_in(f"guess {attempt}", identifier, "wrong", 401 if attempt <= 5 else 429)
        cache.clear()

    def admin(self) -> None:
        from django.test import Client

        from fastauth_django.models import AuthSession

        staff = self.user_model._default_manager.first()
        self.user_model._base_manager.filter(pk=staff.pk).update(is_staff=True, is_superuser=True)
        client = Client(raise_request_exception=False)
        client.force_login(self.user_model._default_manager.get(pk=staff.pk))
        for term in ("", "ada", "4711", "x'", "\N{KEY}"):
            self.note(f"admin search {term}", client.get(LIST, {"q": term}), 200)
        self.note("admin page", client.get(f"{LIST}{AuthSession.objects.first().pk}/change/"), 200)


def found_by_checks() -> list[str]:
    from django.core.checks import run_checks

    return [str(message.id) for message in run_checks() if str(message.id).startswith("fastauth")]


def main(name: str) -> None:
    os.environ["TEST_USER_MODEL"] = f"user_models.{name}"
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.user_models.settings"
    django.setup()

    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    from tests.user_models.models import Person

    call_command("migrate", verbosity=0, run_syncdb=True)
    for person in ("Ada", "Grace", "Eve"):
        Person.objects.create(name=person)
    user_model = get_user_model()
    user_model.prepare()
    journey = Journey(user_model)
    journey.go()
    print(json.dumps({"said": journey.said, "expected": journey.expected}))


if __name__ == "__main__":
    main(sys.argv[1])
