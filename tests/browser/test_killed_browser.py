"""Chromium, killed two seconds after a refresh, comes back with the cookies that its disk had: they reach it up to
thirty seconds late. Nobody is signed out by that but who had used what the browser then lost, and not as a thief."""

import os
import re
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from tests.browser.engines import ChromiumProfile
from tests.browser.front_end import FrontEnd, claims_of

pytestmark = pytest.mark.browser

PATIENCE = 30  # seconds


class KilledChromium:
    """Chromium with a profile on disk, in a process group of its own. :meth:`start` it as often as wanted."""

    def __init__(self, chromium, home: Path) -> None:
        self.chromium, self.home = chromium, home

    def start(self) -> ChromiumProfile:
        told = self.home / "DevToolsActivePort"
        told.unlink(missing_ok=True)
        options = ["--headless", "--remote-debugging-port=0", f"--user-data-dir={self.home}", "--password-store=basic"]
        self.process = subprocess.Popen(
            [self.chromium.executable, *self.chromium.flags, *options, "--ignore-certificate-errors", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while not (told.exists() and told.read_text().count("\n")):
            assert time.monotonic() < deadline, "Chromium does not say on which port it listens"
            time.sleep(0.05)
        port = told.read_text().split()[0]
        self.browser = self.chromium.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
        return ChromiumProfile(self.browser.contexts[0])

    def quit(self) -> None:
        """As a person does: the cookies reach the disk."""
        self.browser.new_browser_cdp_session().send("Browser.close")
        self.process.wait(PATIENCE)

    def kill(self) -> None:
        """All of its processes, as the kernel does when memory runs out, or the power."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@pytest.fixture
def browser(chromium, tmp_path):
    browser = KilledChromium(chromium, tmp_path)
    yield browser
    if browser.process.poll() is None:
        browser.kill()


@pytest.fixture
def server(servers):
    return servers.start()


def generation_in(profile: ChromiumProfile) -> int:
    return next(claims_of(cookie)["gen"] for cookie in profile.cookies() if cookie.name == "refresh_token")


def ten_minutes_pass(server, session_id: str) -> None:
    """The server's process has a clock of its own, so the row is set back."""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        changed = connection.execute(
            "UPDATE fastauth_django_authsession SET rotated_at = datetime(rotated_at, '-10 minutes') WHERE id = ?",
            [UUID(session_id).hex],
        )
        assert changed.rowcount == 1


REFRESH = "() => fetch('/auth/refresh', { method: 'POST' }).then((answer) => answer.status)"
READ = "() => fetch('/notes').then((answer) => answer.status)"


@pytest.mark.parametrize("used", [True, False], ids=["used", "not used"])
def test_browser_killed_two_seconds_after_a_refresh(browser, server, name, used, record_property):
    page = server.origin("app.example.test") + "/page"
    profile = browser.start()
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    session_id = next(claims_of(cookie)["sid"] for cookie in profile.cookies() if cookie.name == "refresh_token")
    browser.quit()

    profile = browser.start()
    assert generation_in(profile) == 0
    tab = profile.open(page)
    assert tab.run(REFRESH) == 200
    assert generation_in(profile) == 1
    if used:
        assert tab.run(READ) == 200
        assert server.session(session_id)["seen"] == 1
    time.sleep(2)  # The kill is what is tested, and when.
    browser.kill()

    ten_minutes_pass(server, session_id)
    profile = browser.start()
    came_back_with = generation_in(profile)
    record_property("came back with generation", came_back_with)
    print(f"used: {used}, came back with generation {came_back_with} of 1")
    status = profile.open(page).run(REFRESH)

    alarms = re.findall(r"reused: same_client=(\w+) age=(\d+)", server.log.with_suffix(".err").read_text())
    row = server.session(session_id)
    if used and came_back_with == 0:
        assert status == 401
        assert row["revoked_reason"] == "reuse"
        [(same_client, age)] = alarms
        assert same_client == "True"
        assert int(age) >= 600
    else:
        assert status == 200
        assert row["revoked_at"] is None
        assert alarms == []
    browser.quit()
