"""The example as it runs answers what its OpenAPI document says, whatever is sent: in both deliveries, by schemathesis.

The requests are the same in each run.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.browser.servers import ROOT, Server, migrate
from tests.missing import need

pytestmark = pytest.mark.slow

#: In JSON delivery there is no cookie that a device could be given, and nobody here acts as a browser does by itself.
REFUSED = {"json": {("POST", "/auth/device/bind"): 403, ("POST", "/auth/device/refresh"): 403}, "cookie": {}}
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
]
OPERATIONS = {
    ("POST", "/auth/register"): 201,
    ("POST", "/auth/login"): 200,
    ("POST", "/auth/refresh"): 200,
    ("POST", "/auth/logout"): 200,
    ("POST", "/auth/device/bind"): 200,
    ("POST", "/auth/device/refresh"): 200,
    ("GET", "/auth/me"): 200,
    ("POST", "/auth/account/change-password"): 200,
    ("GET", "/auth/sessions"): 200,
    ("DELETE", "/auth/sessions/{}"): 200,
    ("DELETE", "/auth/sessions/all"): 200,
    ("GET", "/api/notes/"): 200,
    ("POST", "/api/notes/"): 201,
    ("DELETE", "/api/notes/{}/"): 204,
}
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tests.openapi.settings",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'example_project'}",
    "DEBUG": "0",
    "SECRET_KEY": "for the tests only, and long enough for HS256",
    "ALLOWED_HOSTS": "127.0.0.1",
    "COOKIE_NAME_ACCESS": "access_token",
    "COOKIE_NAME_REFRESH": "refresh_token",
    # Nearly every sign-in here fails. The limit's own answer is for tests/contrib/test_spectacular.py.
    "LOGIN_FAILURE_LIMIT": "1000000",
}


@pytest.fixture(scope="module", params=["cookie", "json"])
def example(request, tmp_path_factory):
    """The example project in one of the deliveries, and an account in it."""
    need("drf_spectacular_sidecar", "dj_database_url", "whitenoise", "schemathesis")
    directory = tmp_path_factory.mktemp("openapi")
    database = directory / "database.sqlite3"
    environment = {**ENVIRONMENT, "TOKEN_DELIVERY": request.param, "DATABASE_URL": f"sqlite:///{database}"}
    if request.param == "cookie":
        environment["DEVICE_BINDING"] = "optional"
    migrate(environment)
    server = Server(directory, environment, database, certificate=None)
    server.environment = {**environment, "OPENAPI_ORIGIN": server.origin("127.0.0.1")}
    yield server
    server.stop()


def test_document_has_no_warning(example, tmp_path):
    command = [sys.executable, "-m", "django", "spectacular", "--validate", "--fail-on-warn", "--file", "schema.yaml"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **example.environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "/auth/login:" in (tmp_path / "schema.yaml").read_text()


def run_schemathesis(server, directory, *options, **environment):
    """Send requests for every operation of the document. Fails if an answer is not as the document says."""
    server.forget_seen()
    done = subprocess.run(
        [
            *[sys.executable, "-m", "schemathesis.cli", "run", server.origin("127.0.0.1") + "/api/schema/"],
            *["--checks", ",".join(CHECKS), "--generation-deterministic", "--no-color", *options],
        ],
        cwd=directory,
        env={**os.environ, **server.environment, **environment},
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Operations:       {len(OPERATIONS)} selected / {len(OPERATIONS)} total" in done.stdout


def statuses(server):
    """Which statuses each operation has answered with."""
    found = {operation: set() for operation in OPERATIONS}
    for entry in map(json.loads, server.log.read_text().splitlines()):
        for method, path in OPERATIONS:
            if entry["method"] == method and re.fullmatch(path.replace("{}", "[^/]*"), entry["path"]):
                found[method, path].add(entry["status"])
    return found


def test_what_anybody_sends_is_answered_as_described(example, tmp_path):
    run_schemathesis(example, tmp_path, "--phases", "fuzzing", "--max-examples", "20")

    found = statuses(example)
    assert found["POST", "/auth/login"] >= {400, 401}
    # In cookie delivery no body is wrong enough to be refused: it holds no token.
    assert found["POST", "/auth/refresh"] >= ({400, 401} if example.environment["TOKEN_DELIVERY"] == "json" else {401})
    assert {401} <= found["GET", "/auth/me"] <= {204, 401}


def test_what_a_signed_in_person_sends_is_answered_as_described(example, tmp_path):
    phases = ["--phases", "coverage,fuzzing", "--max-examples", "10"]
    run_schemathesis(example, tmp_path, *phases, SCHEMATHESIS_HOOKS="tests.openapi.signed_in")

    found = statuses(example)
    expected = {**OPERATIONS, **REFUSED[example.environment["TOKEN_DELIVERY"]]}
    assert {operation for operation, status in expected.items() if status not in found[operation]} == set()
