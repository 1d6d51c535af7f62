"""WebKitGTK, driven by its own driver over the WebDriver protocol (W3C), on a screen that nobody sees."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.browser.engines import HOSTS, PATIENCE, Profile, Tab
from tests.browser.servers import free_port
from tests.missing import is_missing

BROWSERS = "*/webkit2gtk-4*/MiniBrowser"  # below /usr/lib
#: It knows the names that the machine's resolver knows, and the resolver reads a file: these processes see another one.
WITH_HOSTS = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"']


class WebKit:
    """The driver, which runs one browser at a time."""

    def __init__(self, executable: Path, driver: str, screen: str, hosts: Path) -> None:
        self.executable = executable
        self.screen = subprocess.Popen(
            [screen, "-displayfd", "1", "-nolisten", "tcp"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        display = self.screen.stdout.readline().strip()
        self.port = free_port()
        hosts.write_text(f"127.0.0.1 localhost {' '.join(HOSTS)}\n")
        # The sandbox of its processes does not start as root, or in a container.
        environment = {"DISPLAY": f":{display}", "GDK_BACKEND": "x11", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1"}
        command = [*WITH_HOSTS, str(hosts), driver, f"--port={self.port}"]
        self.driver = subprocess.Popen(command, env={**os.environ, **environment})

    def command(self, method: str, path: str, **body: Any) -> Any:
        data = json.dumps(body).encode() if method == "POST" else None
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=2 * PATIENCE / 1000)) as connection:
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            value = json.load(answer)["value"]
        assert answer.status == 200, value
        return value

    def profile(self, *arguments: str) -> "WebKitProfile":
        """A browser with an empty jar. Tracking prevention is on, as in Safari and GNOME Web: no third-party cookies.

        ``arguments`` are MiniBrowser's own: ``--cookies-policy=always`` allows them.
        """
        arguments = arguments or ("--enable-itp",)
        options = {"binary": str(self.executable), "args": ["--automation", *arguments]}
        wanted = {"acceptInsecureCerts": True, "webkitgtk:browserOptions": options}
        deadline = time.monotonic() + PATIENCE / 1000
        while True:
            try:
                session = self.command("POST", "/session", capabilities={"alwaysMatch": wanted})
            except OSError:  # The driver does not listen yet.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return WebKitProfile(self, f"/session/{session['sessionId']}")

    def close(self) -> None:
        for process in (self.driver, self.screen):
            process.terminate()
            process.wait(timeout=30)
        self.screen.stdout.close()


class WebKitTab(Tab):
    def __init__(self, profile: "WebKitProfile", handle: str) -> None:
        self.profile, self.handle = profile, handle

    def command(self, method: str, path: str, **body: Any) -> Any:
        """A command to this window."""
        self.profile.command("POST", "/window", handle=self.handle)
        return self.profile.command(method, path, **body)

    def go(self, url: str) -> None:
        self.profile.visited(url)
        self.command("POST", "/url", url=url)

    def reload(self) -> None:
        self.command("POST", "/refresh")

    def back(self) -> None:
        self.command("POST", "/back")

    def evaluate(self, script: str) -> Any:
        run = f"(async () => ({script}))().then((it) => done([it]), (error) => done([null, String(error)]))"
        code = f"const done = arguments[0]; {run};"
        value, *error = self.command("POST", "/execute/async", script=code, args=[])
        assert not error, error
        return value


class WebKitProfile(Profile):
    """One browser. The driver tells one page's cookies, so the origins of front end and API are remembered."""

    def __init__(self, webkit: WebKit, session: str) -> None:
        self.webkit, self.session = webkit, session
        self.unused = [self.command("GET", "/window")]  # a browser begins with a window
        self.origins: set[str] = set()

    def command(self, method: str, path: str, **body: Any) -> Any:
        return self.webkit.command(method, self.session + path, **body)

    def visited(self, url: str) -> None:
        page = urlsplit(url)
        apis = (urlsplit(api) for api in parse_qs(page.query).get("api", []))
        self.origins |= {f"{each.scheme}://{each.netloc}" for each in (page, *apis)}

    def new_tab(self) -> WebKitTab:
        handle = self.unused.pop() if self.unused else self.command("POST", "/window/new", type="tab")["handle"]
        return WebKitTab(self, handle)

    @contextmanager
    def at_each_origin(self) -> Iterator[Iterator[WebKitTab]]:
        tab = WebKitTab(self, self.command("POST", "/window/new", type="tab")["handle"])

        def go() -> Iterator[WebKitTab]:
            for origin in sorted(self.origins):
                tab.command("POST", "/url", url=f"{origin}/nothing-is-here")
                yield tab

        yield go()
        tab.command("DELETE", "/window")

    def described_cookies(self) -> list[dict[str, Any]]:
        with self.at_each_origin() as tabs:
            found = [cookie for tab in tabs for cookie in tab.command("GET", "/cookie")]
        return list({(cookie["name"], cookie["domain"], cookie["path"]): cookie for cookie in found}.values())

    def forget(self, name: str) -> None:
        with self.at_each_origin() as tabs:
            for tab in tabs:
                tab.command("DELETE", f"/cookie/{name}")

    def close(self) -> None:
        self.command("DELETE", "")


def start_webkit(directory: Path) -> WebKit:
    executable = next(Path("/usr/lib").glob(BROWSERS), None)
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    if executable is None or driver is None:
        is_missing("WebKitGTK (webkit2gtk-driver)")
    if screen is None:
        is_missing("Xvfb")
    hosts = directory / "hosts"
    hosts.touch()
    if subprocess.run([*WITH_HOSTS, hosts, "true"], capture_output=True).returncode:
        is_missing("the right to make a mount namespace, for WebKit's host names,")
    return WebKit(executable, driver, screen, hosts)
