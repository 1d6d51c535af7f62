"""Front ends on axios, ky and a generated client (example_project/frontends), built and served by their own tools."""

import json
import sys
from urllib.request import Request, urlopen

import pytest

from tests.browser.example import Example, expect
from tests.browser.example_server import ENVIRONMENT
from tests.browser.npm import install, run, vite
from tests.browser.servers import ROOT, free_port
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.nightly]

FRONT_ENDS = ROOT / "example_project/frontends"
#: The page of each front end, and how many refreshes two tabs at once may make.
PAGES = {
    "axios": ("axios", "/", 2),
    "axios-auth-refresh": ("axios", "/auth-refresh.html", 2),
    "ky": ("ky", "/", 2),
    "openapi": ("openapi", "/", 1),
}


@pytest.fixture(scope="module", params=PAGES)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def server(servers, tmp_path_factory):
    example = Example(servers, tmp_path_factory.mktemp("example"))
    return example.start(None, DEBUG="1", ALLOWED_HOSTS="localhost")


@pytest.fixture(scope="module")
def address(kind, server, tmp_path_factory):
    """The page, built, and served by Vite in front of the API."""
    name, path, _refreshes = PAGES[kind]
    build(name, tmp_path_factory.mktemp("client"))
    with vite(FRONT_ENDS / name, "preview", port=free_port(), DJANGO=server.origin("localhost")) as origin:
        yield origin + path


def build(name, directory):
    app = install(FRONT_ENDS / name, directory)
    if name == "openapi":
        manage = str(ROOT / "example_project/manage.py")
        run(app, sys.executable, manage, "spectacular", "--file", "schema.yaml", **ENVIRONMENT)
        run(app, "npm", "run", "schema")
    run(app, "npm", "run", "build")


@pytest.fixture
def account(server, name):
    """Somebody who has an account, and is not signed in here."""
    fields = {"email": f"{name}@example.com", "password": PASSWORD}
    headers = {"Content-Type": "application/json"}
    url = f"{server.origin('localhost')}/auth/register"
    with urlopen(Request(url, json.dumps(fields).encode(), headers)):  # noqa: S310  # http, of this machine
        return fields


@pytest.fixture
def open_page(profile, address):
    def open_page():
        return profile.open(address).page

    return open_page


@pytest.fixture
def page(open_page, account, server):
    page = open_page()
    sign_in(page, account)
    expect_signed_in(page)
    server.forget_seen()
    return page


def sign_in(page, account):
    page.get_by_label("Email").fill(account["email"])
    page.get_by_label("Password").fill(account["password"])
    page.get_by_role("button", name="Sign in").click()


def expect_signed_in(page):
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def expect_signed_out(page):
    expect(page.get_by_role("form", name="Sign in")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()


def add_notes(page, *texts):
    page.get_by_role("textbox", name="New notes").fill("\n".join(texts))
    page.get_by_role("button", name="Add").click()


def refreshes(server):
    return [seen.status for seen in server.seen("/auth/refresh", "POST")]


def posts(server):
    return sorted(seen.status for seen in server.seen("/api/notes/", "POST"))


def test_a_person_is_still_there_after_a_reload_and_not_after_signing_out(page, profile, account):
    add_notes(page, "a note")
    expect(page.get_by_role("listitem")).to_have_text("a note")
    page.reload()
    expect_signed_in(page)
    expect(page.get_by_role("listitem")).to_have_text("a note")
    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    expect(page.get_by_role("listitem")).to_have_count(0)
    assert profile.cookies() == []
    page.reload()
    expect_signed_out(page)


def test_a_wrong_password_is_told_and_refreshes_nothing(open_page, account, server):
    page = open_page()
    expect_signed_out(page)
    server.forget_seen()
    sign_in(page, {**account, "password": "wrong"})
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect_signed_out(page)
    assert [seen.status for seen in server.seen("/auth/login", "POST")] == [401]
    assert refreshes(server) == []


def test_an_access_token_that_ran_out_is_not_noticed(page, profile, server):
    profile.forget("access_token")
    add_notes(page, "with a renewed token")
    expect(page.get_by_role("listitem")).to_have_text("with a renewed token")
    assert refreshes(server) == [200]
    assert posts(server) == [201, 401]


def test_six_requests_at_once_make_one_refresh(page, profile, server):
    profile.forget("access_token")
    server.hold("/api/notes/", parties=6)  # so that all six are refused
    add_notes(page, *"abcdef")
    expect(page.get_by_role("listitem")).to_have_count(6)
    assert posts(server) == [201] * 6 + [401] * 6
    assert refreshes(server) == [200]


def test_a_refusal_that_comes_after_the_refresh_makes_no_second_one(page, profile, server):
    late = []

    def hold_back(route):
        if not late and "late" in (route.request.post_data or ""):
            late.append((route, route.fetch()))
        else:
            route.continue_()

    page.route("**/api/notes/", hold_back)
    profile.forget("access_token")
    server.hold("/api/notes/", parties=2)
    with page.expect_response("**/auth/refresh"):
        add_notes(page, "late", "early")
    [(route, answer)] = late
    route.fulfill(response=answer)
    expect(page.get_by_role("listitem")).to_have_count(2)
    assert posts(server) == [201, 201, 401, 401]
    assert refreshes(server) == [200]


def test_two_tabs_at_once_stay_signed_in(page, open_page, profile, server, kind):
    _app, _path, most = PAGES[kind]
    other = open_page()
    expect_signed_in(other)
    for turn in ("once", "again"):
        profile.forget("access_token")
        server.forget_seen()
        server.hold("/api/notes/", parties=2)
        for number, tab in enumerate((page, other)):
            add_notes(tab, f"{turn} from tab {number}")
        for number, tab in enumerate((page, other)):
            expect(tab.get_by_text(f"{turn} from tab {number}")).to_be_visible()
        assert set(refreshes(server)) == {200}
        assert 1 <= len(refreshes(server)) <= most


def test_signing_out_in_one_tab_shows_in_the_other_at_its_next_request(page, open_page):
    other = open_page()
    expect_signed_in(other)
    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    if other.get_by_role("button", name="Sign out").is_visible():
        add_notes(other, "too late")
    expect_signed_out(other)


@pytest.mark.parametrize(
    "answer",
    [
        lambda route: route.fulfill(status=429, body="{}"),
        lambda route: route.fulfill(status=503, body="{}"),
        lambda route: route.abort(),
    ],
    ids=["429", "503", "no network"],
)
def test_a_refresh_that_cannot_be_answered_now_signs_nobody_out(page, profile, answer):
    page.route("**/auth/refresh", answer)
    profile.forget("access_token")
    add_notes(page, "not now")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect_signed_in(page)
    page.unroute_all()
    add_notes(page, "but now")
    expect(page.get_by_text("but now")).to_be_visible()
