"""Django's own views and the access cookie: who is asked for when, and what a forged request is."""

import logging
from datetime import timedelta

import pytest
from asgiref.sync import SyncToAsync, async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Permission
from django.core.exceptions import SynchronousOnlyOperation
from django.db import DatabaseError
from django.http import HttpResponse
from django.test import AsyncClient, AsyncRequestFactory, Client
from rest_framework.exceptions import AuthenticationFailed

from fastauth_django import sessions
from fastauth_django.authentication import CookieJWTAuthentication
from fastauth_django.exceptions import TryAgain
from fastauth_django.middleware import AuthCookieMiddleware
from fastauth_django.models import AuthSession
from tests.clients import ACCESS, REFRESH, Browser
from tests.devices import DEVICE, bind_on_sign_in
from tests.factories import make_account
from tests.reading import clears_cookies, is_alive, listening, revoked_reason, session_of
from tests.testapp import pages

SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
DJANGO = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"
UPDATE_CACHE = "django.middleware.cache.UpdateCacheMiddleware"
FETCH_FROM_CACHE = "django.middleware.cache.FetchFromCacheMiddleware"
OURS = "fastauth_django.middleware.AuthCookieMiddleware"

BESIDE_DJANGO = [SESSION, COMMON, CSRF, DJANGO, OURS, MESSAGES]
ALONE = [COMMON, CSRF, OURS]

FORGED = [
    {"HTTP_ORIGIN": "https://evil.test"},
    {"HTTP_SEC_FETCH_SITE": "cross-site"},
    {"HTTP_SEC_FETCH_SITE": "same-site"},
    {"HTTP_REFERER": "https://evil.test/page"},
]

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[BESIDE_DJANGO, ALONE], ids=["beside Django's", "alone"], autouse=True)
def project(request, settings):
    """A project with pages of Django's kind, with Django's sessions or without."""
    settings.ROOT_URLCONF = "tests.page_urls"
    settings.LOGIN_URL = "/django/login"
    settings.MIDDLEWARE = request.param
    return settings


@pytest.fixture
def beside_django(project):
    """For what needs Django's sessions."""
    project.MIDDLEWARE = BESIDE_DJANGO
    return project


@pytest.fixture
def name(account) -> str:
    return account.user.get_username()


@pytest.fixture
def other(other_account) -> Browser:
    """Bob's browser, signed in."""
    browser = Browser()
    browser.sign_in(other_account)
    return browser


def text(response) -> str:
    assert response.status_code == 200, response
    return response.content.decode().strip()


def varies(response) -> bool:
    return "Cookie" in response.headers.get("Vary", "")


def jar(browser) -> str:
    return "; ".join(f"{key}={morsel.value}" for key, morsel in browser.cookies.items())


def asynchronously(browser: Browser, path: str, method: str = "get", **headers):
    """An answer of the asynchronous stack to a request with the browser's cookies."""
    client = AsyncClient(enforce_csrf_checks=True)
    client.cookies = browser.cookies
    return async_to_sync(getattr(client, method))(path, **headers)


# --- Who it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/whoami", "/members", "/template", "/late-template", "/async/whoami"])
def test_user_of_the_cookie_is_the_user_of_the_request(signed_in, name, path):
    assert text(signed_in.get(path)) == name


@pytest.mark.parametrize("path", ["/whoami", "/template", "/async/whoami", "/async/template"])
def test_visitor_without_a_cookie_is_anonymous(browser, path):
    assert text(browser.get(path)) == "nobody"
    assert text(asynchronously(browser, path)) == "nobody"


def test_cookie_whose_key_nobody_can_fetch_now_is_nobodys(signed_in, monkeypatch):
    def fail(backend, token):
        raise TryAgain

    monkeypatch.setattr("fastauth_django.tokens.FallbackTokenBackend.get_verifying_key", fail)

    response = signed_in.get("/members")

    assert (response.status_code, response.headers["Location"]) == (302, "/django/login?next=/members")


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami", "/async/members", "/async/template"])
def test_asynchronous_stack_knows_the_same_user(signed_in, name, path):
    assert text(asynchronously(signed_in, path)) == name


@pytest.mark.parametrize("path", ["/members", "/async/members"])
def test_visitor_is_sent_to_the_sign_in_page(browser, path):
    assert browser.get(path).headers["Location"] == f"/django/login?next={path}"
    assert asynchronously(browser, path).headers["Location"] == f"/django/login?next={path}"


def test_permissions_are_those_of_the_user(signed_in, account, name):
    assert signed_in.get("/staff").status_code == 403
    assert text(signed_in.get("/permissions")) == "may not"

    account.user.user_permissions.add(Permission.objects.get(codename="add_group"))

    assert text(signed_in.get("/staff")) == name
    assert text(signed_in.get("/permissions")) == "may add groups"


def test_user_can_be_given_to_the_orm_as_any_other(signed_in, rf, account):
    seen = []
    middleware = AuthCookieMiddleware(lambda request: seen.append(request.user) or HttpResponse())
    middleware(rf.get("/", HTTP_COOKIE=jar(signed_in)))

    assert AuthSession.objects.filter(user=seen[0]).exists()
    assert isinstance(seen[0], get_user_model())


def test_header_does_not_sign_in_to_pages(signed_in):
    """A page is for browsers, and they send no such header by themselves."""
    token = signed_in.cookie(ACCESS)

    assert text(Browser().get("/whoami", HTTP_AUTHORIZATION=f"Bearer {token}")) == "nobody"


def garbage(browser, clock):
    browser.set_cookie(ACCESS, "garbage")


def refresh_token(browser, clock):
    browser.set_cookie(ACCESS, browser.cookie(REFRESH))


def expired(browser, clock):
    clock.shift(timedelta(minutes=15))


def signed_out_elsewhere(browser, clock):
    browser.clone().post("/auth/logout")


def inactive(browser, clock):
    get_user_model().objects.update(is_active=False)


def new_password(browser, clock):
    get_user_model().objects.update(password="md5$a$b")


@pytest.mark.parametrize(
    "spoil", [garbage, refresh_token, expired, signed_out_elsewhere, inactive, new_password], ids=lambda f: f.__name__
)
def test_stale_cookie_is_an_anonymous_visitor(clock, signed_in, spoil):
    spoil(signed_in, clock)

    assert text(signed_in.get("/whoami")) == "nobody"
    assert text(asynchronously(signed_in, "/async/whoami")) == "nobody"
    assert signed_in.get("/members").status_code == 302


def test_stale_cookie_beside_a_good_one_does_not_hide_it(signed_in, name):
    cookie = f"{ACCESS}=garbage; {ACCESS}={signed_in.cookie(ACCESS)}; {ACCESS}=more"

    assert text(Browser().get("/whoami", HTTP_COOKIE=cookie)) == name


def test_token_without_a_session_is_not_let_in_from_the_cookie(project, account, browser):
    from rest_framework_simplejwt.tokens import AccessToken

    project.FASTAUTH = {"TOKEN_DELIVERY": "cookie", "ACCEPT_TOKENS_WITHOUT_SESSION": True}
    browser.set_cookie(ACCESS, str(AccessToken.for_user(account.user)))

    assert text(browser.get("/whoami")) == "nobody"


def test_session_that_had_to_be_bound_to_its_device_and_was_not_lets_nobody_in(clock, project, browser, account, name):
    project.FASTAUTH = {**project.FASTAUTH, "DEVICE_BINDING": "required"}
    browser.sign_in(account)
    before = text(browser.get("/whoami"))
    clock.shift(timedelta(minutes=2))

    assert (before, text(browser.get("/whoami"))) == (name, "nobody")


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami"])
def test_database_that_is_down_lets_nobody_in(signed_in, monkeypatch, path):
    def down(token):
        raise DatabaseError("down")

    monkeypatch.setattr(sessions, "live_session", down)

    with pytest.raises(DatabaseError):
        signed_in.get(path)
    with pytest.raises(DatabaseError):
        asynchronously(signed_in, path)


class NoStaff(CookieJWTAuthentication):
    def get_user(self, validated_token):
        user = super().get_user(validated_token)
        if user.is_staff:
            raise AuthenticationFailed("Not from here.")
        return user


class OwnMiddleware(AuthCookieMiddleware):
    authentication_class = NoStaff


def test_project_that_lets_in_fewer_users_does_so_on_pages_too(project, signed_in, account, name):
    project.MIDDLEWARE = [f"{__name__}.OwnMiddleware"]

    def seen():
        return text(Client(HTTP_COOKIE=jar(signed_in)).get("/whoami")), text(asynchronously(signed_in, "/async/whoami"))

    assert seen() == (name, name)
    account.user.is_staff = True
    account.user.save()
    assert seen() == ("nobody", "nobody")


# --- When it is asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "queries"),
    [("/imprint", 0), ("/async/imprint", 0), ("/whoami", 1), ("/async/whoami", 1), ("/members", 1), ("/template", 1)],
)
def test_only_a_page_that_asks_takes_a_query(signed_in, django_assert_num_queries, path, queries):
    with django_assert_num_queries(queries):
        signed_in.get(path)
    with django_assert_num_queries(queries):
        # A synchronous page runs in a thread with a connection of its own, unless the loop belongs to this one.
        asynchronously(signed_in, path)


def test_only_a_page_that_asks_reads_the_cookie(signed_in, monkeypatch):
    def read(self, request):
        raise AssertionError("nobody asked")

    monkeypatch.setattr(CookieJWTAuthentication, "authenticate_by_cookie", read)

    assert text(signed_in.get("/imprint")) == "imprint"
    assert text(asynchronously(signed_in, "/async/imprint")) == "imprint"


@pytest.mark.parametrize("cookie", ["", "garbage"])
def test_visitor_takes_no_query(browser, django_assert_num_queries, cookie):
    browser.set_cookie(ACCESS, cookie)

    with django_assert_num_queries(0):
        assert text(browser.get("/whoami")) == "nobody"
        assert text(asynchronously(browser, "/async/whoami")) == "nobody"


def test_asking_twice_takes_one_query(signed_in, rf, name, django_assert_num_queries):
    def view(request):
        return HttpResponse(f"{request.user.get_username()} {request.user.is_authenticated}")

    with django_assert_num_queries(1):
        response = AuthCookieMiddleware(view)(rf.get("/", HTTP_COOKIE=jar(signed_in)))

    assert text(response) == f"{name} True"


def test_asking_in_both_ways_takes_one_query(signed_in, name, django_assert_num_queries):
    async def view(request):
        first, second = await request.auser(), await request.auser()
        assert first is second
        return HttpResponse(request.user.get_username())

    request = AsyncRequestFactory().get("/", headers={"Cookie": jar(signed_in)})
    with django_assert_num_queries(1):
        assert text(async_to_sync(AuthCookieMiddleware(view))(request)) == name


def test_asynchronous_code_that_asks_synchronously_is_told_so():
    """As with Django's own ``request.user``. It is no reason to take somebody for nobody."""

    async def view(request):
        return HttpResponse(request.user.get_username())

    account, browser = make_account("eve"), Browser()
    browser.sign_in(account)
    request = AsyncRequestFactory().get("/", headers={"Cookie": jar(browser)})
    with pytest.raises(SynchronousOnlyOperation):
        async_to_sync(AuthCookieMiddleware(view))(request)


def hops(browser: Browser, path: str) -> int:
    """How often a request leaves the event loop's thread, in all of Django's asynchronous stack."""
    left = []
    hop = SyncToAsync.__call__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            SyncToAsync, "__call__", lambda self, *args, **kw: left.append(self.func) or hop(self, *args, **kw)
        )
        asynchronously(browser, path)
    return len(left)


def test_only_the_query_leaves_the_event_loops_thread(project, signed_in):
    ours, project.MIDDLEWARE = project.MIDDLEWARE, [each for each in project.MIDDLEWARE if each != OURS]
    without = hops(signed_in, "/async/imprint")
    project.MIDDLEWARE = ours

    assert hops(signed_in, "/async/imprint") == without, "nobody asks who it is"
    assert hops(Browser(), "/async/whoami") == without, "no cookie, no query"
    assert hops(signed_in, "/async/whoami") == without + 1
    assert hops(signed_in, "/async/template") == without + 1, "asks twice"


# --- Forged requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami", "/members"])
def test_post_without_a_csrf_token_is_refused_by_django(signed_in, path):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in.cookies

    assert client.post(path).status_code == 403
    assert asynchronously(signed_in, path, "post").status_code == 403


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami"])
def test_post_with_a_csrf_token_acts_as_the_user(signed_in, name, path):
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in.clone().cookies
    client.cookies["csrftoken"] = token = "t" * 32

    assert text(client.post(path, {"csrfmiddlewaretoken": token})) == name
    assert text(asynchronously(client, path, "post", headers={"X-CSRFToken": token})) == name


@pytest.mark.parametrize("headers", FORGED, ids=lambda headers: next(iter(headers.items()))[1])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_forged_request_to_an_exempt_view_does_not_act_as_the_user(signed_in, method, headers):
    """``csrf_exempt`` lets other sites call the view. It does not lend them the visitor's account."""
    names = {key.removeprefix("HTTP_").replace("_", "-"): value for key, value in headers.items()}

    assert text(getattr(signed_in, method)("/webhook", **headers)) == "nobody"
    assert text(asynchronously(signed_in, "/async/webhook", method, headers=names)) == "nobody"


@pytest.mark.parametrize("headers", [{}, {"HTTP_ORIGIN": "http://testserver"}, {"HTTP_SEC_FETCH_SITE": "same-origin"}])
def test_request_of_ones_own_page_to_an_exempt_view_acts_as_the_user(signed_in, name, headers):
    assert text(signed_in.post("/webhook", **headers)) == name


def test_request_of_a_listed_origin_to_an_exempt_view_acts_as_the_user(project, signed_in, name):
    project.FASTAUTH = {**project.FASTAUTH, "CORS_ORIGINS": ["https://app.example.com"]}

    assert text(signed_in.post("/webhook", HTTP_ORIGIN="https://app.example.com")) == name


def test_in_token_mode_an_exempt_view_sees_the_user_with_a_token_only(project, signed_in, name):
    project.FASTAUTH = {**project.FASTAUTH, "CSRF_PROTECTION": "token"}
    client = Client(enforce_csrf_checks=True)
    client.cookies = signed_in.clone().cookies
    client.cookies["csrftoken"] = token = "t" * 32

    assert text(client.post("/webhook")) == "nobody"
    assert text(client.post("/webhook", headers={"X-CSRFToken": token})) == name


def test_forged_read_shows_a_page_as_any_link_does(signed_in, name):
    assert text(signed_in.get("/whoami", HTTP_SEC_FETCH_SITE="cross-site")) == name


def test_forged_request_is_logged_with_its_reason(signed_in, caplog):
    with caplog.at_level(logging.WARNING, "django.security.csrf"):
        signed_in.post("/webhook", HTTP_ORIGIN="https://evil.test")

    assert "Origin 'https://evil.test' is not trusted" in caplog.text


def test_forged_request_of_a_visitor_is_nothing_to_log(browser, caplog):
    with caplog.at_level(logging.WARNING, "django.security.csrf"):
        browser.post("/webhook", HTTP_ORIGIN="https://evil.test")

    assert caplog.text == ""


# --- Beside Django's sessions --------------------------------------------------------------------------------------


@pytest.fixture(params=[BESIDE_DJANGO, [SESSION, OURS, COMMON, CSRF, DJANGO, MESSAGES]], ids=["after", "before"])
def any_order(request, project):
    """AuthCookieMiddleware after or before Django's AuthenticationMiddleware."""
    project.MIDDLEWARE = request.param


@pytest.mark.parametrize("path", ["/whoami", "/async/whoami"])
def test_signed_in_django_session_counts_before_the_cookie(any_order, signed_in, other_account, path):
    signed_in.force_login(other_account.user)

    assert text(signed_in.get(path)) == other_account.user.get_username()
    assert text(asynchronously(signed_in, path)) == other_account.user.get_username()


def test_signed_in_django_session_costs_no_look_at_the_cookie(beside_django, signed_in, other_account, monkeypatch):
    def read(self, request):
        raise AssertionError("not needed")

    signed_in.force_login(other_account.user)
    monkeypatch.setattr(CookieJWTAuthentication, "authenticate_by_cookie", read)

    assert text(signed_in.get("/whoami")) == other_account.user.get_username()
    assert text(asynchronously(signed_in, "/async/whoami")) == other_account.user.get_username()


def test_anonymous_django_session_does_not_hide_the_cookie(beside_django, signed_in, name):
    session = signed_in.session
    session["basket"] = "apples"
    session.save()

    assert text(signed_in.get("/whoami")) == name
    assert text(asynchronously(signed_in, "/async/whoami")) == name


def test_in_the_wrong_order_the_cookie_lets_nobody_in(project, signed_in):
    project.MIDDLEWARE = [SESSION, OURS, DJANGO]

    assert text(Client(HTTP_COOKIE=jar(signed_in)).get("/whoami")) == "nobody"


def test_user_whom_a_middleware_of_the_projects_own_found_counts(rf, signed_in):
    """One that knows of ``request.user`` only."""
    other = make_account("bob").user

    def with_earlier(middleware, request):
        request.user = other
        return middleware(request)

    synchronous = AuthCookieMiddleware(pages.whoami)
    asynchronous = async_to_sync(AuthCookieMiddleware(pages.async_whoami))
    plain = rf.get("/", HTTP_COOKIE=jar(signed_in))
    over_asgi = AsyncRequestFactory().get("/", headers={"Cookie": jar(signed_in)})

    assert text(with_earlier(synchronous, plain)) == other.get_username()
    assert text(with_earlier(asynchronous, over_asgi)) == other.get_username()


def test_visitor_of_a_middleware_of_the_projects_own_stays_that_visitor(rf):
    class Guest(AnonymousUser):
        pass

    async def guest():
        return Guest()

    async def view(request):
        return HttpResponse(type(await request.auser()).__name__)

    request, over_asgi = rf.get("/"), AsyncRequestFactory().get("/")
    request.user = over_asgi.user = Guest()
    over_asgi.auser = guest
    AuthCookieMiddleware(pages.imprint)(request)

    assert isinstance(request.user, Guest)
    assert text(async_to_sync(AuthCookieMiddleware(view))(over_asgi)) == "Guest"


def test_signing_in_with_django_counts_at_once(beside_django, account, signed_in):
    bob = make_account("bob")
    credentials = {"username": next(iter(bob.credentials.values())), "password": bob.credentials["password"]}

    response = signed_in.post("/django/login", {**credentials, "next": "/whoami"}, follow=True)

    assert text(response) == bob.user.get_username()


def test_login_required_middleware_lets_in_by_the_cookie(beside_django, signed_in, browser, name):
    beside_django.MIDDLEWARE = [*BESIDE_DJANGO, LOGIN_REQUIRED]
    stranger = Browser()

    assert text(Client(HTTP_COOKIE=jar(signed_in)).get("/whoami")) == name
    assert stranger.get("/whoami").headers["Location"] == "/django/login?next=/whoami"
    assert stranger.post("/auth/logout").status_code == 200


def test_admin_lets_in_staff_by_the_cookie(beside_django, signed_in, account):
    stranger = signed_in.get("/admin/").status_code
    account.user.is_staff = account.user.is_superuser = True
    account.user.save()

    assert (stranger, signed_in.get("/admin/").status_code) == (302, 200)


def test_view_of_rest_framework_goes_its_own_way(signed_in, name, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert signed_in.get("/private").json() == {"user": name}


# --- Signing out with Django ---------------------------------------------------------------------------------------


def test_djangos_sign_out_ends_the_session_of_the_cookie(beside_django, signed_in):
    """Or whoever sits down next would still be signed in, though the admin said good-bye."""
    thief, session = signed_in.clone(), session_of(signed_in)

    response = signed_in.post("/django/logout")

    assert clears_cookies(response)
    assert revoked_reason(session) == "signed_out"
    assert text(signed_in.get("/whoami")) == "nobody"
    assert text(thief.get("/whoami")) == "nobody"
    assert thief.post("/auth/refresh").status_code == 401


def test_djangos_asynchronous_sign_out_ends_it_too(beside_django, signed_in):
    session = session_of(signed_in)

    response = asynchronously(signed_in, "/async/logout")

    assert text(response) == "nobody"
    assert clears_cookies(response)
    assert not is_alive(session)


def test_djangos_sign_out_ends_the_session_behind_an_expired_access_cookie(beside_django, clock, signed_in):
    """The refresh token beside it would bring the user back."""
    session = session_of(signed_in)
    clock.shift(timedelta(minutes=15))

    signed_in.post("/django/logout")

    assert not is_alive(session)


def test_djangos_sign_out_ends_the_session_of_the_device_cookie(beside_django, device_binding, account):
    """Its access cookie has run out, and the browser could not renew it."""
    browser = Browser()
    bind_on_sign_in(browser, browser.sign_in(account))
    del browser.cookies[ACCESS]

    browser.post("/django/logout")

    assert not AuthSession.objects.live().exists()
    assert not {ACCESS, DEVICE} & set(browser.cookies)


def test_djangos_sign_out_ends_the_session_of_a_former_cookie(beside_django, project, signed_in):
    session = session_of(signed_in)
    names = {"COOKIE_NAME_ACCESS": "__Host-access", "COOKIE_NAME_REFRESH": "__Host-refresh"}
    project.FASTAUTH = {**project.FASTAUTH, **names, "COOKIE_FORMER": [{"name": REFRESH}]}

    signed_in.post("/django/logout")

    assert not is_alive(session)


def test_djangos_sign_out_of_a_django_session_ends_the_cookies_with_it(beside_django, signed_in, other_account):
    session = session_of(signed_in)
    signed_in.force_login(other_account.user)

    signed_in.post("/django/logout")

    assert not is_alive(session)


def test_sign_in_after_djangos_sign_out_keeps_its_cookies(beside_django, signed_in, other_account):
    session = session_of(signed_in)

    signed_in.post("/switch", {"user": other_account.user.pk})

    assert text(signed_in.get("/whoami")) == other_account.user.get_username()
    assert not is_alive(session)


def test_djangos_sign_out_without_our_cookies_touches_none(beside_django, account):
    browser = Browser()
    browser.force_login(account.user)

    response = browser.post("/django/logout")

    assert set(response.cookies) == {"sessionid"}


def test_forged_sign_out_leaves_the_session(beside_django, signed_in):
    """A project's own view may call ``logout()`` and be ``csrf_exempt``."""
    session = session_of(signed_in)

    response = signed_in.post("/django/logout", HTTP_ORIGIN="https://evil.test")

    assert ACCESS not in response.cookies
    assert is_alive(session)


@pytest.mark.django_db(transaction=True)  # In a transaction each signal takes a savepoint.
def test_signing_out_by_our_own_route_is_announced_once_and_takes_no_more_queries(signed_in, django_assert_num_queries):
    from django.contrib.auth.signals import user_logged_out

    with listening(user_logged_out) as heard, django_assert_num_queries(1):
        signed_in.post("/auth/logout")

    assert len(heard) == 1


def test_sign_out_that_somebody_announces_without_a_request_is_no_error(account):
    from django.contrib.auth.signals import user_logged_out

    user_logged_out.send(sender=type(account.user), request=None, user=account.user)

    assert not AuthSession.objects.exists()


# --- Caches --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/whoami", "/members", "/template", "/late-template", "/async/whoami"])
@pytest.mark.parametrize("who", ["a visitor", "the user"])
def test_answer_varies_where_the_visitor_was_asked_for(signed_in, path, who):
    browser = Browser() if who == "a visitor" else signed_in

    assert varies(browser.get(path))
    assert varies(asynchronously(browser, path))


@pytest.mark.parametrize("path", ["/imprint", "/async/imprint", "/cached-imprint"])
def test_answer_does_not_vary_where_nobody_was_asked_for(signed_in, path):
    assert not varies(signed_in.get(path))
    assert not varies(asynchronously(signed_in, path))


CACHED = ["/cached-page", "/cached-late-template", "/cached-for-members", "/members-cached"]
CACHED += ["/async/cached-page", "/async/cached-for-members"]


@pytest.mark.parametrize("path", CACHED)
class TestCachePage:
    def test_of_a_user_is_not_shown_to_another(self, signed_in, other, other_account, path):
        signed_in.get(path)

        assert text(other.get(path)) == other_account.user.get_username()

    def test_of_a_user_is_not_shown_to_a_visitor(self, signed_in, name, path):
        signed_in.get(path)

        assert name.encode() not in Browser().get(path).content

    def test_of_a_visitor_is_not_shown_to_a_user(self, signed_in, name, path):
        Browser().get(path)

        assert text(signed_in.get(path)) == name

    def test_varies(self, signed_in, path):
        assert varies(signed_in.get(path))

    def test_of_a_user_is_not_shown_to_another_under_asgi(self, signed_in, other, other_account, path):
        asynchronously(signed_in, path)

        assert text(asynchronously(other, path)) == other_account.user.get_username()


def test_page_that_asks_nobodys_name_is_cached_for_all(clock, signed_in):
    """Or the tests above would prove nothing."""
    first = signed_in.get("/cached-imprint")
    clock.shift(5)

    assert Browser().get("/cached-imprint").headers["Expires"] == first.headers["Expires"]


@pytest.mark.parametrize(
    "middleware",
    [
        [UPDATE_CACHE, *BESIDE_DJANGO, FETCH_FROM_CACHE],
        [UPDATE_CACHE, *ALONE, FETCH_FROM_CACHE],
        [*BESIDE_DJANGO, UPDATE_CACHE, FETCH_FROM_CACHE],
    ],
    ids=["beside Django's", "alone", "in the wrong order"],
)
class TestSiteCache:
    @pytest.fixture(autouse=True)
    def _site_cache(self, project, middleware):
        project.MIDDLEWARE = middleware

    def ask(self, browser, path="/whoami"):
        return Client(HTTP_COOKIE=jar(browser)).get(path)

    def test_of_a_user_is_not_shown_to_another(self, signed_in, other, other_account, middleware):
        self.ask(signed_in)

        assert text(self.ask(other)) == other_account.user.get_username()

    def test_of_a_user_is_not_shown_to_a_visitor(self, signed_in, middleware):
        self.ask(signed_in)

        assert text(Client().get("/whoami")) == "nobody"

    def test_of_cached_page_is_not_shown_to_another(self, signed_in, other, other_account, middleware):
        self.ask(signed_in, "/cached-page")

        assert text(self.ask(other, "/cached-page")) == other_account.user.get_username()


@pytest.mark.parametrize("path", ["/whoami", "/cached-page"])
def test_site_cache_shows_a_page_again_to_whom_it_belongs(project, signed_in, name, django_assert_num_queries, path):
    project.MIDDLEWARE = [UPDATE_CACHE, *ALONE, FETCH_FROM_CACHE]
    client = Client(HTTP_COOKIE=jar(signed_in))
    client.get(path)

    with django_assert_num_queries(0):
        assert text(client.get(path)) == name
