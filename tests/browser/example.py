"""The example project, started for a test, and what a person does on its page."""

import shutil
from pathlib import Path

from tests.browser.engines import PATIENCE
from tests.browser.servers import ROOT, Server, Servers, migrate
from tests.factories import PASSWORD
from tests.missing import need

need("playwright")
from playwright.sync_api import expect  # noqa: E402

expect.set_options(timeout=PATIENCE)  # other tests run meanwhile

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


def sign_up(page, name):
    page.get_by_role("button", name="Create one").click()
    form = page.get_by_role("form", name="Create an account")
    form.get_by_label("Email").fill(f"{name}@example.com")
    form.get_by_label("Password").fill(PASSWORD)
    form.get_by_role("button", name="Create account").click()
    expect_signed_in(page)


def sign_in(page, name, password=PASSWORD):
    form = page.get_by_role("form", name="Sign in")
    form.get_by_label("Email").fill(f"{name}@example.com")
    form.get_by_label("Password").fill(password)
    form.get_by_role("button", name="Sign in", exact=True).click()


def write_note(page, text):
    page.get_by_label("New note").fill(text)
    page.get_by_label("New note").press("Enter")


def add_note(page, text):
    write_note(page, text)
    expect(page.get_by_text(text)).to_be_visible()


def expect_signed_in(page):
    expect(page.get_by_role("heading", name="Your notes", exact=True)).to_be_visible()


def expect_signed_out(page):
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
