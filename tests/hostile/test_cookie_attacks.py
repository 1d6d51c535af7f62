"""What an attacker can do to the Cookie header: by planting cookies from a neighbouring host, or by writing it himself.

``Ada`` is signed in; ``Bob`` is the attacker, who has an account of his own and wants her to act in it, or to break.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser
from tests.hostile.watching import nothing_comes_of_it

HOST_ACCESS, HOST_REFRESH = "__Host-access_token", "__Host-refresh_token"


def header(*parts: str) -> dict[str, str]:
    """A Cookie header as a server hands it on: bytes, read as latin-1."""
    return {"HTTP_COOKIE": "; ".join(parts).encode().decode("latin-1")}


@pytest.fixture
def ada(signed_in) -> Browser:
    return signed_in


@pytest.fixture
def bob(other_account) -> Browser:
    browser = Browser()
    browser.sign_in(other_account)
    return browser


def octal(token: str) -> str:
    """Every letter as a backslash and three digits, in quotes: Python's cookies may be spelled so."""
    return '"' + "".join(f"\\{ord(letter):03o}" for letter in token) + '"'


#: Headers in which Ada's cookie stands somewhere, ``{}``, among things that must not hide it.
AMONG = {
    "garbage before": (f"{ACCESS}=garbage", "{name}={token}"),
    "garbage after": ("{name}={token}", f"{ACCESS}=garbage"),
    "no equals sign": ("garbage", "{name}={token}", "garbage"),
    "nothing but semicolons": (";;;", "{name}={token}", ";;;"),
    "no name": ("=garbage", "{name}={token}", "="),
    "no value": (f"{ACCESS}=", "{name}={token}"),
    "attributes of RFC 2109": ("$Version=1", "{name}={token}", "$Path=/", "$Domain=example.com"),
    "version in quotes": ('$Version="1"', "{name}={token}", '$Path="/"'),
    "quotes that never end": ('theme="dark', "{name}={token}"),
    "backslashes": ("theme=\\\\\\", "{name}={token}"),
    "bad octal escapes": ('theme="\\999\\4"', "{name}={token}"),
    "NUL": ("theme=a\0b", "{name}={token}"),
    "line break": ("theme=a\r\nSet-Cookie: b", "{name}={token}"),
    "letters of all the world": ("тема=тёмная", "{name}={token}", "🍪=🍪"),
    "4 kB": (f"theme={'x' * 4096}", "{name}={token}"),
    "64 kB": (f"theme={'x' * 65536}", "{name}={token}"),
    "64 kB of the same name": (f"{ACCESS}={'x' * 65536}", "{name}={token}"),
    "1,000 cookies": (*(f"c{number}={number}" for number in range(1000)), "{name}={token}"),
    "1,000 of the same name": (*(f"{ACCESS}=garbage{number}" for number in range(1000)), "{name}={token}"),
    "name within a value": (f"x={ACCESS}=garbage", "{name}={token}"),
    "names that end alike": (f"x{ACCESS}=garbage", f"x-{ACCESS}=garbage", "{name}={token}"),
    "names that begin alike": (f"{ACCESS}x=garbage", f"{ACCESS}.x=garbage", "{name}={token}"),
    "name in capitals": (f"{ACCESS.upper()}=garbage", "{name}={token}"),
    "names with spaces": (f"{ACCESS} x=garbage", f"x {ACCESS}=garbage", "{name}={token}"),
    "token in quotes": ('{name}="{token}"',),
    "no space after the semicolon": ("theme=dark;{name}={token};x=y",),
}


@pytest.mark.parametrize("parts", AMONG.values(), ids=AMONG)
class TestAmongOtherCookies:
    def cookies(self, parts, name, token):
        return header(*(part.replace("{name}", name).replace("{token}", token) for part in parts))

    def test_the_access_cookie_is_found(self, ada, account, parts):
        response = Browser().get("/private", **self.cookies(parts, ACCESS, ada.cookie(ACCESS)))

        assert response.json() == {"user": account.user.get_username()}

    def test_the_refresh_cookie_is_found(self, ada, parts):
        response = Browser().post("/auth/refresh", **self.cookies(parts, REFRESH, ada.cookie(REFRESH)))

        assert response.status_code == 200

    def test_without_it_nothing_comes_of_the_rest(self, ada, parts):
        rest = self.cookies([part for part in parts if "{token}" not in part], ACCESS, "")

        with nothing_comes_of_it([]):
            assert Browser().get("/public", **rest).json() == {"user": None}
            assert Browser().get("/private", **rest).status_code == 401
            assert Browser().post("/auth/refresh", **rest).status_code == 401
            assert Browser().post("/auth/logout", **rest).status_code == 200


#: Spellings of a cookie that is not ours, though a careless reader takes it for ours.
IMPOSTORS = {
    "quoted name": '"{name}"={token}',
    "name with a backslash": "{name}\\={token}",
    "name with an attribute's sign": "${name}={token}",
    "name in capitals": "{NAME}={token}",
    "name with a space within": "{na me}={token}",
    "name after a word": "x {name}={token}",
    "name before a word": "{name} x={token}",
    "name after NUL": "\0{name}={token}",
    "name before NUL": "{name}\0={token}",
    "name after a line break": "\n{name}={token}",
    "name after a vertical tab": "\v{name}={token}",
    "name after a form feed": "\f{name}={token}",
    "name after a file separator": "\x1c{name}={token}",
    "name after a no-break space": "\xa0{name}={token}",
    "name after a next-line character": "\x85{name}={token}",
    "name after an en quad": "\u2000{name}={token}",
    "name after an ideographic space": "\u3000{name}={token}",
    "name before an ideographic space": "{name}\u3000={token}",
    "name after a byte order mark": "\ufeff{name}={token}",
    "name with a percent sign": "%5F{ame}={token}",
    "within another value": "theme={name}={token}",
    "after a comma": "theme=dark, {name}={token}",
    "without a name": "={name}={token}",
    "without an equals sign": "{name}{token}",
    "with a colon": "{name}:{token}",
    "attribute of another cookie": "theme=dark,{name}={token}",
}


def impostor(template: str, name: str, token: str) -> str:
    for spelling, value in {
        "{name}": name,
        "{NAME}": name.swapcase(),
        "{na me}": f"{name[:4]} {name[4:]}",
        "{ame}": name[1:],
        "{token}": token,
    }.items():
        template = template.replace(spelling, value)
    return template


@pytest.mark.parametrize("template", IMPOSTORS.values(), ids=IMPOSTORS)
@pytest.mark.parametrize("names", [(ACCESS, REFRESH), (HOST_ACCESS, HOST_REFRESH)], ids=["plain", "__Host-"])
class TestImpostors:
    @pytest.fixture(autouse=True)
    def _names(self, settings, names):
        settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_NAME_ACCESS": names[0], "COOKIE_NAME_REFRESH": names[1]}

    def test_is_not_read(self, bob, names, template):
        planted = header(impostor(template, names[0], bob.cookie(names[0])))

        with nothing_comes_of_it([bob.cookie(names[0])]):
            assert Browser().get("/public", **planted).json() == {"user": None}

    def test_does_not_displace_the_real_one(self, ada, bob, account, names, template):
        planted = impostor(template, names[0], bob.cookie(names[0]))
        real = f"{names[0]}={ada.cookie(names[0])}"

        for parts in ((planted, real), (real, planted)):
            assert Browser().get("/private", **header(*parts)).json() == {"user": account.user.get_username()}

    def test_is_not_refreshed(self, bob, names, template):
        planted = header(impostor(template, names[1], bob.cookie(names[1])))

        with nothing_comes_of_it([bob.cookie(names[1])]):
            response = Browser().post("/auth/refresh", **planted)

        assert (response.status_code, response.json()["code"]) == (401, "refresh_token_required")

    def test_signs_nobody_out(self, bob, names, template):
        Browser().post("/auth/logout", **header(impostor(template, names[0], bob.cookie(names[0]))))
        Browser().post("/auth/logout", **header(impostor(template, names[1], bob.cookie(names[1]))))

        assert bob.get("/private").status_code == 200


@pytest.mark.parametrize(
    "lookalike", ["access_token", "__host-access_token", "__HOST-access_token", "Host-access_token"]
)
def test_a_planted_lookalike_does_not_stand_in_for_a_host_cookie(settings, bob, lookalike):
    """A neighbouring host can plant any name but the exact one."""
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_NAME_ACCESS": HOST_ACCESS, "COOKIE_NAME_REFRESH": HOST_REFRESH}

    response = Browser().get("/public", **header(f"{lookalike}={bob.cookie(ACCESS)}"))

    assert response.json() == {"user": None}


def test_an_octal_spelling_of_a_token_is_still_that_token(ada, account):
    """It is spelled otherwise, not forged: Python's cookies, and so Django's, are read like that."""
    response = Browser().get("/private", **header(f"{ACCESS}={octal(ada.cookie(ACCESS))}"))

    assert response.json() == {"user": account.user.get_username()}


def test_a_planted_refresh_cookie_neither_ends_nor_renews_the_session_beside_it(ada, bob):
    """Bob plants his cookie for a longer path, so the browser sends it first. It is his own session that moves on."""
    ada_before = AuthSession.objects.get(pk=_session_id(ada))
    planted = header(f"{REFRESH}={bob.cookie(REFRESH)}", f"{REFRESH}={ada.cookie(REFRESH)}")

    assert Browser().post("/auth/refresh", **planted).status_code == 200

    ada_after = AuthSession.objects.get(pk=ada_before.pk)
    assert (ada_after.generation, ada_after.revoked_at) == (0, None)


def test_a_planted_cookie_of_an_ended_session_does_not_cost_the_real_one(ada, bob):
    dead_access, dead_refresh = bob.cookie(ACCESS), bob.cookie(REFRESH)
    bob.post("/auth/logout")
    planted = header(f"{ACCESS}={dead_access}", f"{ACCESS}={ada.cookie(ACCESS)}")

    assert Browser().get("/private", **planted).status_code == 200
    planted = header(f"{REFRESH}={dead_refresh}", f"{REFRESH}={ada.cookie(REFRESH)}")
    assert Browser().post("/auth/refresh", **planted).status_code == 200


def test_a_thousand_forged_cookies_cost_no_query(ada):
    forged = [f"{ACCESS}={ada.cookie(ACCESS)[:-4]}{number:04}" for number in range(1000)]

    with CaptureQueriesContext(connection) as queries:
        assert Browser().get("/private", **header(*forged)).status_code == 401

    assert len(queries) == 0


def test_a_thousand_copies_of_a_dead_cookie_cost_one_query(ada):
    token = ada.cookie(ACCESS)
    ada.post("/auth/logout")

    with CaptureQueriesContext(connection) as queries:
        assert Browser().get("/private", **header(*[f"{ACCESS}={token}"] * 1000)).status_code == 401

    assert len(queries) == 1


def _session_id(browser: Browser):
    from fastauth_django.tokens import RefreshToken

    return RefreshToken.read(browser.cookie(REFRESH)).session_id
