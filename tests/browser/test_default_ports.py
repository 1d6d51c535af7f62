"""Origins as they are in the world, without a port: https://app.default.test and https://api.default.test."""

import pytest

from tests.browser import attacks
from tests.browser.front_end import FrontEnd, sign_in_data

pytestmark = pytest.mark.browser

PAGE, API = "https://app.default.test", "https://api.default.test"


@pytest.fixture(scope="module")
def server(servers, default_ports):
    return servers.start(port=default_ports["api.default.test:443"], FASTAUTH={"CORS_ORIGINS": [PAGE]})


@pytest.mark.parametrize("page", [f"{API}/page", f"{PAGE}/page?api={API}/auth/"], ids=["one-origin", "two-origins"])
def test_a_person_stays_signed_in_until_signing_out(server, profile, name, page):
    app = FrontEnd(profile.open(page))
    app.sign_up(name)
    app.tab.reload()
    assert app.me() is not None
    profile.forget("access_token")
    assert app.add_note("without a port") == 201
    app.sign_out()
    assert profile.cookies() == []


@pytest.mark.parametrize("host", ["api.default.test", "app.default.test"])
def test_the_same_name_over_http_can_neither_act_nor_sign_in(server, profile, names, host):
    """Whoever controls the network can put any page there."""
    app, name, attackers_name = FrontEnd(profile.open(f"{API}/page")), next(names), next(names)
    app.sign_up(attackers_name)
    app.sign_out()
    app.sign_up(name)
    before = profile.cookies()
    for path, fields in {"/notes": {"text": "forged"}, "/auth/login": sign_in_data(attackers_name)}.items():
        for attack in (attacks.form_urlencoded, attacks.fetch_urlencoded):
            attack(profile.open(f"http://{host}/"), API + path, fields)
            assert server.seen(path)[-1].origin == f"http://{host}"
    assert profile.cookies() == before
    assert app.notes() == []
