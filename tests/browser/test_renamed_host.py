"""Behind a proxy that renames the host, and on the loopback interface while debugging: there the origin rule believes
``Sec-Fetch-Site: same-origin``. Attackers' pages try to get that word, or the header of the proxy, into a request."""

import pytest

from tests.browser import attacks
from tests.browser.front_end import FrontEnd, sign_in_data

pytestmark = pytest.mark.browser

API = "app.example.test"
RENAMING = ["tests.browser.site.proxy.RenamesHost", "corsheaders.middleware.CorsMiddleware"]
#: One for each way to have no Origin of one's own. The others are in test_forgery.py.
FORMS = pytest.mark.parametrize(
    "attack",
    [attacks.form_urlencoded, attacks.form_without_referrer, attacks.form_in_a_sandbox, attacks.fetch_urlencoded],
    ids=lambda attack: attack.__name__,
)
ATTACKERS = pytest.mark.parametrize("attacker", ["evil.test", "blog.example.test"])


@pytest.fixture
def proxied(servers):
    return servers.get(MIDDLEWARE=RENAMING, FASTAUTH={"COOKIE_SAMESITE": "none", "COOKIE_PARTITIONED": False})


@pytest.fixture
def profile(allowing):
    yield allowing
    allowing.empty()


class Victim:
    """Somebody who is signed in at ``origin``, and all that an attack could change."""

    def __init__(self, profile, server, origin, name):
        self.profile, self.server, self.origin = profile, server, origin
        self.app = FrontEnd(profile.open(f"{origin}/page"))
        self.app.sign_up(name)
        assert self.app.add_note("my own") == 201
        self.before = self.state()
        server.forget_seen()

    def state(self):
        return self.profile.cookies(), self.app.me(), self.app.notes()

    def is_as_before(self):
        return self.state() == self.before


@pytest.fixture
def victim(profile, proxied, name):
    return Victim(profile, proxied, proxied.origin(API), name)


def test_the_own_page_needs_no_setting(profile, proxied, name):
    app = FrontEnd(profile.open(proxied.origin(API) + "/page"))
    app.sign_up(name)
    assert app.add_note("through the proxy") == 201
    assert app.refresh()
    app.sign_out()
    assert profile.cookies() == []
    app.sign_in(name)
    assert app.me() is not None


@ATTACKERS
@FORMS
def test_a_simple_request_of_another_page_is_refused(profile, pages, victim, attacker, attack, names):
    tab = profile.new_tab()
    for path, fields in {
        "/notes": {"text": "forged"},
        "/auth/refresh": {},
        "/auth/logout": {},
        "/auth/login": sign_in_data(next(names)),
    }.items():
        tab.go(pages.origin(attacker))
        attack(tab, victim.origin + path, fields)
        assert {seen.status for seen in victim.server.seen(path)} <= {403, 415}
    assert victim.is_as_before()


@ATTACKERS
@pytest.mark.parametrize("header", ["X-Forwarded-Host", "Forwarded", "Sec-Fetch-Site"])
@pytest.mark.parametrize("mode", ["cors", "no-cors"])
def test_no_page_can_send_the_header_of_the_proxy_to_another_origin(profile, pages, victim, attacker, header, mode):
    own = pages.origin(attacker).partition("://")[2]
    value = {"X-Forwarded-Host": own, "Forwarded": f"host={own}", "Sec-Fetch-Site": "same-origin"}[header]

    profile.open(pages.origin(attacker)).run(
        """(url, header, value, mode) => fetch(url, {
            method: "POST", credentials: "include", mode,
            headers: { [header]: value }, body: new URLSearchParams({ text: "forged" }),
        }).then(() => null, () => null)""",
        *[victim.origin + "/notes", header, value, mode],
    )

    arrived = victim.server.seen("/notes")
    if mode == "cors" and header != "Sec-Fetch-Site":
        assert {seen.method for seen in arrived} == {"OPTIONS"}
    else:
        [seen] = [seen for seen in arrived if seen.method == "POST"]
        assert (seen.status, seen.forwarded, seen.fetch_site == "same-origin") == (403, [], False)
    assert victim.is_as_before()


@ATTACKERS
@pytest.mark.parametrize("times", [1, 2])
def test_a_forged_form_whose_page_is_reloaded_is_refused(profile, pages, victim, attacker, times):
    """One engine then calls the form "same-origin". The host before the proxy is not that of its Origin."""
    tab = profile.open(pages.origin(attacker))
    attacks.form_urlencoded(tab, victim.origin + "/notes", {"text": "forged"})
    for _time in range(times):
        tab.reload()

    arrived = victim.server.seen("/notes", "POST")
    assert [seen.status for seen in arrived] == [403] * (1 + times)
    assert {seen.origin for seen in arrived} == {pages.origin(attacker)}
    assert victim.is_as_before()


# --- The loopback interface, while debugging


@pytest.fixture
def developer(profile, servers, name):
    """Somebody who is signed in to the project on this machine, which answers to every host."""
    server = servers.get(tls=False, DEBUG=True)
    return Victim(profile, server, server.origin("localhost"), name)


@FORMS
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.test"])
def test_a_page_on_another_port_of_this_machine_is_refused(profile, plain_pages, developer, host, attack):
    tab = profile.new_tab()
    for path in ["/notes", "/auth/logout"]:
        tab.go(plain_pages.origin(host))
        attack(tab, developer.origin + path, {"text": "forged"})

    assert {seen.fetch_site for seen in developer.server.seen("/auth/logout")} <= {"same-site", "cross-site"}
    assert {seen.status for seen in developer.server.seen("/auth/logout")} == {403}
    assert developer.is_as_before()


def test_a_name_that_was_rebound_to_this_machine_acts_for_nobody(profile, developer):
    """DNS rebinding: the attacker's name leads to our server now, so its page is of the server's own origin."""
    rebound = profile.open(developer.server.origin("evil.test") + "/page")
    post = """(url) => fetch(url, {
        method: "POST", credentials: "include", body: new URLSearchParams({ text: "forged" }),
    }).then(({ status }) => status, () => "refused")"""

    assert rebound.run(post, "/notes") == 401  # The cookies are those of another host.
    assert rebound.run(post, developer.origin + "/notes") == "refused"
    assert rebound.run(post, developer.origin + "/auth/logout") == "refused"
    assert developer.is_as_before()


def test_a_name_that_was_rebound_is_refused_by_default(profile, servers):
    server = servers.get(tls=False, DEBUG=True, ALLOWED_HOSTS=[])
    tab = profile.open(server.origin("evil.test") + "/page")

    post = "(path) => fetch(path, { method: 'POST' }).then(({ status }) => status)"
    assert [tab.run(post, path) for path in ["/auth/login", "/auth/logout", "/auth/refresh"]] == [400] * 3
