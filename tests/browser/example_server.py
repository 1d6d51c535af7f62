"""The example project, started for a test."""

import shutil
from pathlib import Path

from tests.browser.servers import ROOT, Server, Servers, migrate
from tests.missing import need

ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "PYTHONPATH": f"{ROOT}:{ROOT / 'example_project'}",
    "DEBUG": "0",
    "SECRET_KEY": "for the browser tests only, and long enough for HS256",
    "ALLOWED_HOSTS": ".example.test",
}


class Example:
    """Starts the example with more variables in its environment, each time with an empty database."""

    def __init__(self, servers: Servers, directory: Path) -> None:
        need("whitenoise", "dj_database_url", "drf_spectacular_sidecar")
        self.servers, self.directory = servers, directory
        self.template = directory / "template.sqlite3"
        migrate({**ENVIRONMENT, "DATABASE_URL": f"sqlite:///{self.template}"})

    def start(self, certificate: Path | None, port: int = 0, **environment: str) -> Server:
        database = Path(shutil.copy(self.template, self.directory / f"{len(list(self.directory.iterdir()))}.sqlite3"))
        return self.servers.run(
            {**ENVIRONMENT, "DATABASE_URL": f"sqlite:///{database}", **environment}, database, certificate, port
        )
