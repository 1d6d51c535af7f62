"""Chromium with Device Bound Session Credentials: a profile on disk, keys in software, a certificate that it trusts.

Without hardware for keys Chromium keeps them in a file, for tests like these. A certificate that is merely ignored does
not do, so there is a certificate authority of our own, trusted in a home directory of the profile's own.
"""

import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.browser.engines import CHROMIUM_FLAGS, PATIENCE, ChromiumProfile, ChromiumTab
from tests.missing import is_missing

FEATURES = [
    "EnableBoundSessionCredentialsSoftwareKeysForManualTesting",
    "DeviceBoundSessions",
    "PersistDeviceBoundSessions",
]
NAMES = ["localhost", "*.example.test", "*.other.test"]


class Authority:
    """A certificate authority, and one certificate of it for every name of the tests."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.root, self.server = directory, directory / "root.pem", directory / "server.pem"
        root_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _key in range(2))
        root = self._certificate("tests", root_key, "tests", root_key, x509.BasicConstraints(True, None))
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in NAMES])
        pem = serialization.Encoding.PEM
        key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.root.write_bytes(root.public_bytes(pem))
        self.server.write_bytes(
            key + self._certificate("server", server_key, "tests", root_key, names).public_bytes(pem)
        )

    @staticmethod
    def _certificate(subject: str, key: Any, issuer: str, issuer_key: Any, extension: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(extension, critical=False)
            .sign(issuer_key, hashes.SHA256())
        )

    def trusting_home(self) -> Path:
        """A home directory in which Chromium trusts this authority."""
        if shutil.which("certutil") is None:
            is_missing("certutil (libnss3-tools)")
        home = self.directory / "home"
        database = home / ".pki/nssdb"
        if not database.exists():
            database.mkdir(parents=True)
            for arguments in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "root", "-i", str(self.root)]):
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

    def open(self, url: str) -> ChromiumTab:
        page = self.context.new_page()
        devtools = self.context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.enableDeviceBoundSessions", {"enable": True})
        devtools.on("Network.deviceBoundSessionEventOccurred", lambda event: self.events.append(event))
        tab = ChromiumTab(page)
        tab.go(url)
        return tab

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
