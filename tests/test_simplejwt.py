"""What simplejwt promises a project: each key of ``SIMPLE_JWT``, and what its classes take."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.settings import DEFAULTS
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken
from rest_framework_simplejwt.tokens import RefreshToken as PlainRefreshToken
from rest_framework_simplejwt.tokens import SlidingToken, UntypedToken

from fastauth_django.authentication import CookieJWTAuthentication, CookieJWTStatelessUserAuthentication
from fastauth_django.checks.keys import IGNORED
from fastauth_django.exceptions import SessionRevoked
from fastauth_django.models import AuthSession
from fastauth_django.test import force_sign_in
from fastauth_django.tokens import AccessToken, RefreshToken
from tests.clients import ACCESS, Browser
from tests.documentation.pages import ROOT
from tests.factories import Account, sign_up_data
from tests.testapp.views import PrivateView

#: The keys that count here as they do in simplejwt, each with the test that shows it.
HONOURED = {
    "ACCESS_TOKEN_LIFETIME": "tests/test_conf.py",
    "REFRESH_TOKEN_LIFETIME": "tests/test_conf.py",
    "ALGORITHM": "tests/test_tokens.py",
    "SIGNING_KEY": "tests/test_tokens.py",
    "VERIFYING_KEY": "tests/test_tokens.py",
    "AUDIENCE": "tests/test_tokens.py",
    "ISSUER": "tests/test_tokens.py",
    "JSON_ENCODER": "tests/test_simplejwt.py",
    "JWK_URL": "tests/test_tokens.py",
    "LEEWAY": "tests/test_tokens.py",
    "USER_ID_FIELD": "tests/test_tokens.py",
    "USER_ID_CLAIM": "tests/test_tokens.py",
    "TOKEN_TYPE_CLAIM": "tests/test_tokens.py",
    "JTI_CLAIM": "tests/test_tokens.py",
    "TOKEN_USER_CLASS": "tests/test_authentication.py",
    "AUTH_HEADER_TYPES": "tests/test_simplejwt.py",
    "AUTH_HEADER_NAME": "tests/test_simplejwt.py",
    "USER_AUTHENTICATION_RULE": "tests/test_simplejwt.py",
    "CHECK_USER_IS_ACTIVE": "tests/test_simplejwt.py",
}
#: What simplejwt has on its main branch, and in no release yet.
NEXT = {"ON_LOGIN_SUCCESS", "ON_LOGIN_FAILED"}


# --- Each key ------------------------------------------------------------------------------------------------------


def test_each_key_of_simple_jwt_is_honoured_or_named_by_a_check():
    """Red after an upgrade of simplejwt: look at what the new key does, then add it to one of the two lists."""
    assert set(DEFAULTS) | NEXT == set(HONOURED) | set(IGNORED)
    assert not set(HONOURED) & set(IGNORED)


@pytest.mark.parametrize(("key", "file"), HONOURED.items(), ids=HONOURED)
def test_each_honoured_key_has_a_test(key, file):
    assert f'"{key}"' in (ROOT / file).read_text().rpartition("\nNEXT = ")[2]


def test_claims_of_any_type_that_json_encoder_writes(browser, account, settings):
    settings.SIMPLE_JWT = {"JSON_ENCODER": "django.core.serializers.json.DjangoJSONEncoder"}
    settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_CLAIMS": lambda user, claims: {"limit": Decimal("1.50")}}
    browser.sign_in(account)

    assert AccessToken(browser.cookie(ACCESS))["limit"] == "1.50"


# --- Who may sign in -----------------------------------------------------------------------------------------------


def is_not_banned(user) -> bool:
    """A project's rule, by a field that every user model has."""
    return user.last_login is None or user.last_login.year < 3000


def everybody(user) -> bool:
    return True


def ban(account: Account) -> None:
    get_user_model()._default_manager.filter(pk=account.user.pk).update(last_login="3000-01-01T00:00Z")


def deactivate(account: Account) -> None:
    get_user_model()._default_manager.filter(pk=account.user.pk).update(is_active=False)


class TestUserAuthenticationRule:
    @pytest.fixture(autouse=True)
    def _rule(self, settings):
        settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": f"{__name__}.is_not_banned"}

    def test_refuses_at_sign_in(self, browser, account):
        ban(account)
        response = browser.sign_in(account)

        assert (response.status_code, response.json()["code"]) == (401, "user_inactive")
        assert not AuthSession.objects.exists()

    def test_refuses_at_the_next_request(self, signed_in, account):
        assert signed_in.get("/private").status_code == 200
        ban(account)

        assert signed_in.get("/private").status_code == 401

    def test_refuses_at_a_refresh(self, signed_in, account):
        ban(account)
        response = signed_in.refresh()

        assert (response.status_code, response.json()["code"]) == (401, "user_inactive")

    def test_refuses_a_plain_token_of_simplejwt(self, native_app, account, settings):
        settings.FASTAUTH = {"ACCEPT_TOKENS_WITHOUT_SESSION": True}
        native_app.access = str(PlainAccessToken.for_user(account.user))
        assert native_app.get("/private").status_code == 200
        ban(account)

        assert native_app.get("/private").json()["code"] == "user_inactive"

    def test_does_not_switch_the_look_at_is_active_off(self, signed_in, account, settings):
        """As in simplejwt, whose authentication class looks for itself."""
        settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": f"{__name__}.everybody"}
        deactivate(account)

        assert signed_in.get("/private").status_code == 401

    def test_decides_whether_a_sign_up_signs_in(self, browser, db, settings):
        settings.SIMPLE_JWT = {"USER_AUTHENTICATION_RULE": lambda user: False}
        response = browser.post("/auth/register", sign_up_data(), format="json")

        assert (response.status_code, "message" in response.json(), ACCESS in browser.cookies) == (201, True, False)


class TestUsersWhoAreNotActive:
    @pytest.fixture(autouse=True)
    def _any(self, settings):
        settings.SIMPLE_JWT = {"CHECK_USER_IS_ACTIVE": False}
        settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.AllowAllUsersModelBackend"]

    def test_are_let_in_where_the_project_says_so(self, browser, account):
        deactivate(account)

        assert browser.sign_in(account).status_code == 200
        assert browser.get("/private").status_code == 200
        assert browser.refresh().status_code == 200


# --- The header ----------------------------------------------------------------------------------------------------


@pytest.fixture
def token(signed_in) -> str:
    return signed_in.cookie(ACCESS)


@pytest.mark.parametrize("types", ["JWT", ("JWT", "Bearer"), ["JWT"]], ids=str)
def test_scheme_is_the_one_of_auth_header_types(token, settings, types):
    settings.SIMPLE_JWT = {"AUTH_HEADER_TYPES": types}

    assert Browser().get("/private", HTTP_AUTHORIZATION=f"jwt {token}").status_code == 200
    assert Browser().get("/private")["WWW-Authenticate"] == 'JWT realm="api"'
    bearer = Browser().get("/private", HTTP_AUTHORIZATION=f"Bearer {token}").status_code
    assert bearer == (200 if "Bearer" in types else 401)


def test_sign_out_knows_the_scheme_too(token, settings):
    settings.SIMPLE_JWT = {"AUTH_HEADER_TYPES": ("JWT",)}
    Browser().post("/auth/logout", HTTP_AUTHORIZATION=f"JWT {token}")

    assert Browser().get("/private", HTTP_AUTHORIZATION=f"JWT {token}").status_code == 401


def test_header_is_the_one_of_auth_header_name(token, settings):
    settings.SIMPLE_JWT = {"AUTH_HEADER_NAME": "HTTP_X_ACCESS_TOKEN"}
    response = Browser().get("/private", HTTP_X_ACCESS_TOKEN=f"Bearer {token}")

    assert response.status_code == 200
    assert "X-Access-Token" in response["Vary"].split(", ")
    assert Browser().get("/private", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401


@pytest.mark.parametrize("client_class", [Client, APIClient])
def test_forced_sign_in_sends_that_header(account, settings, client_class):
    settings.SIMPLE_JWT = {"AUTH_HEADER_NAME": "HTTP_X_ACCESS_TOKEN", "AUTH_HEADER_TYPES": ("JWT",)}
    client = client_class()
    force_sign_in(client, account.user, token_delivery="json")

    assert client.get("/private").status_code == 200


def test_forced_sign_in_of_an_asynchronous_client_sends_it_too(account, settings):
    settings.SIMPLE_JWT = {"AUTH_HEADER_NAME": "HTTP_X_ACCESS_TOKEN", "AUTH_HEADER_TYPES": ("JWT",)}
    client = AsyncClient()
    pair = force_sign_in(client, account.user, token_delivery="json")

    assert client.defaults["x-access-token"] == f"JWT {pair.access}"


# --- get_user ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AccessToken, PlainAccessToken, UntypedToken, lambda raw: AccessToken(raw).payload])
@pytest.mark.parametrize("authentication_class", [CookieJWTAuthentication, CookieJWTStatelessUserAuthentication])
def test_get_user_takes_what_simplejwts_takes(token, account, authentication_class, kind):
    """As the middleware of a WebSocket calls it, with a token that it has read itself."""
    assert str(authentication_class().get_user(kind(token)).pk) == str(account.user.pk)


def test_get_user_refuses_a_token_of_simplejwts_class_whose_session_was_revoked(signed_in, token):
    signed_in.post("/auth/logout")

    with pytest.raises(SessionRevoked):
        CookieJWTAuthentication().get_user(PlainAccessToken(token))


@pytest.mark.parametrize("authentication_class", [CookieJWTAuthentication, CookieJWTStatelessUserAuthentication])
class TestGetUserRefuses:
    def test_a_token_without_a_session(self, account, authentication_class, settings):
        plain = PlainAccessToken.for_user(account.user)
        for each in (plain, AccessToken.of_claims(plain.payload)):
            with pytest.raises(AuthenticationFailed):
                authentication_class().get_user(each)

        settings.FASTAUTH = {"ACCEPT_TOKENS_WITHOUT_SESSION": True}
        assert str(authentication_class().get_user(plain).pk) == str(account.user.pk)

    @pytest.mark.parametrize("claims", [{}, {"user_id": "1"}, {"other": "1"}], ids=str)
    def test_claims_that_are_no_token(self, db, authentication_class, claims):
        with pytest.raises(AuthenticationFailed):
            authentication_class().get_user(claims)

    def test_a_token_of_another_type(self, account, authentication_class):
        ours = RefreshToken(force_sign_in(APIClient(), account.user, token_delivery="json").refresh)
        for other in (ours, PlainRefreshToken.for_user(account.user)):
            with pytest.raises(AuthenticationFailed):
                authentication_class().get_user(other)


# --- What differs from simplejwt's class, row by row in docs/migrating/from-simplejwt-cookies.md ----------------------


def ask(authentication_class, header=""):
    """The answer of a private view of this class."""
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=header)
    return PrivateView.as_view(authentication_classes=[authentication_class])(request)


@pytest.fixture(params=[JWTAuthentication, CookieJWTAuthentication], ids=["simplejwt", "ours"])
def kind(request):
    return request.param


def of(kind, theirs, ours):
    return theirs if kind is JWTAuthentication else ours


@pytest.mark.parametrize(("seconds", "code"), [(60, "token_invalid"), (-60, "token_expired")])
def test_code_of_a_bad_token(account, kind, seconds, code):
    token = PlainRefreshToken.for_user(account.user) if seconds > 0 else PlainAccessToken.for_user(account.user)
    token.set_exp(lifetime=timedelta(seconds=seconds))
    body = ask(kind, f"Bearer {token}").data

    assert (body["code"], "messages" in body) == of(kind, ("token_not_valid", True), (code, False))


def test_code_where_the_user_was_deleted(token, account, kind):
    account.user.delete()

    assert ask(kind, f"Bearer {token}").data["code"] == of(kind, "user_not_found", "session_revoked")


def test_token_of_simplejwts_own_views(account, kind, settings):
    header = f"Bearer {PlainAccessToken.for_user(account.user)}"
    assert ask(kind, header).status_code == of(kind, 200, 401)

    settings.FASTAUTH = {**settings.FASTAUTH, "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    assert ask(kind, header).status_code == 200


def test_sliding_token(account, kind, monkeypatch):
    # simplejwt's module keeps the settings of import time.
    monkeypatch.setattr("rest_framework_simplejwt.authentication.api_settings.AUTH_TOKEN_CLASSES", [SlidingToken])

    assert ask(kind, f"Bearer {SlidingToken.for_user(account.user)}").status_code == of(kind, 200, 401)


def test_token_that_names_no_user(kind):
    if kind is JWTAuthentication:
        kind().get_validated_token(str(PlainAccessToken()))
    else:
        with pytest.raises(InvalidToken):
            kind().get_validated_token(str(PlainAccessToken()))


def test_claims_without_a_type(account, kind, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    claims = {"user_id": account.user.pk}
    if kind is JWTAuthentication:
        assert kind().get_user(claims) == account.user
    else:
        with pytest.raises(InvalidToken):
            kind().get_user(claims)


def test_scheme_in_small_letters(token, kind):
    assert ask(kind, f"bearer {token}").status_code == of(kind, 401, 200)


def test_challenge_after_a_refusal(db, kind):
    reason = ', error="invalid_token", error_description="token_invalid"'

    assert ask(kind, "Bearer x")["WWW-Authenticate"] == 'Bearer realm="api"' + of(kind, "", reason)


def test_vary(token, kind):
    vary = {*ask(kind, f"Bearer {token}").headers.get("Vary", "").split(", ")}

    assert vary - {"Accept", ""} == of(kind, set(), {"Cookie", "Authorization"})


@pytest.mark.parametrize("protection", ["origin", "token"])
def test_request_of_a_client_that_is_no_browser(account, settings, protection):
    settings.FASTAUTH = {**settings.FASTAUTH, "CSRF_PROTECTION": protection}
    client = APIClient(enforce_csrf_checks=True)
    force_sign_in(client, account.user)

    assert client.post("/private").status_code == {"origin": 200, "token": 403}[protection]


def test_djangos_own_session_is_for_the_class_behind(client, account):
    client.force_login(account.user)
    assert client.get("/private").status_code == 401
    request = APIRequestFactory().get("/")
    request.user = account.user
    both = [CookieJWTAuthentication, SessionAuthentication]

    assert PrivateView.as_view(authentication_classes=both)(request).status_code == 200
    assert ask(SessionAuthentication).status_code == 403


# --- Tokens made by hand -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AccessToken, RefreshToken])
def test_for_user_says_what_to_call_instead(account, kind):
    """It would make a token that nothing accepts."""
    with pytest.raises(TypeError, match=rf"{kind.__name__}\.for_user.* fastauth_django\.sign_in\(request"):
        kind.for_user(account.user)


def test_simplejwts_class_reads_our_access_token_as_before(token, account):
    """So that a view that was forgotten goes on; ``manage.py check`` names it, because no session is checked there."""
    request = APIRequestFactory().get("/", HTTP_AUTHORIZATION=f"Bearer {token}")

    assert PrivateView.as_view(authentication_classes=[JWTAuthentication])(request).status_code == 200
