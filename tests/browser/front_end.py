"""The front end in a tab, worked as its user works it."""

import base64
import json
from typing import Any

from django.contrib.auth import get_user_model

from tests.browser.engines import Cookie, Tab
from tests.factories import PASSWORD, sign_up_data


class FrontEnd:
    """The page of ``front_end.html``, whose client calls the API at ``api``."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def sign_up(self, name: str) -> Any:
        return self.tab.run("(data) => auth.signUp(data)", sign_up_data(name))

    def sign_in(self, name: str, password: str = PASSWORD) -> Any:
        return self.tab.run("(data) => auth.signIn(data)", sign_in_data(name, password))

    def sign_out(self) -> None:
        self.tab.run("() => auth.signOut()")

    def me(self) -> Any:
        return self.tab.run("() => auth.me()")

    def refresh(self) -> bool:
        return self.tab.run("() => auth.refresh()")

    def add_note(self, text: str) -> int:
        return self.tab.run(ADD_NOTE, text)

    def begin_to_add_note(self, text: str) -> Any:
        return self.tab.begin(ADD_NOTE, text)

    def notes(self) -> list[str] | None:
        return self.tab.run("() => auth.fetch('/notes').then((answer) => (answer.ok ? answer.json() : null))")

    def sessions(self) -> list[dict[str, Any]]:
        return self.tab.run("() => auth.sessions()")

    def change_password(self, new: str, current: str = PASSWORD) -> None:
        self.tab.run("(current, next) => auth.changePassword(current, next)", current, new)

    def changes(self) -> list[list[Any]]:
        """What ``onChange`` told this tab: signed in or not, and why."""
        return self.tab.run("() => changes")

    def visible_to_script(self) -> str:
        """Everything that script of the page can lay its hands on."""
        return self.tab.run(
            """async () => JSON.stringify([
                document.cookie, seen, {...localStorage}, {...sessionStorage},
                (await indexedDB.databases()).map(({name}) => name),
                await cookieStore?.getAll?.() ?? [],
            ])"""
        )


ADD_NOTE = """async (text) => {
    const headers = { "Content-Type": "application/json" };
    return (await auth.fetch("/notes", { method: "POST", headers, body: JSON.stringify({ text }) })).status;
}"""


def sign_in_data(name: str, password: str = PASSWORD) -> dict[str, str]:
    """What ``name`` types to sign in, for whichever user model the suite runs with."""
    identifier = get_user_model().USERNAME_FIELD
    return {identifier: sign_up_data(name)[identifier], "password": password}


def claims_of(cookie: Cookie) -> dict[str, Any]:
    """What a token says. Only a test can look: no script sees the cookie."""
    payload = cookie.value.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
