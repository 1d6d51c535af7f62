"""What a person does on the page of the example project."""

from tests.browser.engines import PATIENCE
from tests.browser.example_server import Example as Example
from tests.factories import PASSWORD
from tests.missing import need

need("playwright")
from playwright.sync_api import expect  # noqa: E402

expect.set_options(timeout=PATIENCE)  # other tests run meanwhile


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
