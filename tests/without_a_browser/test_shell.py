"""A shell script that keeps a person signed in: example_project/clients/notes.sh."""

import json
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.browser.servers import ROOT
from tests.missing import is_missing
from tests.without_a_browser.conftest import run_out
from tests.without_a_browser.strangers import Answer

pytestmark = pytest.mark.slow

SCRIPT = ROOT / "example_project/clients/notes.sh"
TOKENS = {"access_token": "an-access-token", "refresh_token": "a-refresh-token"}
SIGNED_OUT, REFUSED, TRY_AGAIN = 4, 22, 1


class Script:
    """The script in the home of one person, on the site ``origin``."""

    def __init__(self, home: Path, origin: str) -> None:
        for program in ("curl", "jq", "flock"):
            if shutil.which(program) is None:
                is_missing(program)
        self.home = home
        self.tokens_file = home / ".local/state/notes" / f"{re.sub('[^A-Za-z0-9.-]', '_', origin)}.json"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "API": origin}

    def start(self, *arguments):
        return subprocess.Popen(
            [SCRIPT, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, stdin="", ends_with=0):
        """What it prints; on stderr, if it fails as it is expected to."""
        process = self.start(*arguments)
        said, complaint = process.communicate(stdin, timeout=60)
        assert process.returncode == ends_with, (process.returncode, said, complaint)
        return said if ends_with in {0, REFUSED} else complaint

    def notes(self, **options):
        return self.run("call", "GET", "/api/notes/", **options)

    @property
    def tokens(self):
        return json.loads(self.tokens_file.read_text())

    @tokens.setter
    def tokens(self, tokens):
        self.tokens_file.parent.mkdir(parents=True, exist_ok=True)
        self.tokens_file.write_text(json.dumps(tokens))

    def let_run_out(self):
        self.tokens = {**self.tokens, "access_token": run_out(self.tokens["access_token"])}


@pytest.fixture
def script(tmp_path, person):
    script = Script(tmp_path, person.origin)
    script.run("sign-in", person.fields["email"], stdin=person.fields["password"])
    return script


@pytest.fixture
def astray(tmp_path, stranger):
    """The script on a site that answers as the test says."""
    script = Script(tmp_path, stranger.origin)
    script.tokens = TOKENS
    stranger.answers["/api/notes/"] = Answer(401)
    return script


def test_it_signs_in_calls_and_signs_out(script, person):
    assert script.notes() == "[]"
    assert (
        json.loads(script.run("call", "POST", "/api/notes/", stdin='{"text": "from a shell"}'))["text"]
        == "from a shell"
    )
    assert person.notes() == ["from a shell"]
    tokens = script.tokens
    script.run("sign-out")
    assert "Nobody is signed in" in script.notes(ends_with=SIGNED_OUT)
    assert not script.tokens_file.exists()
    script.tokens = tokens
    assert "session_revoked" in script.notes(ends_with=SIGNED_OUT)


def test_only_the_owner_can_read_the_tokens(script):
    script.let_run_out()
    script.notes()
    files = [script.tokens_file.parent, *script.tokens_file.parent.iterdir()]
    assert {path.name for path in files} == {
        "notes",
        script.tokens_file.name,
        "lock",
    }  # and nothing is left lying about
    assert all(stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 for path in files)
    assert set(script.tokens) == {"access_token", "refresh_token"}


def test_no_argument_of_a_program_is_a_secret(script, person, tmp_path):
    """``ps`` shows them to everybody on the machine."""
    for program in ("curl", "jq"):
        spy = tmp_path / "bin" / program
        spy.parent.mkdir(exist_ok=True)
        spy.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >>{tmp_path}/arguments\nexec {shutil.which(program)} "$@"\n')
        spy.chmod(0o700)
    script.environment["PATH"] = f"{tmp_path}/bin:{os.environ['PATH']}"
    secrets = list(script.tokens.values())
    script.let_run_out()
    script.notes()
    secrets += script.tokens.values()
    script.run("sign-in", person.fields["email"], stdin=person.fields["password"])
    arguments = (tmp_path / "arguments").read_text()
    assert "/auth/refresh" in arguments
    assert person.fields["email"] in arguments
    assert not [secret for secret in [*secrets, person.fields["password"]] if secret in arguments]


def test_a_token_that_ran_out_is_renewed_and_the_request_happens_once(script, person):
    script.let_run_out()
    script.run("call", "POST", "/api/notes/", stdin='{"text": "once"}')
    assert person.notes() == ["once"]
    assert person.count("refresh") == 1


def test_six_at_once_refresh_once(script, person):
    script.let_run_out()
    person.site.hold("/api/notes/", 6)  # so that all six are refused
    processes = [script.start("call", "GET", "/api/notes/") for _ in range(6)]
    assert [process.communicate(timeout=60) for process in processes] == [("[]", "")] * 6
    assert person.count("refresh") == 1


def test_an_answer_that_is_lost_on_the_way_signs_nobody_out(script, person, tmp_path):
    """The site has rotated, and the script has heard nothing: curl dies when it has sent the refresh."""
    lossy = tmp_path / "bin/curl"
    lossy.parent.mkdir()
    lossy.write_text(f'#!/bin/sh\n{shutil.which("curl")} "$@" || exit\ncase "$*" in */auth/refresh) exit 56 ;; esac\n')
    lossy.chmod(0o700)
    script.let_run_out()
    before = script.tokens
    script.environment["PATH"] = f"{lossy.parent}:{os.environ['PATH']}"
    assert "Nobody was signed out" in script.notes(ends_with=TRY_AGAIN)
    assert (script.tokens, person.count("refresh")) == (before, 1)
    script.environment["PATH"] = os.environ["PATH"]
    assert script.notes() == "[]"
    assert (person.count("refresh"), person.count("login")) == (2, 1)


def test_the_end_of_a_session_is_told(script, person):
    person.end_sessions()
    assert script.notes(ends_with=SIGNED_OUT) == "Signed out: session_revoked\n"
    assert not script.tokens_file.exists()


def test_signing_in_again_ends_the_session_of_before(script, person):
    former = script.tokens
    script.run("sign-in", person.fields["email"], stdin=person.fields["password"])
    assert script.notes() == "[]"
    script.tokens = former
    assert "session_revoked" in script.notes(ends_with=SIGNED_OUT)


def test_a_wrong_password_is_told(script, person):
    assert "Not signed in" in script.run("sign-in", person.fields["email"], stdin="wrong", ends_with=SIGNED_OUT)


def test_what_the_api_refuses_is_printed(script):
    assert "may not be blank" in script.run("call", "POST", "/api/notes/", stdin='{"text": ""}', ends_with=REFUSED)


@pytest.mark.parametrize("status", [302, 307, 403, 429, 503])
@pytest.mark.parametrize("curlrc", ["", "location\n"])
def test_neither_a_busy_site_nor_a_redirect_costs_the_tokens(astray, stranger, status, curlrc):
    (astray.home / ".curlrc").write_text(curlrc)
    with type(stranger)() as other:
        stranger.answers["/auth/refresh"] = Answer(status, {"Location": f"{other.origin}/"})
        assert f"the site answered {status}" in astray.notes(ends_with=TRY_AGAIN)
        stranger.answers["/api/notes/"] = Answer(status, {"Location": f"{other.origin}/"})
        astray.notes(ends_with=REFUSED)
        assert other.seen == []
    assert astray.tokens == TOKENS


@pytest.mark.parametrize("body", ["<h1>Welcome to the hotel</h1>", "[]", '{"access_token": "half"}'])
def test_an_answer_of_somebody_else_signs_nobody_out(astray, stranger, body):
    stranger.answers["/auth/refresh"] = Answer(200, {}, body)
    assert "has no tokens" in astray.notes(ends_with=TRY_AGAIN)
    assert astray.tokens == TOKENS


def test_tokens_of_one_site_are_for_no_other(script, stranger):
    own, script.environment["API"] = script.environment["API"], stranger.origin
    assert "Nobody is signed in" in script.notes(ends_with=SIGNED_OUT)
    assert stranger.seen == []
    script.environment["API"] = own
    assert script.notes() == "[]"


def test_only_the_head_can_be_asked_for(script):
    assert script.run("call", "HEAD", "/api/notes/").startswith("HTTP/")


def test_a_path_cannot_lead_to_another_host(script, stranger):
    script.environment["API"] = "http://localhost"
    path = f"@{stranger.origin.removeprefix('http://')}/"
    assert "begins with a slash" in script.run("call", "GET", path, ends_with=TRY_AGAIN)
    assert stranger.seen == []
