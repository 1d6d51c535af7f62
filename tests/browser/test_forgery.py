"""Pages of other people, open in the browser of somebody who is signed in.

The person's browser is set to allow third-party cookies, and COOKIE_SAMESITE="none" goes without Partitioned: what is
best for the attacker. The last tests switch the rule off, to show that these attacks do work.
"""

import pytest

from tests.browser import attacks
from tests.browser.front_end import FrontEnd, sign_in_data
from tests.factories import PASSWORD, sign_up_data

pytestmark = pytest.mark.browser

SAMESITE = pytest.mark.parametrize("samesite", ["lax", "strict", "none"])


def by_attack(functions):
    return pytest.mark.parametrize("attack", functions, ids=lambda attack: attack.__name__)


ATTACKERS = {"another-site": "evil.test", "sibling": "blog.example.test"}
NEW_PASSWORD = "chosen by the attacker 9"


@pytest.fixture
def profile(allowing):
    yield allowing
    allowing.empty()


@pytest.fixture
def page_of(profile):
    """A page of somebody, always in the same tab, loaded anew when an attack has taken the tab elsewhere."""
    tabs = []

    def page_of(origin):
        if not tabs:
            tabs.append(profile.open(origin))
        elif not tabs[0].page.url.startswith(origin):
            tabs[0].go(origin)
        return tabs[0]

    return page_of


@pytest.fixture(params=ATTACKERS)
def attacker(request, pages):
    return pages.origin(ATTACKERS[request.param])


@pytest.fixture
def serve(servers, samesite):
    def serve(**fastauth):
        return servers.get(FASTAUTH={"COOKIE_SAMESITE": samesite, "COOKIE_PARTITIONED": False, **fastauth})

    return serve


@pytest.fixture(scope="module")
def attackers(chromium, names):
    """The attacker's own account on a server: its name, and the page of a browser that is signed in to it."""
    accounts = {}

    def on(server):
        if server not in accounts:
            name, profile = next(names), chromium.profile()
            app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
            app.sign_up(name)
            accounts[server] = name, app, profile
        name, app, _profile = accounts[server]
        return name, app

    yield on
    for _name, _app, profile in accounts.values():
        profile.close()


def requests_to_forge(attackers_name, new_name):
    """What an attacker would have the victim's browser post."""
    return {
        "/notes": {"text": "forged"},
        "/auth/refresh": {"refresh_token": ""},
        "/auth/account/change-password": {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
        "/auth/login": sign_in_data(attackers_name),
        "/auth/register": sign_up_data(new_name),
        "/auth/logout": {"refresh_token": ""},
    }


class Victim:
    """Somebody who is signed in, and everything an attack could change."""

    def __init__(self, profile, server, name):
        self.profile, self.server, self.name = profile, server, name
        self.app = FrontEnd(profile.open(server.origin("app.example.test") + "/page"))
        self.app.sign_up(name)
        self.app.add_note("my own")
        server.forget_seen()

    def state(self):
        jar = {cookie for cookie in self.profile.cookies() if cookie.name in {"access_token", "refresh_token"}}
        return jar, self.app.me(), self.app.notes(), self.app.sessions()

    def can_still_sign_in(self):
        self.app.sign_out()
        self.app.sign_in(self.name)
        return self.app.me() is not None


@SAMESITE
@by_attack([*attacks.SIMPLE, attacks.fetch_json])
def test_no_forged_post_changes_anything(profile, page_of, serve, attacker, attack, name, names, attackers):
    server = serve()
    victim = Victim(profile, server, name)
    before = victim.state()
    attackers_name, _app = attackers(server)
    server.forget_seen()
    for path, fields in requests_to_forge(attackers_name, next(names)).items():
        attack(page_of(attacker), server.origin("app.example.test") + path, fields)
        arrived = server.seen(path)
        assert arrived, f"the attack on {path} never reached the server"
        if attack in attacks.PREFLIGHTED:
            assert {seen.method for seen in arrived} == {"OPTIONS"}
        else:
            assert {seen.status for seen in arrived} <= {401, 403, 415}
    assert victim.state() == before
    assert victim.can_still_sign_in()


@SAMESITE
def test_no_forged_delete_changes_anything(profile, page_of, serve, attacker, name):
    server = serve()
    victim = Victim(profile, server, name)
    before = victim.state()
    server.forget_seen()
    for path in ("/notes", "/auth/sessions/all"):
        attacks.fetch_delete(page_of(attacker), server.origin("app.example.test") + path, {})
        assert [seen.method for seen in server.seen(path)] == ["OPTIONS"]
    assert victim.state() == before


@SAMESITE
@by_attack(attacks.GET)
def test_no_get_changes_anything(profile, page_of, serve, attacker, attack, name):
    server = serve()
    victim = Victim(profile, server, name)
    before = victim.state()
    server.forget_seen()
    for path in (*requests_to_forge(name, name), "/auth/me", "/auth/sessions", "/auth/sessions/all"):
        attack(page_of(attacker), server.origin("app.example.test") + path, {})
        assert [seen.method for seen in server.seen(path)] == ["GET"]
    assert victim.state() == before
    assert victim.can_still_sign_in()


@SAMESITE
def test_no_answer_can_be_read(profile, page_of, serve, attacker, name):
    server = serve()
    Victim(profile, server, name)
    page = page_of(attacker)
    for path in ("/notes", "/auth/me", "/auth/sessions"):
        read = "(url) => fetch(url, { credentials: 'include' }).then((answer) => answer.text(), () => null)"
        assert page.run(read, server.origin("app.example.test") + path) is None


@pytest.mark.parametrize(
    "attack", [attacks.form_urlencoded, attacks.fetch_urlencoded], ids=lambda attack: attack.__name__
)
@pytest.mark.parametrize("samesite", ["lax"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_same_name_on_another_port_or_over_http_is_another_origin(
    profile, page_of, serve, pages, plain_pages, scheme, attack, name, names, attackers
):
    server = serve()
    victim = Victim(profile, server, name)
    before = victim.state()
    attackers_name, _app = attackers(server)
    attacker = {"http": plain_pages, "https": pages}[scheme].origin("app.example.test")
    for path, fields in requests_to_forge(attackers_name, next(names)).items():
        attack(page_of(attacker), server.origin("app.example.test") + path, fields)
    assert victim.state() == before


@SAMESITE
def test_an_attack_on_nobody_signs_nobody_in(profile, page_of, serve, attacker, attackers):
    """Login CSRF against a person without any cookie: from then on, all they do would be in the attacker's account."""
    server = serve()
    attackers_name, _app = attackers(server)
    for attack in (attacks.form_urlencoded, attacks.fetch_urlencoded, attacks.form_in_a_frame):
        attack(page_of(attacker), server.origin("app.example.test") + "/auth/login", sign_in_data(attackers_name))
    assert profile.cookies() == []


# --- What SameSite does on its own

ALL = {"link", "image", "frame", "form_urlencoded", "form_in_a_frame", "fetch_urlencoded"}
NAVIGATIONS = {"link", "form_urlencoded"}


@pytest.mark.parametrize(
    ("host", "samesite", "partitioned", "carrying"),
    [
        ("blog.example.test", "lax", False, ALL),
        ("blog.example.test", "strict", False, ALL),
        ("blog.example.test", "none", False, ALL),
        ("blog.example.test", "none", True, ALL),
        ("evil.test", "lax", False, {"link"}),
        ("evil.test", "strict", False, set()),
        ("evil.test", "none", False, ALL),
        ("evil.test", "none", True, NAVIGATIONS),
    ],
)
def test_which_requests_of_another_page_carry_the_cookies(
    profile, page_of, servers, pages, name, host, samesite, partitioned, carrying
):
    server = servers.get(FASTAUTH={"COOKIE_SAMESITE": samesite, "COOKIE_PARTITIONED": partitioned})
    Victim(profile, server, name)
    carried = set()
    for technique in sorted(ALL):
        getattr(attacks, technique)(page_of(pages.origin(host)), server.origin("app.example.test") + "/notes", {})
        if "access_token" in server.seen("/notes")[-1].cookies:
            carried.add(technique)
    assert carried == carrying


# --- With the rule switched off: these attacks are real


def carries_cookies(attacker, samesite):
    """SameSite stops another site, unless it is None; a sibling subdomain is the same site."""
    return "blog.example.test" in attacker or samesite == "none"


@SAMESITE
def test_with_the_rule_off_a_form_acts_as_the_victim(profile, page_of, serve, attacker, samesite, name):
    server = serve(CSRF_PROTECTION=None)
    victim = Victim(profile, server, name)
    url = server.origin("app.example.test") + "/notes"
    attacks.form_urlencoded(page_of(attacker), url, {"text": "forged"})
    expected = ["my own", "forged"] if carries_cookies(attacker, samesite) else ["my own"]
    assert victim.app.notes() == expected


@SAMESITE
def test_with_the_rule_off_a_form_signs_the_victim_out(profile, page_of, serve, attacker, name):
    """Whatever SameSite says: the answer to a top-level navigation may clear cookies."""
    server = serve(CSRF_PROTECTION=None)
    victim = Victim(profile, server, name)
    url = server.origin("app.example.test") + "/auth/logout"
    attacks.form_urlencoded(page_of(attacker), url, {"refresh_token": ""})
    assert profile.cookies() == []
    assert victim.app.me() is None


@SAMESITE
def test_with_the_rule_off_a_form_signs_the_victim_into_the_attackers_account(
    profile, page_of, serve, attacker, name, attackers
):
    server = serve(CSRF_PROTECTION=None)
    victim = Victim(profile, server, name)
    attackers_name, attackers_app = attackers(server)
    url = server.origin("app.example.test") + "/auth/login"
    attacks.form_urlencoded(page_of(attacker), url, sign_in_data(attackers_name))
    victim.app.add_note(f"a secret of {name}")
    assert f"a secret of {name}" in attackers_app.notes()
