"""The example project in JSON delivery, an account on it, and a host that is not its own."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.request import Request, urlopen

import jwt
import pytest

from tests.browser.example_server import ENVIRONMENT, Example
from tests.browser.servers import Server, Servers
from tests.factories import PASSWORD
from tests.without_a_browser.strangers import Stranger

NAMES = count(1)


@dataclass(frozen=True)
class Person:
    """Somebody who has an account."""

    site: Server
    fields: dict[str, str]

    @property
    def origin(self) -> str:
        return self.site.origin("localhost")

    def sign_in(self) -> dict[str, Any]:
        """On another device: what it gets."""
        return self.post("/auth/login", self.fields)

    def post(self, path: str, data: dict[str, str], access: str = "") -> dict[str, Any]:
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {access}"} if access else {})}
        request = Request(self.origin + path, json.dumps(data).encode(), headers)  # noqa: S310  # http, of this machine
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def notes(self) -> list[str]:
        """What is in the database: the texts, the oldest first."""
        with sqlite3.connect(self.site.database, timeout=30) as database:
            query = "SELECT text FROM notes_note JOIN accounts_user u ON u.id = owner_id WHERE u.email = ? ORDER BY 1"
            return [text for (text,) in database.execute(query, [self.fields["email"]])]

    def end_sessions(self) -> None:
        """By staff, in the admin."""
        with sqlite3.connect(self.site.database, timeout=30) as database:
            database.execute("UPDATE fastauth_django_authsession SET revoked_at = created_at, revoked_reason = 'ended'")

    def count(self, route: str) -> int:
        """How many requests for a route of the app the site has seen in this test."""
        return len(self.site.seen(f"/auth/{route}"))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    directory = tmp_path_factory.mktemp("example")
    servers = Servers(directory, None, None)
    yield Example(servers, tmp_path_factory.mktemp("databases"))
    servers.close()


@pytest.fixture(scope="session")
def site(example: Example) -> Server:
    return example.start(None, TOKEN_DELIVERY="json", ALLOWED_HOSTS="localhost")


@pytest.fixture
def person(site: Server) -> Person:
    """Ada, who has just signed up. The site has forgotten what it has seen before."""
    person = Person(site, {"email": f"ada{next(NAMES)}@example.com", "password": PASSWORD})
    person.post("/auth/register", person.fields)
    site.forget_seen()
    return person


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as stranger:
        yield stranger


def run_out(access_token: str) -> str:
    """The same token, a minute after its time."""
    key = ENVIRONMENT["SECRET_KEY"]
    claims = jwt.decode(access_token, key, ["HS256"], options={"verify_exp": False})
    return jwt.encode({**claims, "exp": claims["iat"] - 60}, key, "HS256")
