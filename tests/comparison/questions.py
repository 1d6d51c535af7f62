"""What each peer is asked. An answer is what was seen, never what a page says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest import mock

from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from tests.comparison.device import Device, ForeignPage
from tests.comparison.peers import Peer

YES, NO, NOT_APPLICABLE = "yes", "no", "n/a"
#: Tables that hold no session, token or client.
ELSE = {
    "auth_user",
    "auth_group",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "account_emailaddress",
    "django_site",
    "fastauth_users",
}

Question = Callable[[Peer], str]
QUESTIONS: dict[str, Question] = {}


def asks(text: str, *of: str) -> Callable[[Question], Question]:
    """Ask this of every peer whose attributes ``of`` are all true."""

    def register(question: Question) -> Question:
        QUESTIONS[text] = lambda peer: question(peer) if all(getattr(peer, each) for each in of) else NOT_APPLICABLE
        return question

    return register


def answers(peer: Peer) -> dict[str, str]:
    given = {}
    for text, question in QUESTIONS.items():
        with somebody(peer):
            given[text] = question(peer)
    return given


@contextmanager
def somebody(peer: Peer) -> Iterator[None]:
    """Ada has an account; nobody has signed in or been refused yet."""
    mail.outbox = []
    cache.clear()
    peer.create_user()
    try:
        yield
    finally:
        peer.delete_users()
        for table in tables():
            connection.cursor().execute(f'DELETE FROM "{table}"')  # noqa: S608


def tables() -> list[str]:
    return [name for name in connection.introspection.table_names() if name not in ELSE]


def yes(truth: Any) -> str:
    return YES if truth else NO


def signed_in(peer: Peer, **options: Any) -> Device:
    device = Device(peer, **options)
    assert device.sign_in().status_code == 200
    assert works(device)
    return device


def works(device: Device) -> bool:
    return bool(device.get("/protected").status_code == 200)


# --- A browser's credential ----------------------------------------------------------------------------------------


@asks("A browser's credential is in HttpOnly cookies only: none in the answer to a sign-in", "uses_cookies")
def hidden_from_script(peer: Peer) -> str:
    device = Device(peer)
    answer = device.sign_in()
    hidden = all(morsel["httponly"] for name, morsel in answer.cookies.items() if name != peer.csrf_cookie)
    secrets = [morsel.value for morsel in answer.cookies.values()]
    given = device.access_token or any(secret in answer.content.decode() for secret in secrets if secret)
    return yes(hidden and not given)


@asks("The answer to a sign-in says `Cache-Control: no-store`")
def not_stored(peer: Peer) -> str:
    return yes("no-store" in Device(peer).sign_in().headers.get("Cache-Control", ""))


@asks("Signing in works while a garbage cookie lies in the jar", "uses_cookies")
def garbage_locks_nobody_out(peer: Peer) -> str:
    device = signed_in(peer)
    for morsel in device.cookies.values():
        morsel.set(morsel.key, "garbage", "garbage")
    answer = device.sign_in()
    return YES if answer.status_code == 200 else f"no: {answer.status_code}"


@asks("A forged cross-site POST to sign out is refused", "uses_cookies")
def forged_sign_out(peer: Peer) -> str:
    return forged(peer, ForeignPage.sign_out)


@asks("A forged cross-site POST to refresh is refused", "uses_cookies", "refreshes")
def forged_refresh(peer: Peer) -> str:
    return forged(peer, ForeignPage.refresh)


@asks("A forged cross-site POST to sign in is refused (login CSRF)", "uses_cookies")
def forged_sign_in(peer: Peer) -> str:
    return forged(peer, ForeignPage.sign_in)


def forged(peer: Peer, act: Callable[[ForeignPage], Any]) -> str:
    for content_type in ForeignPage.CONTENT_TYPES:
        owner = signed_in(peer)
        answer = act(ForeignPage(peer, content_type, owner.cookies))
        assert answer.status_code not in {404, 405}, answer
        if answer.status_code < 400 or not works(owner):
            return f"no: {answer.status_code}"
    return YES


@asks("A page has to send a CSRF token", "uses_cookies")
def needs_csrf_token(peer: Peer) -> str:
    same_origin = {"HTTP_ORIGIN": "http://testserver", "HTTP_SEC_FETCH_SITE": "same-origin"}
    device = signed_in(peer).clone(enforce_csrf_checks=True)
    return yes(device.post("/protected", **same_origin).status_code == 403)


@asks(
    "One project serves browsers by cookie and apps by header, each with all it needs to stay signed in", "uses_cookies"
)
def browsers_and_apps(peer: Peer) -> str:
    browser, app = signed_in(peer), Device(peer)
    peer.sign_in_app(app)
    return yes(works(browser) and works(app) and not app.cookies)


# --- Ending ---------------------------------------------------------------------------------------------------------


@asks("After signing out, a copy of the credential is refused at once")
def sign_out_counts_at_once(peer: Peer) -> str:
    device = signed_in(peer)
    thief = device.clone()
    device.sign_out()
    return yes(not works(thief))


@asks("After a new password, other devices are refused at once")
def new_password_counts_at_once(peer: Peer) -> str:
    device = signed_in(peer)
    other = signed_in(peer)
    peer.set_password("another battery horse")
    if not works(device):
        return YES
    call = peer.change_password(other, "another battery horse", "a third battery horse")
    if call is None:
        return NO
    assert other.send(call).status_code == 200
    return NO if works(device) else "by its own route only"


@asks("Users can list their sessions and end one over HTTP")
def sessions_over_http(peer: Peer) -> str:
    if peer.sessions is None:
        return NO
    other, device = signed_in(peer), signed_in(peer)
    listed, ended = peer.sessions
    body = device.get(listed).json()
    entries = body if isinstance(body, list) else body["data"]
    if not entries:
        return NO
    [of_other] = [entry["id"] for entry in entries if not entry.get("current", entry.get("is_current"))]
    device.delete(ended.format(id=of_other), {"sessions": [of_other]}, format="json")
    return yes(works(device) and not works(other))


# --- Refreshing -----------------------------------------------------------------------------------------------------


@asks("Two tabs that refresh with the same token, one after the other: both stay signed in", "refreshes")
def tabs(peer: Peer) -> str:
    first = signed_in(peer)
    second = first.clone()
    one, other = first.refresh(), second.refresh()
    return yes((one.status_code, other.status_code) == (200, 200) and works(first) and works(second))


@asks("A refresh token from two refreshes ago is refused", "refreshes")
def old_token_is_refused(peer: Peer) -> str:
    owner = signed_in(peer)
    thief = owner.clone()
    assert [owner.refresh().status_code for _refresh in range(2)] == [200, 200]
    return yes(thief.refresh().status_code != 200)


@asks("And ends the session of whoever holds the newer one, since one of the two is a thief", "refreshes")
def reuse_ends_the_session(peer: Peer) -> str:
    owner = signed_in(peer)
    thief = owner.clone()
    owner.refresh()
    owner.refresh()
    thief.refresh()
    return yes(owner.refresh().status_code != 200)


# --- The database ---------------------------------------------------------------------------------------------------


@asks("Queries for a protected request")
def queries(peer: Peer) -> str:
    device = signed_in(peer)
    with peer.captured_queries() as captured:
        assert works(device)
    return str(len(captured))


@asks("An authentication class that asks no database, for a second service")
def without_database(peer: Peer) -> str:
    if peer.stateless is None and peer.stateless_settings is None:
        return NO
    device = signed_in(peer)
    if peer.uses_cookies and device.access_token:
        device.bear("Bearer", device.access_token)
    with override_settings(**peer.stateless_settings or {}), peer.captured_queries() as captured:
        assert device.get("/stateless" if peer.stateless else "/protected").status_code == 200
    return yes(len(captured) == 0)


@asks("Rows for one device after a sign-in and ten refreshes")
def rows(peer: Peer) -> str:
    device = signed_in(peer)
    for _refresh in range(10 if peer.refreshes else 0):
        device.refresh()
    return str(sum(count(table) for table in tables()))


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT COUNT(*) FROM "{table}"')  # noqa: S608
        return int(cursor.fetchone()[0])


@asks("The database holds a credential in plain text")
def plain_text(peer: Peer) -> str:
    device = signed_in(peer)
    if peer.refreshes:
        device.refresh()
    secrets = [morsel.value for name, morsel in device.cookies.items() if name != peer.csrf_cookie]
    secrets += [secret for secret in (device.access_token, device.refresh_token) if secret]
    held = []
    for table in tables():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
            held.append(json.dumps(cursor.fetchall(), default=str))
    return yes(any(secret in text for secret in secrets for text in held))


# --- Around it ------------------------------------------------------------------------------------------------------


@asks("Guessing is limited by default: after 20 wrong passwords the right one is refused for a while")
def guessing(peer: Peer) -> str:
    for _guess in range(20):
        Device(peer).sign_in(password="a guess")
    return yes(Device(peer).sign_in().status_code != 200)


@asks("The session's end moves with every request, without a refresh")
def slides(peer: Peer) -> str:
    device = signed_in(peer)

    def ends() -> list[Any]:
        found = []
        for table in tables():
            with connection.cursor() as cursor:
                columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
                for name in {"expiry", "expires_at", "expire_date"} & set(columns):
                    cursor.execute(f'SELECT "{name}" FROM "{table}"')  # noqa: S608
                    found += cursor.fetchall()
        return found

    before = ends()
    now = timezone.now() + timedelta(minutes=2)
    with mock.patch("django.utils.timezone.now", return_value=now):
        assert works(device)
    return yes(ends() != before)


for feature in [
    "sign-up",
    "password reset by mail",
    "mail address is verified at sign-up",
    "sign-in by a code or a link in a mail",
    "social sign-in",
    "second factor (TOTP)",
    "passkeys",
]:

    @asks(f"Brings: {feature}")
    def brings(peer: Peer, feature: str = feature) -> str:
        return NO if feature not in peer.features else yes(peer.features[feature](Device(peer)))
