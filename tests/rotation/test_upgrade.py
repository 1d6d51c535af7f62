"""A rolling upgrade from version 0.1.0, and its rollback, under load.

Old and new processes serve one database. Each request goes to one of them at random, as behind a load balancer. Nobody
is signed out who did not sign out, nobody who did stays signed in, and a stolen token is noticed by either version.
"""

import base64
import io
import json
import random
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from tests.browser.front_end import sign_in_data
from tests.browser.servers import ROOT, SITE, Server, migrate
from tests.databases import PostgreSQL, find
from tests.factories import sign_up_data
from tests.missing import is_missing, need

pytestmark = [pytest.mark.slow, pytest.mark.database]

#: The commit whose package is version 0.1.0.
OLD_COMMIT = "7328b159746b7f58bc7d09de0de8c298e19d4fff"
SEED = 20261128
CLIENTS = 6
ACTS = 12  # of each client in each phase of the deployment; an act is one to six requests
PATIENCE = 60  # seconds

Tokens = dict[str, str]


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=False)


@pytest.fixture(scope="module")
def old_package(tmp_path_factory) -> Path:
    """A directory to import version 0.1.0 from."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        is_missing("a git checkout")
    archive = git("archive", OLD_COMMIT, "fastauth_django")
    if archive.returncode:
        is_missing("version 0.1.0 in the history of this checkout")
    directory = tmp_path_factory.mktemp("old")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as package:
        package.extractall(directory, filter="data")
    return directory


@pytest.fixture(params=["sqlite", "postgres"])
def database(request, tmp_path) -> Iterator[dict[str, Any]]:
    """The entry of ``DATABASES`` for an empty database, whichever one the run itself uses."""
    if request.param == "sqlite":
        options = {"timeout": 30, "init_command": "PRAGMA synchronous = OFF"}
        yield {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "db.sqlite3"), "OPTIONS": options}
        return
    need("psycopg")
    if not all(map(find, PostgreSQL.programs)):
        is_missing(" and ".join(PostgreSQL.programs))
    import psycopg

    with PostgreSQL().serving() as server:
        settings = server.connection_settings()
        address = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "dbname": "postgres"}
        with psycopg.connect(**address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {settings['NAME']}")
        yield settings


class Deployment:
    """The processes that serve at this moment. All of them have the same settings and the same database."""

    def __init__(self, directory: Path, old_package: Path, settings: dict[str, Any]) -> None:
        # Without PYTHONSAFEPATH the working directory would come first, and with it always the new package.
        shared = {**SITE, "PYTHONSAFEPATH": "1", "SITE_DATABASE": "", "SITE_SETTINGS": json.dumps(settings)}
        self.directory = directory
        self.environments = {
            "old": {**shared, "PYTHONPATH": f"{old_package}:{ROOT}"},
            "new": {**shared, "PYTHONPATH": str(ROOT)},
        }
        self.serving: dict[str, Server] = {}

    def migrate(self, version: str) -> None:
        migrate(self.environments[version])

    def serve_with(self, *versions: str) -> None:
        """Start and stop processes until one of each of ``versions`` serves. No request is under way meanwhile."""
        for version in self.serving.keys() - set(versions):
            self.serving.pop(version).stop()
        for version in set(versions) - self.serving.keys():
            self.serving[version] = Server(self.directory, self.environments[version], self.directory, None)

    def close(self) -> None:
        self.serve_with()


@dataclass(frozen=True)
class Answer:
    version: str
    status: int
    body: Any
    tokens: Tokens


@dataclass
class Client:
    """A person with several tabs, or an app with several threads, that keeps what the last answer gave it."""

    name: str
    deployment: Deployment
    in_cookies: bool
    tokens: Tokens = field(default_factory=dict)
    issuers: set[tuple[str, bool]] = field(default_factory=set)  # by which version, and whether the token has a gen

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{SEED} {self.name}")  # noqa: S311

    def send(self, method: str, path: str, data: Any = None, *, tokens: Tokens) -> Answer:
        """One request with ``tokens``, to any of the processes that serve."""
        version = self.chance.choice(sorted(self.deployment.serving))
        headers = {"Content-Type": "application/json"}
        if tokens and self.in_cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in tokens.items())
        elif tokens:
            headers["Authorization"] = f"Bearer {tokens['access_token']}"
            if method == "POST":
                data = {"refresh_token": tokens["refresh_token"]}
        connection = HTTPConnection("127.0.0.1", self.deployment.serving[version].port, timeout=PATIENCE)
        try:
            connection.request(method, path, json.dumps(data or {}), headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        assert response.status < 500, (version, path, response.status, text)
        body = json.loads(text)
        jar: SimpleCookie = SimpleCookie()
        for header in response.headers.get_all("Set-Cookie", []):
            jar.load(header)
        given = {name: morsel.value for name, morsel in jar.items()} if self.in_cookies else body or {}
        # A cookie that is cleared is empty.
        new = {name: given[name] for name in ("access_token", "refresh_token") if given.get(name)}
        if "access_token" in new:
            self.issuers.add((version, "gen" in claims_of(new["access_token"])))
        return Answer(version, response.status, body, new)

    def expect(self, status: int, method: str, path: str, data: Any = None, *, tokens: Tokens) -> Answer:
        answer = self.send(method, path, data, tokens=tokens)
        sent = {name: claims_of(token) for name, token in tokens.items()}
        assert answer.status == status, f"{self.name}: {method} {path} with {sent}: {answer}"
        return answer

    def at_once(self, *requests: Callable[[], Answer]) -> list[Answer]:
        """What several tabs are answered that act at the same moment. Their answers arrive in any order."""
        with ThreadPoolExecutor(len(requests)) as tabs:
            answers = [sent.result(PATIENCE) for sent in [tabs.submit(request) for request in requests]]
        self.chance.shuffle(answers)
        return answers

    def keep(self, *answers: Answer) -> None:
        for answer in answers:
            self.tokens = {**self.tokens, **answer.tokens}

    # What a client does.

    def sign_up(self) -> None:
        self.keep(self.expect(201, "POST", "/auth/register", sign_up_data(self.name), tokens={}))

    def sign_in(self) -> None:
        self.tokens = {}
        self.keep(self.expect(200, "POST", "/auth/login", sign_in_data(self.name), tokens={}))

    def view(self) -> None:
        self.expect(200, "GET", "/notes", tokens=self.tokens)

    def refresh(self) -> None:
        self.keep(self.expect(200, "POST", "/auth/refresh", tokens=self.tokens))

    def refresh_in_two_tabs(self) -> None:
        refresh = partial(self.expect, 200, "POST", "/auth/refresh", tokens=self.tokens)
        answers = self.at_once(refresh, refresh)
        self.keep(*answers)
        successors = [answer.tokens["refresh_token"] for answer in answers if "refresh_token" in answer.tokens]
        # An old process does not write the claim "delivery", which says nothing of the rotation.
        assert len({claims_of(each)["jti"] for each in successors}) == 1, "one rotation, two successors"

    def refresh_while_another_tab_reads(self) -> None:
        refresh = partial(self.expect, 200, "POST", "/auth/refresh", tokens=self.tokens)
        self.keep(*self.at_once(refresh, partial(self.expect, 200, "GET", "/notes", tokens=self.tokens)))

    def sign_out_and_in(self) -> None:
        self.expect(200, "POST", "/auth/logout", tokens=self.tokens)
        self.expect_signed_out()
        self.sign_in()

    def lose_a_copy_to_a_thief(self) -> None:
        copy = self.tokens
        self.refresh()
        self.view()
        self.refresh()
        answer = self.expect(401, "POST", "/auth/refresh", tokens=copy)
        assert answer.body["code"] == "refresh_token_reused", answer
        self.expect_signed_out()
        self.sign_in()

    def expect_signed_out(self) -> None:
        self.expect(401, "GET", "/notes", tokens=self.tokens)
        assert self.expect(401, "POST", "/auth/refresh", tokens=self.tokens).body["code"] == "session_revoked"

    ACTS = {
        view: 4,
        refresh: 4,
        refresh_in_two_tabs: 4,
        refresh_while_another_tab_reads: 2,
        sign_out_and_in: 1,
        lose_a_copy_to_a_thief: 1,
    }

    def act(self) -> None:
        for act in self.chance.choices(list(self.ACTS), list(self.ACTS.values()), k=ACTS):
            act(self)


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def let_all_act(clients: list[Client], *versions: str, migrating_to: str | None = None) -> None:
    """Have all clients act at once while one process of each of ``versions`` serves, and answers some of them."""
    deployment = clients[0].deployment
    deployment.serve_with(*versions)
    for client in clients:
        client.issuers.clear()
    with ThreadPoolExecutor(len(clients) + 1) as pool:
        acts = [pool.submit(client.act) for client in clients]
        if migrating_to is not None:
            acts.append(pool.submit(deployment.migrate, migrating_to))
        for act in acts:
            act.result(10 * PATIENCE)
    # Only the new version's access tokens carry their generation: each process runs the package that it should.
    issuers = set().union(*[client.issuers for client in clients])
    assert issuers == {(version, version == "new") for version in versions}


@pytest.fixture
def deploy(old_package, database, tmp_path) -> Iterator[Callable[..., Deployment]]:
    """``deploy(REFRESH_GRACE=1)``: a project with these settings, whose database version 0.1.0 has migrated."""
    with ExitStack() as stack:

        def deploy(**fastauth: Any) -> Deployment:
            settings = {"DATABASES": {"default": database}, "FASTAUTH": fastauth}
            deployment = stack.enter_context(closing(Deployment(tmp_path, old_package, settings)))
            deployment.migrate("old")
            return deployment

        yield deploy


@pytest.mark.parametrize("delivery", ["cookie", "json"])
def test_upgrade_and_rollback_sign_nobody_out(deploy, delivery):
    deployment = deploy(TOKEN_DELIVERY=delivery)
    deployment.serve_with("old")
    clients = [Client(f"person{number}", deployment, delivery == "cookie") for number in range(CLIENTS)]
    for client in clients:
        client.sign_up()

    let_all_act(clients, "old", migrating_to="new")
    let_all_act(clients, "old", "new")
    let_all_act(clients, "new")
    let_all_act(clients, "new", "old")
    let_all_act(clients, "old")


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_answer_of_an_old_process_counts_as_arrived(deploy):
    """It notes no arrival. What the row says about one is about an earlier generation."""
    deployment = deploy(REFRESH_GRACE=1)
    deployment.migrate("new")
    client = Client("ada", deployment, in_cookies=True)
    deployment.serve_with("new")
    client.sign_up()
    client.refresh()
    copy = client.tokens
    deployment.serve_with("old")
    client.refresh()
    deployment.serve_with("new")
    time.sleep(2)  # until the grace is over

    assert client.expect(401, "POST", "/auth/refresh", tokens=copy).body["code"] == "refresh_token_reused"
    client.expect_signed_out()
