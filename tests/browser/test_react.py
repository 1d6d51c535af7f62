"""The React app of the example (docs/front-ends/react.md): built and served by its own tools, with the client as npm
packs it, across origins and through Vite's one-line proxy."""

import re

import pytest

from tests.browser.example import Example, expect
from tests.browser.npm import run, vite
from tests.browser.servers import free_port
from tests.factories import PASSWORD

pytestmark = pytest.mark.browser

#: Requests of the app's own client, which Vite serves as the one module that the app itself imports. Each has another
#: address, because Chromium's cache lets one request at a time through for one address.
ASK = """(numbers) => import("/src/auth.ts").then(({ ask }) =>
    Promise.all(numbers.map((number) => ask(`/api/notes/?${number}`).then((notes) => notes.length))))"""
BEGIN_TO_ASK = f"(numbers) => void (window.asked = ({ASK})(numbers))"
REMEMBER_FIRST_SIGHT = """() => addEventListener("pageshow", ({ persisted }) =>
    (window.atFirst = [persisted, document.body.innerText]))"""
SIGN_UP = """(data) => import("/src/auth.ts").then(({ auth }) => auth.signUp(data))"""


@pytest.fixture(scope="module", params=["proxy", "cross-origin"])
def site(request, react_app, servers, tmp_path_factory):
    """The page's address and the server of its API."""
    port = free_port()
    page = f"http://localhost:{port}"
    example = Example(servers, tmp_path_factory.mktemp("example"))
    environment = {"DEBUG": "1", "ALLOWED_HOSTS": "localhost"}
    if request.param == "cross-origin":
        environment["CORS_ORIGINS"] = page
    server = example.start(None, **environment)
    api = server.origin("localhost")
    with vite(react_app, port=port, **{"proxy": {"DJANGO": api}, "cross-origin": {"VITE_API": api}}[request.param]):
        yield page, server
    servers.stop(server)


@pytest.fixture
def open_app(profile, site):
    address, _server = site

    def open_app():
        page = profile.open(address).page
        expect(page.get_by_text("Looking whether")).to_be_hidden()
        return page

    return open_app


@pytest.fixture
def page(open_app, name):
    """The app in a tab of somebody who has just signed in."""
    page = open_app()
    page.evaluate(SIGN_UP, {"email": f"{name}@example.com", "password": PASSWORD})
    expect_signed_in(page, name)
    return page


def expect_signed_in(page, name):
    expect(page.get_by_text(f"{name}@example.com")).to_be_visible()


def expect_signed_out(page):
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def add_note(page, text):
    page.get_by_label("New note").fill(text)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_text(text)).to_be_visible()


def test_a_person_signs_out_and_in_and_is_still_there_after_a_reload(page, name):
    add_note(page, "a note")
    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    expect(page.get_by_text("a note")).to_be_hidden()
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The credentials are wrong.")
    expect(page.get_by_label("Email")).to_have_value(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("a note")).to_be_visible()
    page.reload()
    expect_signed_in(page, name)
    expect(page.get_by_text("a note")).to_be_visible()


def test_an_access_token_that_ran_out_is_not_noticed(page, profile):
    profile.forget("access_token")
    add_note(page, "with a renewed token")


def test_six_requests_at_once_make_one_refresh(page, profile, site):
    _address, server = site
    add_note(page, "the only one")
    profile.forget("access_token")
    server.forget_seen()
    server.hold("/api/notes/", parties=6)

    assert page.evaluate(ASK, [1, 2, 3, 4, 5, 6]) == [1] * 6

    statuses = [seen.status for seen in server.seen("/api/notes/", "GET")]
    assert (statuses.count(401), statuses.count(200)) == (6, 6)
    assert [seen.status for seen in server.seen("/auth/refresh", "POST")] == [200]


def test_two_tabs_are_one_person(page, open_app, profile, site, name):
    _address, server = site
    other = open_app()
    expect_signed_in(other, name)
    profile.forget("access_token")
    server.forget_seen()
    server.hold("/api/notes/", parties=2)
    for number, tab in enumerate([page, other]):
        tab.evaluate(BEGIN_TO_ASK, [number])
    assert [tab.evaluate("() => window.asked") for tab in (page, other)] == [[0], [0]]
    assert [seen.status for seen in server.seen("/auth/refresh", "POST")] == [200]

    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    expect_signed_out(other)

    other.get_by_label("Email").fill(f"{name}@example.com")
    other.get_by_label("Password").fill(PASSWORD)
    other.get_by_role("button", name="Sign in").click()
    expect_signed_in(page, name)  # by name: the other tab told that somebody signed in, the server who


def test_a_first_visit_asks_once_and_leaves_no_error_in_the_console(profile, site):
    address, server = site
    server.forget_seen()
    tab = profile.open("about:blank")
    errors = []
    tab.page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.go(address)
    expect_signed_out(tab.page)
    assert [seen.status for seen in server.seen("/auth/me", "GET")] == [204]
    assert server.seen("/auth/refresh", "POST") == []
    assert errors == []


def test_strict_mode_makes_no_second_refresh(page, profile, open_app, site, name):
    """React mounts twice there, and each time asks who is signed in."""
    _address, server = site
    profile.forget("access_token")
    server.forget_seen()
    expect_signed_in(open_app(), name)
    assert [seen.status for seen in server.seen("/auth/me", "GET")] == [401, 200]
    assert len(server.seen("/auth/refresh", "POST")) == 1


def test_back_after_a_sign_out_shows_nothing_of_the_person(chromium, site, name):
    address, _server = site
    profile = chromium.profile_that_keeps_pages()
    try:
        tab = profile.open(address)
        tab.page.evaluate(SIGN_UP, {"email": f"{name}@example.com", "password": PASSWORD})
        add_note(tab.page, "private")
        tab.run(REMEMBER_FIRST_SIGHT)
        tab.go(f"{address}/vite.config.ts")
        profile.context.clear_cookies()
        tab.back()
        tab.wait_until("() => window.atFirst")
        persisted, text = tab.run("() => window.atFirst")
        assert persisted
        assert name not in text
        assert "private" not in text
        expect_signed_out(tab.page)
    finally:
        profile.close()


def test_a_server_that_cannot_be_reached_is_told_and_asked_again(page, profile, open_app, site, name):
    address, _server = site
    tab = profile.open("about:blank")
    tab.page.route(re.compile("/auth/me"), lambda route: route.abort())
    tab.go(address)
    expect(tab.page.get_by_text("The server cannot be reached.")).to_be_visible()
    tab.page.unroute_all()
    tab.page.evaluate("() => dispatchEvent(new Event('online'))")
    expect_signed_in(tab.page, name)


def test_the_app_builds_and_its_types_are_right(react_app, tmp_path):
    run(react_app, "npm", "run", "build", "--", "--outDir", str(tmp_path), "--emptyOutDir")
    assert (tmp_path / "index.html").exists()
