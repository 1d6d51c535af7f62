"""Chromium and Firefox behind the same few words: a profile is a cookie jar, a tab shows a page of it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from tests.browser.npm import packages
from tests.missing import is_missing, need

FIREFOX_DRIVER = Path(__file__).parent / "firefox"
ENGINES = ["chromium", "firefox", "webkit"]
HOSTS = ["app.example.test", "api.example.test", "blog.example.test", "api.other.test"]
PATIENCE = 20_000  # ms
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Cookie:
    """A cookie as it lies in the jar."""

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    httponly: bool
    samesite: str
    partitioned: bool  # which Firefox does not tell

    @classmethod
    def of(cls, described: dict[str, Any]) -> "Cookie":
        """A cookie as the drivers of both engines describe it."""
        return cls(
            name=described["name"],
            value=described["value"],
            domain=described["domain"],
            path=described["path"],
            secure=described["secure"],
            httponly=described["httpOnly"],
            samesite=described["sameSite"].lower(),
            partitioned="partitionKey" in described,
        )


class Tab:
    """A page, to run script in."""

    def run(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function with ``arguments`` in the page, and wait for what it returns."""
        return self.evaluate(self._in_time(self._call(function, arguments)))

    def begin(self, function: str, *arguments: Any) -> Callable[[], Any]:
        """The same without waiting: returns what waits."""
        self.evaluate(f"void (window.outcome = {self._call(function, arguments)})")
        return lambda: self.evaluate(self._in_time("window.outcome"))

    @staticmethod
    def _call(function: str, arguments: tuple[Any, ...]) -> str:
        return f"({function})({', '.join(json.dumps(argument) for argument in arguments)})"

    @staticmethod
    def _in_time(expression: str) -> str:
        """A test that waits for what never comes has failed."""
        late = f"new Promise((_, reject) => setTimeout(reject, {PATIENCE}, new Error('nothing came')))"
        return f"Promise.race([{expression}, {late}])"

    def wait_until(self, condition: str) -> None:
        """Wait until a JavaScript function returns true."""
        self.run(
            f"""() => new Promise((resolve) => {{
                const look = () => ({condition})() ? resolve() : setTimeout(look, 20);
                look();
            }})"""
        )

    def evaluate(self, script: str) -> Any:
        raise NotImplementedError


class Profile:
    """A cookie jar, and the tabs that use it."""

    def open(self, url: str) -> Any:
        """A new tab that shows ``url``."""
        tab = self.new_tab()
        tab.go(url)
        return tab

    def cookies(self) -> list[Cookie]:
        return [Cookie.of(described) for described in self.described_cookies()]

    def new_tab(self) -> Any:
        raise NotImplementedError

    def described_cookies(self) -> list[dict[str, Any]]:
        raise NotImplementedError


class ChromiumTab(Tab):
    def __init__(self, page: Any) -> None:
        self.page = page

    def go(self, url: str) -> None:
        self.page.goto(url)

    def back(self) -> None:
        """Press the Back button. Playwright's own would wait for a page to load, and a kept one does not."""
        with self.page.expect_event("framenavigated"):
            self.page.evaluate("() => setTimeout(() => history.back())")

    def reload(self) -> None:
        self.page.reload()

    def evaluate(self, script: str) -> Any:
        return self.page.evaluate(script)


class ChromiumProfile(Profile):
    """A fresh profile, or the person's own settings where ``context`` was started with them."""

    def __init__(self, context: Any) -> None:
        context.set_default_timeout(PATIENCE)
        self.context = context

    def new_tab(self) -> ChromiumTab:
        return ChromiumTab(self.context.new_page())

    def described_cookies(self) -> list[dict[str, Any]]:
        return self.context.cookies()

    def forget(self, name: str) -> None:
        """Let a cookie expire."""
        self.context.clear_cookies(name=name)

    def empty(self) -> None:
        """Close all tabs and take all cookies away."""
        for page in self.context.pages:
            page.close()
        self.context.clear_cookies()

    def close(self) -> None:
        self.context.close()


class Chromium:
    """Debian's Chromium, driven by Playwright: one process, and one more for each set of preferences.

    Every name under .test is this machine; ``ports`` says for some ``host:port`` which port it really is.
    """

    def __init__(self, playwright: Any, directory: Path, ports: dict[str, int]) -> None:
        self.chromium, self.directory = playwright.chromium, directory
        self.executable = shutil.which("chromium")
        mapped = [f"MAP {authority} 127.0.0.1:{port}" for authority, port in ports.items()]
        rules = ", ".join([*mapped, "MAP *.test 127.0.0.1"])
        self.flags = [*CHROMIUM_FLAGS, f"--host-resolver-rules={rules}"]
        self.browser = self.chromium.launch(executable_path=self.executable, args=self.flags)

    def profile(self) -> ChromiumProfile:
        return ChromiumProfile(self.browser.new_context(ignore_https_errors=True))

    def profile_with(self, preferences: dict[str, Any]) -> ChromiumProfile:
        """A profile of a person who changed the browser's settings."""
        home = self.directory / f"profile-{len(list(self.directory.iterdir()))}"
        (home / "Default").mkdir(parents=True)
        (home / "Default/Preferences").write_text(json.dumps({"profile": preferences}))
        context = self.chromium.launch_persistent_context(
            home, executable_path=self.executable, args=self.flags, ignore_https_errors=True
        )
        return ChromiumProfile(context)

    def profile_that_keeps_pages(self) -> ChromiumProfile:
        """A profile with pages kept for the Back button, as everybody's is. Playwright switches that off."""
        context = self.chromium.launch_persistent_context(
            self.directory / f"profile-{len(list(self.directory.iterdir()))}",
            executable_path=self.executable,
            args=self.flags,
            ignore_default_args=["--disable-back-forward-cache"],
            ignore_https_errors=True,
        )
        return ChromiumProfile(context)

    def close(self) -> None:
        self.browser.close()


class Firefox:
    """Firefox ESR, driven by puppeteer-core in a process of node."""

    def __init__(self, executable: str, driver: Path) -> None:
        self.process = subprocess.Popen(
            ["node", str(driver / "driver.mjs"), executable, ",".join(HOSTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def command(self, command: str, **options: Any) -> Any:
        self.process.stdin.write(json.dumps({"command": command, **options}) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self.process.stdout.readline()
        assert line, "the driver of Firefox ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def profile(self) -> "FirefoxProfile":
        return FirefoxProfile(self)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


class FirefoxTab(Tab):
    def __init__(self, firefox: Firefox, number: int) -> None:
        self.firefox, self.number = firefox, number

    def go(self, url: str) -> None:
        self.firefox.command("go", tab=self.number, url=url)

    def reload(self) -> None:
        self.firefox.command("reload", tab=self.number)

    def evaluate(self, script: str) -> Any:
        return self.firefox.command("run", tab=self.number, script=script)


class FirefoxProfile(Profile):
    def __init__(self, firefox: Firefox) -> None:
        self.firefox = firefox
        self.number = firefox.command("newProfile")

    def new_tab(self) -> FirefoxTab:
        return FirefoxTab(self.firefox, self.firefox.command("newTab", profile=self.number))

    def described_cookies(self) -> list[dict[str, Any]]:
        # If a second begins while Firefox removes a cookie (Max-Age=0), it is there, empty, until that second is over.
        described = self.firefox.command("cookies", profile=self.number)
        return [each for each in described if each["value"] or not 0 <= each["expires"] <= time() + 1]

    def forget(self, name: str) -> None:
        for described in self.described_cookies():
            if described["name"] == name:
                self.firefox.command("deleteCookie", profile=self.number, cookie=described)

    def close(self) -> None:
        self.firefox.command("close", profile=self.number)


def start_chromium(directory: Path, ports: dict[str, int]) -> tuple[Chromium, Callable[[], None]]:
    """Chromium, and what ends it and its driver."""
    if shutil.which("chromium") is None:
        is_missing("Chromium")
    need("playwright")
    from playwright.sync_api import sync_playwright

    playwright = sync_playwright().start()
    try:
        chromium = Chromium(playwright, directory, ports)
    except BaseException:
        playwright.stop()
        raise

    def end() -> None:
        chromium.close()
        playwright.stop()

    return chromium, end


def start_firefox() -> Firefox:
    executable = shutil.which("firefox-esr")
    if executable is None:
        is_missing("Firefox ESR")
    with packages(FIREFOX_DRIVER):
        return Firefox(executable, FIREFOX_DRIVER)
