"""django-allauth in a browser: a provider on another site, and passkeys. The project is that of the documentation."""

import re

import pytest

from tests.integration.project import Project
from tests.integration.provider import PERSON, SECRETS, Provider
from tests.missing import need

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery 9"
OURS = {"access_token", "refresh_token"}

# A page that the server renders.
PAGES = """
from django.http import HttpResponse


def arrival(request):
    return HttpResponse(request.user.email if request.user.is_authenticated else "nobody")
"""
SETTINGS = """
ALLOWED_HOSTS = ["app.example.test"]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "mails"
FASTAUTH.update(COOKIE_SAMESITE={samesite!r}, COOKIE_SECURE=True)
"""
#: The provider's form of the front end.
GO_TO_PROVIDER = """(process) => {
    const form = document.createElement("form");
    form.method = "POST";
    form.action = "/_allauth/browser/v1/auth/provider/redirect";
    for (const [name, value] of Object.entries({ provider: "idp", process, callback_url: "/" })) {
        form.append(Object.assign(document.createElement("input"), { name, value }));
    }
    document.body.append(form);
    form.submit();
}"""
#: A call of allauth's API. An app's has no cookies, but the headers that it keeps.
CALL = """async (client, method, path, body, headers) => {
    const answer = await fetch(`/_allauth/${client}/v1/${path}`, {
        method,
        body: body && JSON.stringify(body),
        headers: { "Content-Type": "application/json", ...headers },
        credentials: client === "app" ? "omit" : "same-origin",
    });
    return { status: answer.status, ...(await answer.json()) };
}"""
MAKE_PASSKEY = """async (options) => {
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
    return (await navigator.credentials.create({ publicKey })).toJSON();
}"""
USE_PASSKEY = """async (options) => {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
    return (await navigator.credentials.get({ publicKey })).toJSON();
}"""


@pytest.fixture(scope="module")
def provider(certificate):
    provider = Provider(certificate)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def projects():
    return {}


@pytest.fixture(scope="module")
def serve(provider, certificate, tmp_path_factory, projects):
    """The project of the documentation's page on https://app.example.test, once for each choice of SameSite."""
    need("allauth", source="the extra test")
    servers = {}

    def serve(samesite):
        if samesite not in servers:
            directory = tmp_path_factory.mktemp("allauth") / "project"
            project = Project(directory, **SECRETS).follow("quickstart.md").follow("integrations/allauth.md")
            project.configure(provider.as_setting()).configure(SETTINGS.format(samesite=samesite))
            project.write("mysite/pages.py", PAGES)
            project.write("mysite/urls.py", 'from mysite import pages\nurlpatterns += [path("", pages.arrival)]')
            for other in list(servers.values())[:1]:
                project.take_tables_of(other)
            servers[samesite] = project.serve("migrate", certificate=certificate)
            projects[samesite] = project
        return servers[samesite]

    yield serve
    for server in servers.values():
        server.stop()


class Person:
    """Somebody at a page of the site, who reads their mail."""

    def __init__(self, tab, project):
        self.tab, self.project = tab, project

    def call(self, method, path, body=None, client="browser", **headers):
        return self.tab.run(CALL, client, method, path, body, headers)

    def code(self):
        mails = sorted((self.project.directory / "mails").iterdir(), key=lambda mail: mail.stat().st_mtime_ns)
        return re.search(r"^\s*([A-Z0-9-]{6,9})\s*$", mails[-1].read_text(), re.M)[1]

    def sign_up(self, email):
        assert self.call("POST", "auth/signup", {"email": email, "password": PASSWORD})["status"] == 401
        assert self.call("POST", "auth/email/verify", {"key": self.code()})["status"] == 200
        assert self.call("POST", "auth/reauthenticate", {"password": PASSWORD})["status"] == 200

    def use_provider(self, process, origin):
        self.tab.run(GO_TO_PROVIDER, process)
        self.tab.page.click("#allow")  # at https://idp.other.test
        self.tab.page.wait_for_url(f"{origin}/")


@pytest.fixture
def visit(projects):
    def visit(profile, server, samesite):
        return Person(profile.open(f"{server.origin('app.example.test')}/"), projects[samesite])

    return visit


def ours(profile):
    return {cookie.name: cookie for cookie in profile.cookies() if cookie.name in OURS}


# --- A provider on another site ------------------------------------------------------------------------------------


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_page_after_the_provider_knows_the_visitor(profile, serve, visit, samesite):
    server = serve(samesite)
    person = visit(profile, server, samesite)

    person.use_provider("login", server.origin("app.example.test"))

    assert person.tab.page.inner_text("body") == PERSON["email"]
    cookies = ours(profile).values()
    assert [(cookie.samesite, cookie.httponly, cookie.secure) for cookie in cookies] == [(samesite, True, True)] * 2
    assert {cookie.name for cookie in profile.cookies()} == OURS


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_provider_is_connected_to_the_account_that_asked(profile, serve, visit, samesite, monkeypatch):
    monkeypatch.setitem(PERSON, "sub", f"connected under {samesite}")
    server = serve(samesite)
    person = visit(profile, server, samesite)
    person.sign_up(f"{samesite}@example.com")

    person.use_provider("connect", server.origin("app.example.test"))

    assert person.tab.page.inner_text("body") == f"{samesite}@example.com"
    [account] = person.call("GET", "account/providers")["data"]
    assert account["uid"] == PERSON["sub"]


# --- Passkeys ------------------------------------------------------------------------------------------------------


@pytest.fixture
def passkeys(owner, serve, visit):
    """A person with an account, at a browser that trusts the site and has an authenticator, and with a passkey."""
    server = serve("lax")
    person = visit(owner, server, "lax")
    devtools = owner.context.new_cdp_session(person.tab.page)
    devtools.send("WebAuthn.enable")
    features = ["hasResidentKey", "hasUserVerification", "isUserVerified", "automaticPresenceSimulation"]
    options = {"protocol": "ctap2", "transport": "internal", **dict.fromkeys(features, True)}
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    person.email = f"{len(list(server.database.parent.glob('mails/*')))}@example.com"
    person.sign_up(person.email)
    options = person.call("GET", "account/authenticators/webauthn?passwordless")["data"]["creation_options"]
    credential = person.tab.run(MAKE_PASSKEY, options["publicKey"])
    body = {"name": "laptop", "credential": credential}
    assert person.call("POST", "account/authenticators/webauthn", body)["status"] == 200
    return person


def answer_with_passkey(person, path, client="browser", **headers):
    asked = person.call("GET", path, None, client, **headers)
    credential = person.tab.run(USE_PASSKEY, asked["data"]["request_options"]["publicKey"])
    session_token = asked.get("meta", {}).get("session_token")
    if session_token:
        headers = {"X-Session-Token": session_token}
    return person.call("POST", path, {"credential": credential}, client, **headers)


def test_passkey_signs_in(owner, passkeys):
    assert passkeys.call("DELETE", "auth/session")["status"] == 401
    assert not ours(owner)

    assert answer_with_passkey(passkeys, "auth/webauthn/login")["status"] == 200

    assert set(ours(owner)) == OURS
    assert passkeys.tab.run("() => fetch('/auth/me').then((answer) => answer.json())")["email"] == passkeys.email


def test_passkey_signs_an_app_in(owner, passkeys):
    passkeys.call("DELETE", "auth/session")

    answer = answer_with_passkey(passkeys, "auth/webauthn/login", "app")

    assert answer["status"] == 200
    assert not ours(owner)
    bearer = {"Authorization": f"Bearer {answer['meta']['access_token']}"}
    assert passkeys.call("GET", "auth/session", None, "app", **bearer)["data"]["user"]["email"] == passkeys.email


def test_passkey_as_second_factor(owner, passkeys):
    passkeys.call("DELETE", "auth/session")
    credentials = {"email": passkeys.email, "password": PASSWORD}
    assert passkeys.call("POST", "auth/login", credentials)["status"] == 401
    assert not ours(owner)

    assert answer_with_passkey(passkeys, "auth/webauthn/authenticate")["status"] == 401
    assert passkeys.call("POST", "auth/2fa/trust", {"trust": False})["status"] == 200

    assert set(ours(owner)) == OURS


def test_passkey_is_a_fresh_proof(passkeys):
    passkeys.call("DELETE", "auth/session")
    answer_with_passkey(passkeys, "auth/webauthn/login")
    change = ("POST", "account/email", {"email": f"new-{passkeys.email}"})
    assert passkeys.call(*change)["status"] == 401

    assert answer_with_passkey(passkeys, "auth/webauthn/reauthenticate")["status"] == 200

    assert passkeys.call(*change)["status"] == 200
