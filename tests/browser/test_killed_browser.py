"""Chromium is killed two seconds after a refresh, and started again on what it had written to the disk.

Cookies reach the disk up to 30 seconds late, so the browser comes back with the refresh cookie from before. What
happens to the session depends on whether the browser had used the access cookie that it lost. So that each case is
tested in each run, a test may start it on a copy of its directory with the older cookies, or have the newer written.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.browser.engines import ChromiumProfile
from tests.browser.front_end import FrontEnd, claims_of

pytestmark = pytest.mark.browser

PATIENCE = 30  # seconds
REFRESH = """() => fetch("/auth/refresh", { method: "POST" })
    .then(async (answer) => [answer.status, (await answer.json()).code ?? null])"""
ALARMS = "() => fetch('/alarms').then((answer) => answer.json())"


class KillableChromium:
    """Chromium with one person's directory. It may be killed, and started again."""

    def __init__(self, engine, directory: Path) -> None:
        self.engine, self.directory = engine, directory

    def start(self) -> None:
        port_file = self.directory / "DevToolsActivePort"
        port_file.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                self.engine.executable,
                *self.engine.flags,
                "--headless",
                "--remote-debugging-port=0",
                "--ignore-certificate-errors",  # the tests' own
                "--password-store=basic",  # a key to encrypt cookies with that no keyring has to remember
                f"--user-data-dir={self.directory}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        port = wait_for(lambda: port_file.exists() and port_file.read_text().split("\n")[0])
        self.browser = self.engine.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        self.profile = ChromiumProfile(self.browser.contexts[0])

    def kill(self) -> None:
        """End all of its processes at once. It writes nothing more."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)

    def quit(self) -> None:
        """Close it as a person does: it writes its cookies to the disk."""
        self.browser.new_browser_cdp_session().send("Browser.close")
        self.process.wait(PATIENCE)

    def open(self, page: str) -> FrontEnd:
        return FrontEnd(self.profile.open(page))

    def refresh_token(self) -> dict[str, Any]:
        """The claims of the token in the refresh cookie."""
        [cookie] = [cookie for cookie in self.profile.cookies() if cookie.name == "refresh_token"]
        return claims_of(cookie)


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not (outcome := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return outcome


@pytest.fixture
def killable(chromium, tmp_path):
    killable = KillableChromium(chromium, tmp_path / "profile")
    yield killable
    killable.kill()


class Visit:
    """A person who signed up in a browser, and refreshed before it was killed."""

    def __init__(self, chromium: KillableChromium, server: Any, name: str) -> None:
        self.chromium, self.server, self.page = chromium, server, server.origin("app.example.test") + "/page"
        self.before = chromium.directory.with_name("before")
        chromium.start()
        chromium.open(self.page).sign_up(name)
        chromium.quit()
        shutil.copytree(chromium.directory, self.before, symlinks=True)
        chromium.start()
        self.front_end = chromium.open(self.page)
        self.session_id = chromium.refresh_token()["sid"]
        assert self.refresh() == [200, None]
        assert chromium.refresh_token()["gen"] == 1

    def refresh(self) -> list[Any]:
        """Status and code of the answer."""
        return self.front_end.tab.run(REFRESH)

    def kill(self, *, disk: str) -> None:
        """Kill the browser two seconds later. Its disk then holds the cookies from before the refresh or from after."""
        if disk == "from after":
            self.chromium.quit()
            self.chromium.start()
        time.sleep(2)
        self.chromium.kill()
        if disk == "from before":
            self.chromium.directory = self.before

    def come_back(self) -> int:
        """Start the browser again, when the access cookie has expired. Return the refresh cookie's generation."""
        self.chromium.start()
        self.front_end = self.chromium.open(self.page)
        self.chromium.profile.forget("access_token")
        return self.chromium.refresh_token()["gen"]

    def session(self) -> dict[str, Any]:
        return self.server.session(self.session_id)

    def alarms(self) -> list[dict[str, Any]]:
        """What the project's receivers of signals were told of this session."""
        told = self.front_end.tab.run(ALARMS)
        return [alarm for alarm in told if UUID(alarm.pop("session")) == UUID(self.session_id)]


@pytest.fixture
def visit(killable, servers, name, request):
    fastauth = {"REFRESH_GRACE": getattr(request, "param", 1)}  # seconds: over when the browser is back, by default
    return Visit(killable, servers.get(ROOT_URLCONF="tests.browser.site.alarms", FASTAUTH=fastauth), name)


def expect_signed_in(visit, alarms):
    assert visit.refresh() == [200, None]
    assert visit.alarms() == alarms
    assert visit.session()["revoked_at"] is None
    assert visit.chromium.refresh_token()["gen"] == visit.session()["generation"] == 2
    assert visit.front_end.me() is not None


def expect_reuse(visit):
    assert visit.refresh() == [401, "refresh_token_reused"]
    [alarm] = visit.alarms()
    assert 2 <= alarm.pop("age") < PATIENCE
    assert alarm == {"what": "reused", "same_client": True}
    assert visit.session()["revoked_reason"] == "reuse"
    assert visit.front_end.me() is None


LOST = {"what": "repeated", "lost": True}


def test_newer_cookie_signs_in(visit):
    assert visit.front_end.me() is not None
    visit.kill(disk="from after")
    assert visit.come_back() == 1
    expect_signed_in(visit, alarms=[])


def test_older_cookie_is_a_lost_answer_if_the_newer_was_never_used(visit):
    visit.kill(disk="from before")
    assert visit.come_back() == 0
    expect_signed_in(visit, alarms=[LOST])


def test_older_cookie_is_reuse_by_the_same_client_if_the_newer_was_used(visit):
    assert visit.front_end.me() is not None
    visit.kill(disk="from before")
    assert visit.come_back() == 0
    expect_reuse(visit)


@pytest.mark.parametrize("used", [True, False], ids=["used", "not used"])
def test_whatever_chromium_had_written(visit, used):
    """The older cookie, unless Chromium happened to write within these seconds. It decides what follows."""
    if used:
        assert visit.front_end.me() is not None
    visit.kill(disk="as it is")
    if visit.come_back() == 1:
        expect_signed_in(visit, alarms=[])
    elif used:
        expect_reuse(visit)
    else:
        expect_signed_in(visit, alarms=[LOST])


@pytest.mark.parametrize("visit", [60], indirect=True, ids=["REFRESH_GRACE = 60"])
def test_within_the_grace_it_is_answered_like_another_tab(visit):
    """It gets an access cookie and keeps the older refresh cookie, so what follows is decided at the next refresh."""
    assert visit.front_end.me() is not None
    visit.kill(disk="from before")
    assert visit.come_back() == 0
    assert visit.refresh() == [200, None]
    assert visit.alarms() == [{"what": "repeated", "lost": False}]
    assert visit.chromium.refresh_token()["gen"] == 0
    assert visit.front_end.me() is not None
