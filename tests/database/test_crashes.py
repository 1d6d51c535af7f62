"""What breaks in the middle of a refresh: the process, or the database. Nobody is signed out by it."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from http.client import HTTPConnection, RemoteDisconnected
from http.cookies import SimpleCookie

import pytest
from django.conf import settings as django_settings
from django.db import close_old_connections, connection

from fastauth_django.models import AuthSession
from fastauth_django.signals import refresh_token_reused
from tests.clients import Browser
from tests.database.crowd import is_let_in, new_session, refresh
from tests.databases import CONNECTION_VARIABLE, Server
from tests.reading import listening

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("transactions")]


@contextmanager
def web_server(*arguments: str) -> Iterator[HTTPConnection]:
    """A server process on the test database, and a connection to it."""
    database = {**django_settings.DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.database.server", *arguments],
        env={**os.environ, CONNECTION_VARIABLE: json.dumps(database)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        client = HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=60)
        yield client
        client.close()
    finally:
        process.kill()
        process.communicate()


def post_refresh(client: HTTPConnection, browser: Browser) -> int:
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    client.request("POST", "/auth/refresh", headers={"Cookie": cookies})
    response = client.getresponse()
    response.read()
    for header in response.headers.get_all("Set-Cookie", []):
        browser.cookies.update(SimpleCookie(header))
    return response.status


def test_process_killed_before_it_answers_leaves_the_client_signed_in(account):
    browser = new_session(account)
    with web_server("--die-after-rotation") as client, pytest.raises(RemoteDisconnected):
        post_refresh(client, browser)
    assert AuthSession.objects.get().generation == 1

    with web_server() as client:
        assert post_refresh(client, browser) == 200

    assert AuthSession.objects.get().generation == 1
    assert is_let_in(browser)
    assert refresh(browser) == 200


def test_client_of_a_killed_process_that_comes_back_ten_minutes_later_is_signed_in(account):
    browser = new_session(account)
    with web_server("--die-after-rotation") as client, pytest.raises(RemoteDisconnected):
        post_refresh(client, browser)
    # Not with a clock that stands still: the servers are processes of their own.
    AuthSession.objects.update(rotated_at=AuthSession.objects.get().rotated_at - timedelta(minutes=10))

    with listening(refresh_token_reused) as heard, web_server() as client:
        assert post_refresh(client, browser) == 200

    assert (AuthSession.objects.get().generation, AuthSession.objects.get().predecessor) == (2, 0)
    assert is_let_in(browser)
    assert AuthSession.objects.get().seen is True
    assert refresh(browser) == 200
    assert heard == []


@contextmanager
def server_outage() -> Iterator[None]:
    Server.running.stop(keep_files=True)
    yield
    Server.running.start()


@contextmanager
def file_outage() -> Iterator[None]:
    """SQLite has no server, but another program may hold the file."""
    connection.cursor().execute("PRAGMA busy_timeout = 0")
    program = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    program.execute("BEGIN EXCLUSIVE")
    yield
    program.close()


@pytest.fixture
def outage(monkeypatch) -> Iterator[ExitStack]:
    """``outage.begin()`` takes the database away, ``outage.close()`` brings it back."""
    if connection.vendor != "sqlite" and Server.running is None:
        pytest.skip("the database server is not one that the tests may stop")
    outage = ExitStack()
    outage.begin = lambda: outage.enter_context(file_outage() if connection.vendor == "sqlite" else server_outage())
    # As a deployment that keeps its connections is advised to. Django's pool keeps them itself.
    if "pool" not in connection.settings_dict["OPTIONS"]:
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 600)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    yield outage
    outage.close()
    connection.close()


def next_request() -> None:
    """What Django does before each request, and leaves out with its test client."""
    close_old_connections()


def test_database_that_goes_away_before_the_write_signs_nobody_out(account, settings, outage):
    """The tokens are minted between the read and the write, so the function that shapes their claims is there."""
    browser = new_session(account)
    jar = dict(browser.cookies)

    def goes_away(user, claims):
        outage.begin()
        return claims

    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": goes_away}
    next_request()
    response = browser.post("/auth/refresh")
    assert response.status_code == 500
    assert not response.cookies

    outage.close()
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": None}
    next_request()
    assert browser.cookies == jar
    assert is_let_in(browser)
    assert refresh(browser) == 200


@pytest.mark.parametrize(
    ("method", "path"), [("post", "/auth/refresh"), ("get", "/private"), ("get", "/auth/me"), ("post", "/auth/logout")]
)
def test_database_that_is_away_signs_nobody_out(account, outage, method, path):
    browser = new_session(account)
    next_request()
    outage.begin()

    response = getattr(browser, method)(path)

    assert response.status_code == 500
    assert not response.cookies
    outage.close()
    next_request()
    assert is_let_in(browser)
    assert refresh(browser) == 200
