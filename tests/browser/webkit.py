"""WebKitGTK, driven by its own driver over the WebDriver protocol (W3C), on a screen that nobody sees."""

import json
import os
import shutil
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.browser.engines import PATIENCE, Profile, Tab
from tests.browser.servers import free_port
from tests.missing import is_missing

BROWSERS = "*/webkit2gtk-4*/MiniBrowser"  # below /usr/lib


class WebKit:
    """One browser, whose jar is empty at first. It knows no made-up host names: only ``localhost``."""

    def __init__(self, executable: Path, driver: str, screen: str) -> None:
        self.screen = subprocess.Popen(
            [screen, "-displayfd", "1", "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        display = self.screen.stdout.readline().strip()
        self.port = free_port()
        # The sandbox of its processes does not start as root, or in a container.
        environment = {"DISPLAY": f":{display}", "GDK_BACKEND": "x11", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        self.driver = subprocess.Popen([driver, f"--port={self.port}"], env={**os.environ, **environment})
        options = {"binary": str(executable), "args": ["--automation"]}
        wanted = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        self.session = ""
        self.session = f"/session/{self._start(wanted)['sessionId']}"

    def _start(self, wanted: dict[str, Any]) -> Any:
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                return self.command("POST", "/session", capabilities={"alwaysMatch": wanted})
            except OSError:  # The driver does not listen yet.
                if time.monotonic() > deadline:
                    self.close()
                    raise
                time.sleep(0.05)

    def command(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE / 1000)) as connection:
            connection.request(method, self.session + path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.load(answer)["value"]
        assert answer.status == 200, value
        return value

    def profile(self) -> "WebKitProfile":
        return WebKitProfile(self)

    def close(self) -> None:
        if self.session:
            self.command("DELETE", "")
        for process in (self.driver, self.screen):
            process.terminate()
            process.wait(timeout=30)
        self.screen.stdout.close()


class WebKitTab(Tab):
    def __init__(self, webkit: WebKit) -> None:
        self.webkit = webkit

    def go(self, url: str) -> None:
        self.webkit.command("POST", "/url", url=url)

    def back(self) -> None:
        self.webkit.command("POST", "/back")

    def evaluate(self, script: str) -> Any:
        run = f"(async () => ({script}))().then((it) => done([it]), (error) => done([null, String(error)]))"
        code = f"const done = arguments[0]; {run};"
        value, *error = self.webkit.command("POST", "/execute/async", script=code, args=[])
        assert not error, error
        return value


class WebKitProfile(Profile):
    """The jar of the browser's only tab."""

    def __init__(self, webkit: WebKit) -> None:
        self.webkit = webkit

    def new_tab(self) -> WebKitTab:
        return WebKitTab(self.webkit)

    def described_cookies(self) -> list[dict[str, Any]]:
        return self.webkit.command("GET", "/cookie")

    def close(self) -> None:
        self.webkit.command("DELETE", "/cookie")


def start_webkit() -> WebKit:
    executable = next(Path("/usr/lib").glob(BROWSERS), None)
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    if executable is None or driver is None:
        is_missing("WebKitGTK (webkit2gtk-driver)")
    if screen is None:
        is_missing("Xvfb")
    return WebKit(executable, driver, screen)
