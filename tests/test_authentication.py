"""Who is asking: the access cookie first, then the header, and what is wrong with either."""

import time
from datetime import timedelta

import jwt
import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView
from rest_framework_simplejwt.tokens import AccessToken as PlainAccessToken

from fastauth_django.authentication import CookieJWTAuthentication, CookieJWTStatelessUserAuthentication
from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser
from tests.factories import Account, make_account
from tests.testapp.views import PrivateView, PublicView

CHALLENGE = 'Bearer realm="api"'
FORGED = {"HTTP_ORIGIN": "https://evil.test"}


def reason(response) -> tuple[int, str]:
    """Status, and what the challenge says was wrong with the token."""
    challenge = response.headers.get("WWW-Authenticate", "")
    assert challenge.startswith(CHALLENGE)
    return response.status_code, challenge.partition(', error="invalid_token", error_description="')[2].rstrip('"')


def bearer(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


@pytest.fixture
def other_token(other_account) -> str:
    """An access token of Bob, who holds it in an app of his own."""
    browser = Browser()
    browser.sign_in(other_account)
    return browser.cookie(ACCESS)


class PlainView(APIView):
    """Says how the credential came."""

    permission_classes = ()
    authentication_classes = (CookieJWTAuthentication,)

    def get(self, request):
        return Response({"user": str(request.user.pk), "from_cookie": getattr(request.auth, "from_cookie", None)})

    post = get


def ask(browser: Browser, authentication_class, method: str = "get", **headers):
    """An answer of a view that authenticates by ``authentication_class``, to a request with the browser's cookies."""
    jar = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.cookies.items())
    request = APIRequestFactory().generic(method.upper(), "/", HTTP_COOKIE=jar, **headers)
    return PrivateView.as_view(authentication_classes=[authentication_class])(request)


# --- Which credential counts ---------------------------------------------------------------------------------------


def test_the_cookie_counts_before_the_header(signed_in, account, other_token):
    assert signed_in.get("/private", **bearer(other_token)).data == {"user": account.user.get_username()}


def test_without_a_cookie_the_header_counts(other_account, other_token):
    assert Browser().get("/private", **bearer(other_token)).data == {"user": other_account.user.get_username()}


@pytest.mark.parametrize("header", ["Bearer garbage", "Bearer a b", "Bearer"])
def test_a_good_cookie_makes_a_bad_header_irrelevant(signed_in, header):
    assert signed_in.get("/private", HTTP_AUTHORIZATION=header).status_code == 200


class TestJSONDelivery:
    """A client has a token of its own there. A cookie may be one that a sibling subdomain has planted."""

    @pytest.fixture(autouse=True)
    def _json(self, settings, signed_in, other_token):
        settings.FASTAUTH = {**settings.FASTAUTH, "TOKEN_DELIVERY": "json"}

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_the_header_counts_before_a_planted_cookie(self, signed_in, other_account, other_token, method):
        response = getattr(signed_in, method)("/private", **bearer(other_token), HTTP_ORIGIN="http://testserver")

        assert response.data["user"] == other_account.user.get_username()

    @pytest.mark.parametrize("path", ["/auth/me", "/auth/sessions"])
    def test_on_the_account_routes_too(self, signed_in, other_account, other_token, path):
        data = signed_in.get(path, **bearer(other_token)).json()

        assert data == Browser().get(path, **bearer(other_token)).json()

    @pytest.mark.parametrize("header", ["Bearer garbage", "Bearer a b"])
    def test_no_cookie_stands_in_for_a_bad_header(self, signed_in, header):
        """Or a client whose token has expired would go on as whoever planted the cookie."""
        assert signed_in.get("/private", HTTP_AUTHORIZATION=header).status_code == 401

    @pytest.mark.parametrize("headers", [{}, {"HTTP_AUTHORIZATION": "Basic YTpi"}], ids=["no header", "Basic"])
    def test_without_a_token_in_the_header_the_cookie_counts(self, signed_in, account, headers):
        assert signed_in.get("/private", **headers).data == {"user": account.user.get_username()}

    def test_and_may_act_only_where_the_csrf_rule_lets_it(self, signed_in):
        assert signed_in.post("/private", **FORGED).status_code == 403


@pytest.mark.parametrize("from_cookie", [True, False])
def test_the_token_remembers_how_it_came(signed_in, from_cookie):
    token = signed_in.cookie(ACCESS)
    headers = {"HTTP_COOKIE": f"{ACCESS}={token}"} if from_cookie else bearer(token)

    response = PlainView.as_view()(APIRequestFactory().get("/", **headers))

    assert response.data["from_cookie"] is from_cookie


def garbage(browser: Browser, clock) -> None:
    browser.set_cookie(ACCESS, "garbage")


def empty(browser: Browser, clock) -> None:
    browser.set_cookie(ACCESS, "")


def missing(browser: Browser, clock) -> None:
    dict.pop(browser.cookies, ACCESS)


def a_refresh_token(browser: Browser, clock) -> None:
    browser.set_cookie(ACCESS, browser.cookie(REFRESH))


def expired(browser: Browser, clock) -> None:
    clock.shift(timedelta(minutes=15))


def signed_out_elsewhere(browser: Browser, clock) -> None:
    browser.clone().post("/auth/logout")


UNUSABLE = [garbage, empty, missing, a_refresh_token, expired, signed_out_elsewhere]


@pytest.fixture(params=UNUSABLE, ids=lambda make_unusable: make_unusable.__name__)
def stale(request, clock, signed_in) -> Browser:
    """Ada's browser, whose access cookie is good no more."""
    request.param(signed_in, clock)
    return signed_in


class TestUnusableCookie:
    def test_leaves_the_visitor_of_a_public_page_anonymous(self, stale):
        response = stale.get("/public")

        assert (response.status_code, response.data) == (200, {"user": None})

    def test_opens_no_private_page(self, stale):
        assert stale.get("/private").status_code == 401

    def test_gives_way_to_the_header(self, stale, other_account):
        app = Browser()
        app.sign_in(other_account)

        response = stale.get("/private", **bearer(app.cookie(ACCESS)))

        assert response.data == {"user": other_account.user.get_username()}

    def test_that_a_forged_request_carries_makes_nothing_of_it(self, stale):
        """Nothing acts with that cookie, so there is nothing to forge."""
        assert stale.post("/public", **FORGED).data == {"user": None}

    def test_does_not_stop_signing_in(self, stale, account):
        assert stale.sign_in(account).status_code == 200


def test_a_visitor_without_credentials_is_anonymous(db, browser):
    assert browser.get("/public").data == {"user": None}


def test_a_forged_request_may_still_act_by_its_header(signed_in, other_account, other_token):
    """No other site can make a browser send that header."""
    response = signed_in.post("/private", **FORGED, **bearer(other_token))

    assert response.data["user"] == other_account.user.get_username()


@pytest.mark.parametrize("header", [{}, {"HTTP_AUTHORIZATION": "Basic YTpi"}, {"HTTP_AUTHORIZATION": ""}])
@pytest.mark.parametrize("path", ["/private", "/public"])
def test_a_forged_request_without_a_token_in_the_header_is_refused(signed_in, path, header):
    response = signed_in.post(path, **FORGED, **header)

    assert (response.status_code, response.data["code"]) == (403, "csrf_failed")


def test_a_forged_request_with_a_bad_header_is_refused_for_the_header(signed_in):
    assert reason(signed_in.post("/private", **FORGED, **bearer("garbage"))) == (401, "token_invalid")


@pytest.mark.parametrize("path", ["/private", "/public"])
@pytest.mark.parametrize(
    "header", ["Bearer garbage", "Bearer a b c", "Bearer", "Bearer \xff", "Bearer " + "x" * 50_000]
)
def test_a_bad_header_is_refused_on_every_page(db, browser, path, header):
    assert browser.get(path, HTTP_AUTHORIZATION=header).status_code == 401


def test_the_header_is_blamed_where_it_is_bad_as_well_as_the_cookie(clock, signed_in):
    clock.shift(timedelta(minutes=15))

    assert reason(signed_in.get("/private", **bearer("garbage"))) == (401, "token_invalid")


@pytest.mark.parametrize("header", ["Basic YTpi", "Token abc", "bearers abc", "garbage", " "])
def test_a_header_of_another_scheme_is_no_concern_of_ours(db, browser, header):
    assert browser.get("/public", HTTP_AUTHORIZATION=header).status_code == 200


# --- What is said of a refusal -------------------------------------------------------------------------------------


def test_who_sends_nothing_is_told_only_the_scheme(db, browser):
    response = browser.get("/private")

    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, CHALLENGE)


def session_is_revoked(account: Account, clock) -> None:
    AuthSession.objects.update(revoked_at=timezone.now())


def session_row_is_deleted(account: Account, clock) -> None:
    AuthSession.objects.all().delete()


def session_has_run_out(account: Account, clock) -> None:
    AuthSession.objects.update(expires_at=timezone.now())


def token_has_expired(account: Account, clock) -> None:
    clock.shift(timedelta(minutes=15))


def user_is_deactivated(account: Account, clock) -> None:
    account.user.is_active = False
    account.user.save()


def password_is_changed(account: Account, clock) -> None:
    account.user.set_password("another one, by whatever code")
    account.user.save()


def password_is_changed_by_an_update(account: Account, clock) -> None:
    type(account.user).objects.filter(pk=account.user.pk).update(password="md5$a$b")


def password_is_made_unusable(account: Account, clock) -> None:
    account.user.set_unusable_password()
    account.user.save()


def user_is_deleted(account: Account, clock) -> None:
    account.user.delete()


def session_is_given_to_somebody_else(account: Account, clock) -> None:
    AuthSession.objects.update(user=make_account("bob").user)


ENDINGS = [
    (session_is_revoked, "session_revoked"),
    (session_row_is_deleted, "session_revoked"),
    (session_has_run_out, "token_expired"),
    (token_has_expired, "token_expired"),
    (user_is_deactivated, "user_inactive"),
    (password_is_changed, "password_changed"),
    (password_is_changed_by_an_update, "password_changed"),
    (password_is_made_unusable, "password_changed"),
    (user_is_deleted, "session_revoked"),
    (session_is_given_to_somebody_else, "token_invalid"),
]


@pytest.mark.parametrize(("end", "code"), ENDINGS, ids=[end.__name__ for end, _code in ENDINGS])
class TestEndings:
    def test_end_it_at_the_next_request(self, clock, signed_in, account, end, code):
        end(account, clock)

        assert reason(signed_in.get("/private")) == (401, code)

    def test_end_it_for_the_header_too(self, clock, signed_in, account, end, code):
        token = signed_in.cookie(ACCESS)
        end(account, clock)

        assert reason(Browser().get("/private", **bearer(token))) == (401, code)

    def test_leave_public_pages_open(self, clock, signed_in, account, end, code):
        end(account, clock)

        assert signed_in.get("/public").data == {"user": None}

    def test_are_told_with_their_code_by_our_own_routes(self, clock, signed_in, account, end, code):
        end(account, clock)

        assert signed_in.get("/auth/me").data["code"] == code


def test_the_last_second_of_a_session_counts(clock, signed_in):
    AuthSession.objects.update(expires_at=timezone.now() + timedelta(seconds=1))

    assert signed_in.get("/private").status_code == 200


def test_another_session_of_the_same_user_lives_on(signed_in, account):
    other_device = Browser()
    other_device.sign_in(account)
    other_device.clone().post("/auth/logout")

    assert other_device.get("/private").status_code == 401
    assert signed_in.get("/private").status_code == 200


# --- Users whom the project hides ----------------------------------------------------------------------------------


@pytest.fixture
def hiding_manager(monkeypatch):
    """The user model's default manager hides whom the project calls deleted (here: staff)."""
    user_model = get_user_model()

    class HidingManager(type(user_model._default_manager)):
        def get_queryset(self):
            return super().get_queryset().filter(is_staff=False)

    manager = HidingManager()
    manager.model, manager.name = user_model, "objects"
    monkeypatch.setattr(user_model._meta, "default_manager", manager)


def test_a_user_whom_the_default_manager_hides_is_refused(hiding_manager, signed_in, account):
    account.user.is_staff = True
    account.user.save()

    assert reason(signed_in.get("/private")) == (401, "session_revoked")
    assert signed_in.post("/auth/refresh").status_code == 401


def test_a_user_whom_the_default_manager_shows_is_let_in(hiding_manager, signed_in, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert signed_in.get("/private").status_code == 200


# --- Queries -------------------------------------------------------------------------------------------------------


def test_session_and_user_take_one_query(signed_in, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert signed_in.get("/private").status_code == 200


def test_by_header_they_take_one_query_too(signed_in, django_assert_num_queries):
    token = signed_in.cookie(ACCESS)

    with django_assert_num_queries(1):
        assert Browser().get("/private", **bearer(token)).status_code == 200


@pytest.mark.parametrize("cookie", ["garbage", ""])
def test_a_cookie_that_nobody_signed_takes_none(db, browser, django_assert_num_queries, cookie):
    browser.set_cookie(ACCESS, cookie)

    with django_assert_num_queries(0):
        browser.get("/public")


def test_an_expired_cookie_takes_none(clock, signed_in, django_assert_num_queries):
    clock.shift(timedelta(minutes=15))

    with django_assert_num_queries(0):
        signed_in.get("/public")


class ReplicaRouter:
    """Reads go to a replica, which is down: nothing of ours may ask it."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"


@pytest.mark.parametrize("plain", [True, False], ids=["plain table", "manager of the project's"])
def test_reads_go_to_the_database_that_writes_go_to(request, settings, signed_in, plain):
    """A replica may lag behind, and not know yet that the session was ended."""
    if not plain:
        request.getfixturevalue("hiding_manager")
    settings.DATABASE_ROUTERS = [ReplicaRouter()]

    assert signed_in.get("/private").status_code == 200


# --- Tokens without a session --------------------------------------------------------------------------------------


@pytest.fixture
def migrating(settings):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "ACCEPT_TOKENS_WITHOUT_SESSION": True}


@pytest.fixture
def plain_token(account) -> str:
    return str(PlainAccessToken.for_user(account.user))


def test_a_plain_simplejwt_token_is_refused(browser, plain_token):
    assert reason(browser.get("/private", **bearer(plain_token))) == (401, "token_invalid")


def test_a_migrating_project_accepts_it_from_the_header(migrating, browser, account, plain_token):
    assert browser.get("/private", **bearer(plain_token)).data == {"user": account.user.get_username()}


def test_a_migrating_project_does_not_accept_it_from_a_cookie(migrating, browser, plain_token):
    browser.set_cookie(ACCESS, plain_token)

    assert reason(browser.get("/private")) == (401, "token_invalid")


def test_a_plain_token_in_a_cookie_does_not_hide_one_with_a_session(migrating, signed_in, plain_token):
    jar = f"{ACCESS}={plain_token}; {ACCESS}={signed_in.cookie(ACCESS)}"

    assert Browser().get("/private", HTTP_COOKIE=jar).status_code == 200


def test_a_plain_token_of_an_inactive_user_is_refused(migrating, browser, account, plain_token):
    user_is_deactivated(account, None)

    assert reason(browser.get("/private", **bearer(plain_token))) == (401, "user_inactive")


def test_a_plain_token_of_a_deleted_user_is_refused(migrating, browser, account, plain_token):
    account.user.delete()

    assert reason(browser.get("/private", **bearer(plain_token))) == (401, "user_not_found")


@pytest.mark.parametrize(
    "user_id", ["", "no key of any kind", 10**40, "ffffffff-ffff-7fff-bfff-ffffffffffff", True, "\0"]
)
def test_a_plain_token_of_before_the_user_model_changed_is_refused(migrating, settings, browser, db, user_id):
    claims = {"token_type": "access", "exp": int(time.time()) + 60, "jti": "a", "user_id": user_id}
    token = jwt.encode(claims, settings.SECRET_KEY, "HS256")

    assert browser.get("/private", **bearer(token)).status_code == 401


def test_a_session_that_was_signed_out_is_not_excused_by_the_migration(migrating, signed_in):
    token = signed_in.cookie(ACCESS)
    signed_in.post("/auth/logout")

    assert reason(Browser().get("/private", **bearer(token))) == (401, "session_revoked")


# --- Stateless -----------------------------------------------------------------------------------------------------


class TestStateless:
    @pytest.mark.parametrize("by_header", [False, True], ids=["cookie", "header"])
    def test_asks_no_database(self, signed_in, account, django_assert_num_queries, by_header):
        token = signed_in.cookie(ACCESS)
        browser, headers = (Browser(), bearer(token)) if by_header else (signed_in, {})

        with django_assert_num_queries(0):
            response = browser.get("/stateless", **headers)

        assert response.data == {"id": str(account.user.pk)}

    def test_prefers_the_cookie(self, signed_in, account, other_token):
        assert signed_in.get("/stateless", **bearer(other_token)).data == {"id": str(account.user.pk)}

    @pytest.mark.parametrize("cookie", ["garbage", ""])
    def test_unusable_cookie_gives_way_to_the_header(self, browser, other_account, other_token, cookie):
        browser.set_cookie(ACCESS, cookie)

        assert browser.get("/stateless", **bearer(other_token)).data == {"id": str(other_account.user.pk)}

    def test_notices_an_ended_session_only_when_the_token_expires(self, clock, signed_in):
        clone = signed_in.clone()
        signed_in.post("/auth/logout")
        before = clone.get("/stateless").status_code
        clock.shift(timedelta(minutes=15))

        assert (before, reason(clone.get("/stateless"))) == (200, (401, "token_expired"))

    def test_takes_no_refresh_token(self, signed_in):
        signed_in.set_cookie(ACCESS, signed_in.cookie(REFRESH))

        assert reason(signed_in.get("/stateless")) == (401, "token_invalid")

    def test_refuses_forged_requests(self, signed_in):
        response = ask(signed_in, CookieJWTStatelessUserAuthentication, "post", **FORGED)

        assert response.status_code == 403

    def test_takes_no_token_without_a_session(self, browser, plain_token):
        assert reason(browser.get("/stateless", **bearer(plain_token))) == (401, "token_invalid")

    def test_user_class_is_simplejwts_to_choose(self, settings, signed_in):
        settings.SIMPLE_JWT = {"TOKEN_USER_CLASS": "tests.test_authentication.Robot"}

        assert signed_in.get("/stateless").data == {"id": "robot"}


class Robot:
    id = "robot"
    is_authenticated = True

    def __init__(self, token):
        self.token = token


# --- Caches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/private", "/public", "/stateless", "/auth/me"])
@pytest.mark.parametrize("who", ["a visitor", "the user", "a forger"])
def test_every_answer_varies_on_the_credentials(signed_in, path, who):
    browser = Browser() if who == "a visitor" else signed_in
    response = browser.post(path, **FORGED) if who == "a forger" else browser.get(path)

    assert {"Cookie", "Authorization"} <= set(response.headers["Vary"].split(", "))


class VaryingView(PublicView):
    def get(self, request):
        return Response({}, headers={"Vary": "Accept-Language"})

    @property
    def default_response_headers(self):
        return {**super().default_response_headers, "Vary": "Accept, Cookie, Origin"}


def test_what_the_view_itself_varies_on_stays(db):
    response = VaryingView.as_view()(APIRequestFactory().get("/"))

    assert response.headers["Vary"].lower().split(", ") == [
        "accept-language",
        "accept",
        "cookie",
        "origin",
        "authorization",
    ]


class TestCachedPage:
    def test_of_a_visitor_is_not_shown_to_a_user(self, signed_in, account):
        Browser().get("/cached")

        assert signed_in.get("/cached").data == {"user": account.user.get_username()}

    def test_of_a_user_is_not_shown_to_a_visitor(self, signed_in):
        signed_in.get("/cached")

        assert Browser().get("/cached").data == {"user": None}

    def test_of_a_user_is_not_shown_to_another(self, signed_in, other_account):
        signed_in.get("/cached")
        other = Browser()
        other.sign_in(other_account)

        assert other.get("/cached").data == {"user": other_account.user.get_username()}

    def test_of_an_app_is_not_shown_to_another_app(self, signed_in, other_account, other_token):
        Browser().get("/cached", **bearer(signed_in.cookie(ACCESS)))

        assert Browser().get("/cached", **bearer(other_token)).data == {"user": other_account.user.get_username()}

    def test_of_an_app_is_not_shown_to_a_visitor(self, signed_in):
        Browser().get("/cached", **bearer(signed_in.cookie(ACCESS)))

        assert Browser().get("/cached").data == {"user": None}

    def test_is_shown_again_to_whom_it_belongs(self, signed_in, django_assert_num_queries):
        """Or none of the above would prove anything."""
        signed_in.get("/cached")

        with django_assert_num_queries(0):
            assert signed_in.get("/cached").status_code == 200


# --- A project's own subclass --------------------------------------------------------------------------------------


class OnlyTenant(CookieJWTAuthentication):
    """Refuses tokens of another tenant, and users who are banned there."""

    def get_validated_token(self, raw_token):
        token = super().get_validated_token(raw_token)
        if token.get("tenant", "acme") != "acme":
            raise AuthenticationFailed("Another tenant's.", code="wrong_tenant")
        return token

    def get_user(self, validated_token):
        user = super().get_user(validated_token)
        if user.is_staff:
            raise AuthenticationFailed("Banned.", code="banned")
        return user


def test_a_subclass_lets_in_whom_it_wants(signed_in, account):
    assert ask(signed_in, OnlyTenant).data == {"user": account.user.get_username()}


def test_a_subclass_may_refuse_tokens(settings, browser, account):
    settings.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "TOKEN_CLAIMS": lambda user, claims: {**claims, "tenant": "evil"}}
    browser.sign_in(account)

    assert reason(ask(browser, OnlyTenant)) == (401, "wrong_tenant")


@pytest.mark.parametrize("by_header", [False, True], ids=["cookie", "header"])
def test_a_subclass_may_refuse_users(signed_in, account, by_header):
    account.user.is_staff = True
    account.user.save()
    headers = bearer(signed_in.cookie(ACCESS)) if by_header else {}

    assert reason(ask(Browser() if by_header else signed_in, OnlyTenant, **headers)) == (401, "banned")


def test_the_class_serves_code_that_is_no_view(signed_in, account):
    """A middleware, or another framework's hook, has Django's request and no view."""
    request = RequestFactory().get("/", HTTP_COOKIE=f"{ACCESS}={signed_in.cookie(ACCESS)}")

    user, token = CookieJWTAuthentication().authenticate(request)

    assert (user, token.session_id) == (account.user, AuthSession.objects.get().pk)


def test_the_class_tells_code_that_is_no_view_why_a_token_was_refused(db):
    request = RequestFactory().get("/", HTTP_COOKIE=f"{ACCESS}=garbage")
    authentication = CookieJWTAuthentication()

    assert authentication.authenticate(request) is None
    assert authentication.authenticate_header(request).endswith('error_description="token_invalid"')
