"""The pages behind a real ASGI server, where requests share one event loop and a few threads."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPMessage
from http.cookies import SimpleCookie

import pytest
from django.conf import settings as django_settings
from django.db import connection

from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH
from tests.databases import CONNECTION_VARIABLE
from tests.factories import Account

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

PAGES = ["/whoami", "/async/whoami", "/members", "/async/members", "/template", "/async/template"]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    text: str


@dataclass
class Visitor:
    """A browser as far as these tests need one."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        client = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        data = None if body is None else json.dumps(body)
        client.request(method, path, data, {**headers, "Content-Type": "application/json"})
        response = client.getresponse()
        answer = Answer(response.status, response.headers, response.read().decode().strip())
        client.close()
        for header in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(header).items():
                self.cookies[name] = morsel.value
        return answer

    def sign_in(self, account: Account) -> None:
        assert self.ask("/auth/login", "POST", account.credentials).status == 200


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server process on the test database."""
    database = {**django_settings.DATABASES["default"], "NAME": connection.settings_dict["NAME"]}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.uvicorn_server"],
        env={**os.environ, CONNECTION_VARIABLE: json.dumps(database)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def test_pages_know_who_signed_in_until_signing_out(server, account):
    name = account.user.get_username()
    visitor, thief = Visitor(server), Visitor(server)
    assert {page: visitor.ask(page).text for page in PAGES if "members" not in page} == {
        page: "nobody" for page in PAGES if "members" not in page
    }
    assert visitor.ask("/async/members").status == 302

    visitor.sign_in(account)
    thief.cookies.update(visitor.cookies)
    answers = {page: visitor.ask(page) for page in PAGES}
    assert {page: answer.text for page, answer in answers.items()} == dict.fromkeys(PAGES, name)
    assert all("Cookie" in answer.headers["Vary"] for answer in answers.values())
    assert "Cookie" not in visitor.ask("/async/imprint").headers["Vary"]

    forged = {"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}
    assert visitor.ask("/async/webhook", "POST", {}, **forged).text == "nobody"
    assert visitor.ask("/async/webhook", "POST", {}).text == name
    assert visitor.ask("/async/whoami", "POST", {}).status == 403

    assert visitor.ask("/async/logout").text == "nobody"
    assert (visitor.cookies[ACCESS], visitor.cookies[REFRESH]) == ("", "")
    assert not AuthSession.objects.live().exists()
    assert thief.ask("/async/whoami").text == "nobody"


def test_cookies_in_headers_of_their_own_are_read(server, account):
    """As HTTP/2 allows, and as a server passes on what a proxy made of it."""
    visitor = Visitor(server)
    visitor.sign_in(account)
    client = HTTPConnection("127.0.0.1", server, timeout=60)
    client.putrequest("GET", "/auth/me")
    for each in ["theme=dark", *(f"{name}={value}" for name, value in visitor.cookies.items()), "lang=de"]:
        client.putheader("Cookie", each)
    client.endheaders()

    assert client.getresponse().status == 200
    client.close()


def test_users_who_ask_at_once_are_not_taken_for_each_other(server, account, other_account):
    names = [account.user.get_username(), other_account.user.get_username(), "nobody"]
    visitors = [Visitor(server), Visitor(server), Visitor(server)]
    visitors[0].sign_in(account)
    visitors[1].sign_in(other_account)

    asked = [(visitor, page) for page in ["/whoami", "/async/whoami", "/async/template"] for visitor in visitors] * 8
    with ThreadPoolExecutor(12) as pool:
        seen = list(pool.map(lambda each: each[0].ask(each[1]).text, asked))

    assert seen == names * 24
