"""Chromium with Device Bound Session Credentials: a profile on disk, keys in software, a certificate that it trusts.

Without hardware for keys Chromium keeps them in a file, for tests like these. A certificate that is merely ignored does
not do, so the certificate authority of the tests is trusted in a home directory of the profile's own.
"""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.browser.certificate import Authority
from tests.browser.engines import CHROMIUM_FLAGS, PATIENCE, ChromiumProfile, ChromiumTab
from tests.missing import is_missing

FEATURES = [
    "EnableBoundSessionCredentialsSoftwareKeysForManualTesting",
    "DeviceBoundSessions",
    "PersistDeviceBoundSessions",
]


def trusting_home(authority: Authority) -> Path:
    """A home directory in which Chromium trusts the authority."""
    if shutil.which("certutil") is None:
        is_missing("certutil (libnss3-tools)")
    home = authority.directory / "home"
    database = home / ".pki/nssdb"
    if not database.exists():
        database.mkdir(parents=True)
        for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "root", "-i", str(authority.root)]):
            subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True)
    return home


class DeviceProfile(ChromiumProfile):
    """A person's profile. It can be closed and opened again; ``events`` is what its browser said of bound sessions."""

    def __init__(self, chromium: Any, home: Path, directory: Path, *, can_bind: bool = True) -> None:
        self.chromium, self.home, self.directory, self.can_bind = chromium, home, directory, can_bind
        self.events: list[dict[str, Any]] = []
        super().__init__(self._launch())

    def _launch(self) -> Any:
        features = (
            f"--enable-features={','.join(FEATURES)}" if self.can_bind else "--disable-features=DeviceBoundSessions"
        )
        return self.chromium.launch_persistent_context(
            self.directory,
            executable_path=shutil.which("chromium"),
            args=[*CHROMIUM_FLAGS, "--host-resolver-rules=MAP *.test 127.0.0.1", features],
            env={**os.environ, "HOME": str(self.home)},
        )

    def restart(self) -> None:
        """Close the browser and open it again."""
        self.context.close()
        self.context = self._launch()
        self.context.set_default_timeout(PATIENCE)

    def new_tab(self) -> ChromiumTab:
        page = self.context.new_page()
        devtools = self.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.enableDeviceBoundSessions", {"enable": True})
        devtools.on("Network.deviceBoundSessionEventOccurred", lambda event: self.events.append(event))
        return ChromiumTab(page)

    def wait_for(self, page: Any, kind: str, *, result: str | None = None) -> dict[str, Any]:
        """The next event of a ``kind``, such as "creation", from the browser itself."""
        for _step in range(PATIENCE // 20):
            for event in self.events:
                details = event.get(f"{kind}EventDetails")
                if details is not None and result in [None, *details.values()]:
                    self.events.remove(event)
                    return event
            page.wait_for_timeout(20)
        raise AssertionError(f"no {kind} among {self.events}")

    def has_cookie(self, name: str) -> bool:
        return any(cookie.name == name for cookie in self.cookies())
