"""The example's apps that a server renders, Next.js and SvelteKit, built and started by their own tools and used in
Chromium as a person does. Django is behind them; the browser knows only the app's address."""

import re
from functools import partial
from http.client import HTTPConnection
from types import SimpleNamespace
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.browser import attacks
from tests.browser.example import Example, expect
from tests.browser.frameworks import TOOLS, App
from tests.browser.servers import free_port
from tests.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.nightly]

ACCESS, REFRESH = "__Host-access_token", "__Host-refresh_token"
#: What is best for an attacker: the cookies go along with everything.
TO_EVERYBODY = {"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": "false"}


@pytest.fixture(scope="module")
def start_api(servers, tmp_path_factory):
    """Start Django. The frameworks' servers are the only ones that call it, and nobody is between."""
    example = Example(servers, tmp_path_factory.mktemp("example"))
    return partial(example.start, None, ALLOWED_HOSTS="127.0.0.1,localhost", NUM_PROXIES="1")


@pytest.fixture(scope="module", params=TOOLS)
def app(request, start_api, tmp_path_factory):
    """An app, built and started, and the API behind it. Next.js has to know the API's address when it builds."""
    port = free_port()
    app = App(request.param, f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("app"))
    try:
        yield SimpleNamespace(name=app.name, built=app, api=start_api(port), origin=app.start())
    finally:
        app.close()


@pytest.fixture
def page(profile, app, name):
    """The app's page, for somebody who has just signed up."""
    page = profile.open(f"{app.origin}/sign-in").page
    sign_up(page, name)
    return page


def sign_up(page, name):
    page.get_by_label("Email").fill(f"{name}@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect_signed_in(page, name)


def expect_signed_in(page, name):
    expect(page.get_by_role("heading", name=f"Notes of {name}@example.com")).to_be_visible()


def expect_signed_out(page):
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("heading", name="Notes", exact=True)).to_be_visible()


def add_note(page, text):
    page.get_by_label("New note").fill(text)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("listitem").get_by_text(text)).to_be_visible()


def notes(page):
    return page.evaluate("() => fetch('/notes').then((answer) => answer.json())")


def count(app, path, method="POST"):
    return len(app.api.seen(path, method))


def ask(app, page):
    """Ask for the page as the browser does whose access token has run out. Returns the connection with the answer."""
    (refresh,) = (cookie["value"] for cookie in page.context.cookies() if cookie["name"] == REFRESH)
    connection = HTTPConnection("localhost", urlsplit(app.origin).port)
    connection.request("GET", "/", headers={"Cookie": f"{REFRESH}={refresh}"})
    return connection


def test_a_person_stays_signed_in_until_signing_out(profile, app, page, name):
    add_note(page, "the first")
    page.reload()
    expect_signed_in(page, name)
    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    assert profile.cookies() == []
    page.reload()
    expect_signed_out(page)


def test_the_server_renders_what_is_the_persons_own(app, page, name):
    add_note(page, "rendered")
    html = page.context.request.get(app.origin).text()
    assert f"{name}@example.com" in html
    assert "rendered" in html


def test_the_session_is_of_the_persons_browser(app, page):
    """Or a list of devices would show the framework's server."""
    (session,) = page.context.request.get(f"{app.api.origin('localhost')}/auth/sessions").json()
    assert session["user_agent"] == page.evaluate("navigator.userAgent")


def test_an_access_token_that_ran_out_is_not_noticed(profile, app, page, name):
    refreshes = count(app, "/auth/refresh")
    profile.forget(ACCESS)
    response = page.reload()
    assert f"{name}@example.com" in response.text(), "the server did it, not the page's script"
    assert count(app, "/auth/refresh") == refreshes + 1
    assert response.request.redirected_from is not None
    assert {cookie.name for cookie in profile.cookies()} == {ACCESS, REFRESH}


def test_a_page_load_that_was_broken_off_is_answered_the_second_time(app, page, name):
    """The answer with the new cookies came too late for it, and the browser still has the old ones."""
    answers = []
    for _turn in range(2):
        connection = ask(app, page)
        answers.append(answer := connection.getresponse())
        answer.text = answer.read().decode()
        connection.close()
    assert [answer.status for answer in answers] == [307, 200]
    assert f"{name}@example.com" in answers[1].text
    set_cookies = [line.partition("=")[0] for line in answers[1].headers.get_all("Set-Cookie")]
    assert set_cookies == [ACCESS]


def test_a_form_with_an_access_token_that_ran_out_acts_once(profile, page):
    profile.forget(ACCESS)
    add_note(page, "once")
    assert [note["text"] for note in notes(page)] == ["once"]


def test_a_form_acts_without_any_script(profile, app, page):
    context = page.context.browser.new_context(java_script_enabled=False, ignore_https_errors=True)
    context.add_cookies(page.context.cookies())
    without = context.new_page()
    without.goto(app.origin)
    add_note(without, "by hand")
    context.clear_cookies(name=ACCESS)
    add_note(without, "with a new token")
    context.close()
    assert len(notes(page)) == 2


def test_six_requests_at_once_make_one_refresh(app, page):
    refreshes = count(app, "/auth/refresh")
    app.api.hold("/auth/refresh", parties=2)
    connections = [ask(app, page) for _number in range(6)]
    urlopen(f"{app.origin}/sign-in").close()  # noqa: S310  # By now all six are there,
    with pytest.raises(HTTPError, match=r"40[013]"):
        urlopen(f"{app.api.origin('127.0.0.1')}/auth/refresh", data=b"")  # noqa: S310  # and the one refresh goes on.
    answers = [connection.getresponse() for connection in connections]
    assert [answer.status for answer in answers] == [307] * 6
    assert len({tuple(answer.headers.get_all("Set-Cookie")) for answer in answers}) == 1
    assert count(app, "/auth/refresh") == refreshes + 2
    for connection in connections:
        connection.close()


def test_six_requests_of_a_page_at_once_are_all_answered(profile, page, name):
    profile.forget(ACCESS)
    statuses = page.evaluate(
        """() => Promise.all(
            Array.from({ length: 6 }, (_, n) => fetch(`/notes?${n}`).then((answer) => answer.status)))"""
    )
    assert statuses == [200] * 6
    page.reload()
    expect_signed_in(page, name)


@pytest.mark.parametrize("app", ["next"], indirect=True)
def test_a_page_that_makes_a_client_is_rendered_at_build_time(app):
    """``createClient()`` stands at the top of a module, and touches nothing of a browser before it is used."""
    assert re.search(r"○ /sign-in\b", app.built.build_log)


@pytest.mark.parametrize("app", ["sveltekit"], indirect=True)
def test_the_types_of_the_app_are_right(app):
    """``next build`` looks at them by itself."""
    app.built.run("node_modules/svelte-check/bin/svelte-check", "--fail-on-warnings")


def test_the_types_of_the_published_client_are_strict(app):
    options = [
        "--noEmit",
        "--strict",
        "--allowJs",
        "--checkJs",
        "--target",
        "es2023",
        "--lib",
        "es2023,dom,dom.iterable",
    ]
    package = "node_modules/fastauth-django-client"
    app.built.run(
        "node_modules/typescript/bin/tsc",
        *[*options, "--module", "nodenext", "--types", "node"],
        *(f"{package}/{name}" for name in ["fastauth.d.ts", "server.d.ts", "server.js"]),
    )


def test_two_tabs_whose_access_token_ran_out_both_go_on(profile, app, page, name):
    other = profile.open(app.origin).page
    for _turn in range(2):
        profile.forget(ACCESS)
        for tab in (page, other):
            tab.evaluate("() => void setTimeout(() => location.reload())")
        for tab in (page, other):
            tab.wait_for_load_state()
            expect_signed_in(tab, name)
    profile.forget(ACCESS)
    add_note(page, "still here")


def test_signing_out_signs_out_the_other_tab(profile, app, page):
    other = profile.open(app.origin).page
    page.get_by_role("button", name="Sign out").click()
    expect_signed_out(page)
    if app.name == "sveltekit":  # no script of ours runs there
        other.reload()
    expect_signed_out(other)


def test_a_session_that_was_ended_elsewhere_is_over(profile, app, page):
    ended = page.context.request.delete(f"{app.api.origin('localhost')}/auth/sessions/all")
    assert ended.ok
    page.reload()
    expect_signed_out(page)
    assert profile.cookies() == []


def test_an_api_that_is_down_signs_nobody_out(profile, app, page):
    cookies = profile.cookies()
    origin = app.built.start(API_URL=f"http://127.0.0.1:{free_port()}")
    response = page.goto(origin)
    assert response.status == 200
    assert "The server does not answer just now." in response.text()
    profile.forget(ACCESS)
    assert page.goto(origin).status == 200
    assert [cookie for cookie in cookies if cookie.name == REFRESH] == profile.cookies()


def without_type(tab, url, fields):
    """A body of no type is no form to a framework that looks at the type of a request."""
    tab.run(
        """async (url, text) => {
            const body = new Blob([text]);
            await fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body });
        }""",
        url,
        fields["text"],
    )


@pytest.fixture(params=["a port of its host", "another site"])
def attacker(request, pages, plain_pages):
    """Where the evil page is. To the first one's requests cookies of any kind are added."""
    return plain_pages.origin("localhost") if request.param == "a port of its host" else pages.origin("evil.test")


@pytest.fixture(scope="module")
def start_for_victim(app, allowing, start_api, names):
    """Start the app anew for somebody who is signed in, and whose browser adds the cookies to everything."""

    def start_for_victim(**environment):
        api = start_api(**TO_EVERYBODY, **environment)
        origin = app.built.start(API_URL=api.origin("127.0.0.1"))
        page = allowing.open(f"{api.origin('localhost')}/").page
        name = next(names)
        status = page.evaluate(
            """(data) => fetch("/auth/register", { method: "POST", headers: { "Content-Type": "application/json" },
                body: JSON.stringify(data) }).then((answer) => answer.status)""",
            {"email": f"{name}@example.com", "password": PASSWORD},
        )
        assert status == 201
        page.goto(origin)
        expect_signed_in(page, name)
        return SimpleNamespace(profile=allowing, page=page, origin=origin, api=api, name=name, app_name=app.name)

    yield start_for_victim
    allowing.empty()


@pytest.fixture(scope="module")
def victim(start_for_victim):
    return start_for_victim()


@pytest.mark.parametrize("attack", [*attacks.SIMPLE, without_type], ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("target", ["handler", "action", "sign-out"])
def test_an_evil_page_cannot_act(victim, app, attacker, attack, target):
    url, fields = f"{victim.origin}/notes", {"text": "forged"}
    if app.name == "sveltekit" and target != "handler":
        url = f"{victim.origin}/?/{'add' if target == 'action' else 'signOut'}"
    elif target == "action":
        html = victim.page.context.request.get(victim.origin).text()
        url, (hidden,) = f"{victim.origin}/", re.findall(r'name="(\$ACTION_[^"]+)"', html)
        fields[hidden] = ""
    elif target == "sign-out":
        url = f"{victim.origin}/auth/logout"
    tab = victim.profile.open(attacker)
    attack(tab, url, fields)
    tab.page.close()
    if target == "handler" and attack is without_type:  # The framework has no objection to it.
        assert victim.api.seen("/api/notes/", "POST")[-1].status == 403
    victim.page.reload()
    expect_signed_in(victim.page, victim.name)
    assert notes(victim.page) == []


def test_it_is_the_origin_rule_that_stops_it(start_for_victim, plain_pages):
    """With the rule off the same page acts through the framework's server, or the test above could not fail."""
    victim = start_for_victim(CSRF_PROTECTION="null")
    tab = victim.profile.open(plain_pages.origin("localhost"))
    without_type(tab, f"{victim.origin}/notes", {"text": "forged"})
    # 400: SvelteKit drops a body without a type. But the visitor was let in.
    assert victim.api.seen("/api/notes/", "POST")[-1].status == {"next": 201, "sveltekit": 400}[victim.app_name]
