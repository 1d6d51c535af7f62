"""Call every route, in success and in error, and print what came back: a process of its own for each project.

REST framework's views keep the settings of import time, so that a test of the same process could not change them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import django

#: What differs from run to run, and what stands for it. A time in another format than ISO 8601 is left as it is.
VOLATILE = {
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+": "<token>",
    r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}": "<uuid>",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)": "<time>",
}
HEADERS = ("WWW-Authenticate", "Cache-Control", "Content-Type")
PAGE = {"HTTP_ACCEPT": "text/html"}


def calls() -> Iterator[tuple[str, Any]]:
    """What each call is, and its answer, in an order that a visitor could have."""
    from tests.clients import Browser, NativeApp
    from tests.factories import PASSWORD, identifier_for, make_account, sign_up_data

    ada, bob = make_account("ada"), make_account("bob")
    wrong = {**ada.credentials, "password": "wrong"}
    stranger, browser, other, app = Browser(), Browser(), Browser(), NativeApp()
    json_body = {"content_type": "application/json"}

    yield "register: nothing", stranger.post("/auth/register", {}, format="json")
    yield "register: password too short", stranger.post("/auth/register", sign_up_data("eve", "x"), format="json")
    yield "register", stranger.post("/auth/register", sign_up_data(), format="json")
    yield "register: there already", Browser().post("/auth/register", sign_up_data(), format="json")
    yield "register: JSON delivery", app.post("/app/register", sign_up_data("joan"), format="json")
    yield "login: nothing", Browser().post("/auth/login", {}, format="json")
    yield "login: half a body", Browser().generic("POST", "/auth/login", b'{"pass', **json_body)
    yield "login: an array", Browser().generic("POST", "/auth/login", b"[]", **json_body)
    yield "login: a type of nobody's", Browser().generic("POST", "/auth/login", b"a,b", content_type="text/csv")
    yield "login: wrong", Browser().post("/auth/login", wrong, format="json")
    yield "login: from another site", Browser().post("/auth/login", {}, HTTP_ORIGIN="https://evil.example.com")
    yield "login: wrong method", Browser().put("/auth/login")
    yield "login: a form", other.post("/auth/login", ada.credentials)
    yield "login: a multipart form", Browser().post("/auth/login", ada.credentials, format="multipart")
    yield "login", browser.sign_in(ada, remember=True)
    pair = app.post("/app/login", bob.credentials, format="json")
    yield "login: JSON delivery", pair
    yield "refresh", browser.refresh()
    yield "refresh: no token", Browser().refresh()
    yield "refresh: garbage", Browser().refresh(HTTP_COOKIE="refresh_token=x")
    token = {"refresh_token": pair.json()["refresh_token"]}
    yield "refresh: JSON delivery", app.post("/app/refresh", token, format="json")
    yield "refresh: JSON delivery, garbage", app.post("/app/refresh", {"refresh_token": "x"}, format="json")
    for accept in ("application/json", "application/vnd.api+json", "text/csv", "application/vnd.api+json; version=9"):
        yield f"me: {accept}", browser.get("/auth/me", HTTP_ACCEPT=accept)
    yield "me: nobody", Browser().get("/auth/me")
    yield "me: stale cookie", Browser().get("/auth/me", HTTP_COOKIE="access_token=x")
    yield "me: bad header", Browser().get("/auth/me", HTTP_AUTHORIZATION="Bearer a b c")
    yield "sessions", browser.get("/auth/sessions?page=2&format=csv&search=x&ordering=-id&cursor=x&limit=1&version=9")
    change = {"current_password": "wrong", "new_password": "a new one 1234"}
    yield "password: wrong", browser.post("/auth/account/change-password", change, format="json")
    yield "password: nothing", browser.post("/auth/account/change-password", {}, format="json")
    change["current_password"] = PASSWORD
    yield "password", browser.post("/auth/account/change-password", change, format="json")
    yield "session: unknown", browser.delete("/auth/sessions/x")
    yield "sessions: wrong query", browser.delete("/auth/sessions/all?keep_current=maybe")
    yield "sessions: all others", browser.delete("/auth/sessions/all?keep_current=true")
    for path in ("login", "register", "refresh", "logout", "me", "sessions", "account/change-password"):
        yield f"{path}: options", browser.options(f"/auth/{path}")
        yield f"{path}: page", browser.get(f"/auth/{path}", **PAGE)
    yield "login: page after a refusal", Browser().post("/auth/login", wrong, **PAGE)
    yield "me: page, nobody", Browser().get("/auth/me", **PAGE)
    for route in ("bind", "refresh"):
        yield f"device/{route}: not asked for", browser.post(f"/auth/device/{route}", HTTP_SEC_FETCH_MODE="no-cors")
        yield f"device/{route}: a script", browser.post(f"/auth/device/{route}", HTTP_SEC_FETCH_MODE="cors")
    own = browser.get("/auth/sessions").json()[0]["id"]
    yield "session", browser.delete(f"/auth/sessions/{own}")
    yield "logout: garbage", Browser().generic("POST", "/auth/logout", b"null", **json_body)
    yield "logout: JSON delivery, garbage", app.generic("POST", "/app/logout", b"null", **json_body)
    yield "logout", stranger.post("/auth/logout")
    yield "logout: JSON delivery", app.post("/app/logout", token, format="json")
    identifier = next(iter(ada.credentials))
    for _attempt in range(6):
        last = Browser().post("/auth/login", {identifier: identifier_for("zoe"), "password": "x"}, format="json")
    yield "login: too often", last


def described(response: Any) -> dict[str, Any]:
    """Of an answer what two projects must have in common."""
    text = response.content.decode()
    for pattern, instead in VOLATILE.items():
        text = re.sub(pattern, instead, text)
    is_json = response.headers.get("Content-Type") == "application/json"
    return {
        "status": response.status_code,
        "headers": {name: response.headers.get(name) for name in HEADERS},
        "waits": response.headers.get("Retry-After", "").isdecimal(),
        "cookies": {name: bool(morsel.value) for name, morsel in sorted(response.cookies.items())},
        "body": json.loads(text) if is_json else text,
    }


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0)
    print(json.dumps({name: described(response) for name, response in calls()}))


if __name__ == "__main__":
    main()
