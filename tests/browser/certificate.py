"""A certificate for every name of the tests. Clients are told to accept it, or to trust who issued it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = ["localhost", "*.test", "*.example.test", "*.other.test"]


class Authority:
    """A certificate authority in a ``directory``: ``root`` is its own certificate, ``certificate`` the servers' one.

    Both are PEM files, and the servers' has its key, too.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.root, self.certificate = directory, directory / "root.pem", directory / "certificate.pem"
        root_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _key in range(2))
        root = self._issue("tests", root_key, root_key, x509.BasicConstraints(True, None))
        server = self._issue("server", server_key, root_key, x509.SubjectAlternativeName(map(x509.DNSName, NAMES)))
        pem = serialization.Encoding.PEM
        key = server_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.root.write_bytes(root.public_bytes(pem))
        self.certificate.write_bytes(key + server.public_bytes(pem))

    @staticmethod
    def _issue(subject: str, key: Any, root_key: Any, extension: x509.ExtensionType) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=2))
            .add_extension(extension, critical=False)
            .sign(root_key, hashes.SHA256())
        )
