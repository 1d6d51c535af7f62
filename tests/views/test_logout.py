"""Signing out."""

from datetime import timedelta

import pytest
from django.contrib.auth.signals import user_logged_out
from rest_framework.throttling import BaseThrottle
from rest_framework.versioning import AcceptHeaderVersioning
from rest_framework.views import APIView

from fastauth_django.models import AuthSession
from fastauth_django.signals import session_revoked
from fastauth_django.tokens import AccessToken
from fastauth_django.views import LogoutView
from tests.clients import ACCESS, REFRESH, Browser
from tests.reading import clears_cookies, is_alive, listening, revoked_reason, session_of, touches_no_cookie

pytestmark = pytest.mark.django_db


def logout(client, data=None, **extra):
    return client.post("/auth/logout", data, format="json", **extra)


def bearer(raw_token):
    return {"HTTP_AUTHORIZATION": f"Bearer {raw_token}"}


def test_sign_out_answers_200_ends_the_session_and_clears_both_cookies(signed_in):
    session = session_of(signed_in)

    response = logout(signed_in)

    assert response.status_code == 200
    assert response.json() == {"message": "Logged out"}
    assert clears_cookies(response)
    assert response["Cache-Control"] == "no-store"
    assert revoked_reason(session) == "signed_out"


def test_clearing_cookies_have_the_attributes_of_those_that_were_set(browser, account):
    given = browser.sign_in(account).cookies
    taken = logout(browser).cookies

    changed = {"max-age", "expires"}
    for name in (ACCESS, REFRESH):
        assert {key: value for key, value in given[name].items() if key not in changed} == {
            key: value for key, value in taken[name].items() if key not in changed
        }
        assert taken[name].value == ""


def test_stolen_copies_of_both_cookies_die_with_the_session(signed_in):
    thief = signed_in.clone()

    logout(signed_in)

    assert thief.get("/private").status_code == 401
    assert thief.post("/auth/refresh").json()["code"] == "session_revoked"


@pytest.mark.django_db(transaction=True)  # In a transaction each signal takes a savepoint.
def test_sign_out_costs_one_query(signed_in, django_assert_num_queries):
    with django_assert_num_queries(1):
        logout(signed_in)


def test_second_sign_out_costs_one_query_too(signed_in, django_assert_num_queries):
    copy = signed_in.clone()
    logout(signed_in)

    with django_assert_num_queries(1):
        logout(copy)


@pytest.mark.django_db(transaction=True)
def test_receivers_who_look_at_session_and_user_cost_one_more(signed_in, account, django_assert_num_queries):
    session = session_of(signed_in)
    seen = []

    def look(sender, **kwargs):
        seen.append((sender, kwargs["session"].revoked_reason if "session" in kwargs else kwargs["user"].pk))

    session_revoked.connect(look)
    user_logged_out.connect(look)
    try:
        with django_assert_num_queries(2):
            logout(signed_in)
    finally:
        session_revoked.disconnect(look)
        user_logged_out.disconnect(look)

    assert seen == [(AuthSession, "signed_out"), (type(account.user), account.user.pk)]
    assert not is_alive(session)


def test_account_that_is_deleted_while_its_user_signs_out_disturbs_nobody(signed_in, account):
    """As Django's own logout does it: ``user_logged_out`` says None."""
    session = session_of(signed_in)

    def delete(sender, **kwargs):
        account.user.delete()

    session_revoked.connect(delete)
    try:
        with listening(user_logged_out) as heard:
            response = logout(signed_in)
    finally:
        session_revoked.disconnect(delete)

    assert response.status_code == 200
    [(_signal, arguments)] = heard
    assert arguments["user"] == None  # noqa: E711  # a lazy object that holds None
    assert not AuthSession.objects.filter(pk=session.pk).exists()


def test_sign_out_ends_no_other_session(signed_in, account):
    other = Browser()
    other.sign_in(account)

    logout(signed_in)

    assert other.get("/private").status_code == 200


# --- Every kind of credential, and none -----------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [ACCESS, REFRESH])
def test_either_cookie_is_enough(signed_in, kept):
    session = session_of(signed_in)
    signed_in.set_cookie(REFRESH if kept == ACCESS else ACCESS, "")

    response = logout(signed_in)

    assert clears_cookies(response)
    assert not is_alive(session)


def test_refresh_token_in_the_body_is_enough(signed_in):
    logout(Browser(), {"refresh_token": signed_in.cookie(REFRESH)})

    assert not is_alive(session_of(signed_in))


def test_bearer_token_is_enough(signed_in):
    logout(Browser(), **bearer(signed_in.cookie(ACCESS)))

    assert not is_alive(session_of(signed_in))


@pytest.mark.parametrize("credential", ["bearer", "body"])
def test_native_app_signs_out(native_app, account, settings, credential):
    settings.FASTAUTH = {}
    native_app.sign_in(account)
    session = session_of(native_app)
    body = {}
    if credential == "body":
        native_app.access = None
        body = {"refresh_token": native_app.refresh_token}

    response = logout(native_app, body)

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert response["Cache-Control"] == "no-store"
    assert revoked_reason(session) == "signed_out"


def test_every_session_that_is_presented_ends(signed_in, account):
    in_body, in_header, bystander = Browser(), Browser(), Browser()
    for each in (in_body, in_header, bystander):
        each.sign_in(account)

    logout(signed_in, {"refresh_token": in_body.cookie(REFRESH)}, **bearer(in_header.cookie(ACCESS)))

    assert [is_alive(session_of(each)) for each in (in_body, in_header, bystander)] == [False, False, True]
    assert AuthSession.objects.live().count() == 1


def test_every_cookie_of_the_name_counts(signed_in, account):
    """The one that a sibling subdomain tossed in must not save the other."""
    other = Browser()
    other.sign_in(account)

    logout(Browser(), HTTP_COOKIE=f"{REFRESH}={other.cookie(REFRESH)}; {REFRESH}={signed_in.cookie(REFRESH)}")

    assert AuthSession.objects.live().count() == 0


@pytest.mark.parametrize("credential", ["cookies", "access cookie", "body", "bearer"])
def test_expired_tokens_count(clock, browser, account, credential):
    browser.sign_in(account)
    session = session_of(browser)
    access, refresh = browser.cookie(ACCESS), browser.cookie(REFRESH)
    clock.shift(timedelta(days=31))
    AuthSession.objects.update(expires_at=session.expires_at + timedelta(days=60))
    presented = {
        "cookies": {"HTTP_COOKIE": f"{ACCESS}={access}; {REFRESH}={refresh}"},
        "access cookie": {"HTTP_COOKIE": f"{ACCESS}={access}"},
        "body": {"data": {"refresh_token": refresh}},
        "bearer": bearer(access),
    }[credential]

    response = logout(Browser(), **presented)

    assert response.status_code == 200
    assert clears_cookies(response)
    assert revoked_reason(session) == "signed_out"


def test_predecessor_signs_out_too(signed_in):
    """A tab that has not seen the last refresh signs out for good all the same."""
    tab = signed_in.clone()
    signed_in.post("/auth/refresh")

    logout(tab)

    assert revoked_reason(session_of(signed_in)) == "signed_out"


def test_nothing_to_sign_out_is_no_error(browser):
    response = logout(browser)

    assert response.status_code == 200
    assert clears_cookies(response)


def test_signing_out_twice_is_no_error(signed_in):
    tab = signed_in.clone()
    logout(signed_in)

    with listening(session_revoked, user_logged_out) as heard:
        response = logout(tab)

    assert response.status_code == 200
    assert clears_cookies(response)
    assert heard == []


@pytest.mark.parametrize("where", ["cookie", "body", "bearer"])
def test_forged_token_signs_nobody_out(signed_in, where):
    session = session_of(signed_in)
    header, _payload, signature = signed_in.cookie(ACCESS).split(".")
    forged = ".".join([header, signed_in.cookie(REFRESH).split(".")[1], signature])
    presented = {
        "cookie": {"HTTP_COOKIE": f"{REFRESH}={forged}; {ACCESS}={forged}"},
        "body": {"data": {"refresh_token": forged}},
        "bearer": bearer(forged),
    }[where]

    response = logout(Browser(), **presented)

    assert response.status_code == 200
    assert is_alive(session)


def test_token_without_a_session_signs_nobody_out(signed_in):
    plain = AccessToken()
    plain["user_id"] = str(session_of(signed_in).user.pk)

    assert logout(Browser(), **bearer(plain)).status_code == 200
    assert is_alive(session_of(signed_in))


def test_tokens_do_not_pass_for_one_another(signed_in):
    logout(Browser(), {"refresh_token": signed_in.cookie(ACCESS)}, **bearer(signed_in.cookie(REFRESH)))

    assert is_alive(session_of(signed_in))


@pytest.mark.parametrize("gone", ["row", "user"])
def test_session_that_is_gone_can_be_signed_out(signed_in, account, gone):
    if gone == "user":
        account.user.delete()
    AuthSession.objects.all().delete()

    response = logout(signed_in)

    assert response.status_code == 200
    assert clears_cookies(response)


def test_user_who_was_deactivated_can_sign_out(signed_in, account):
    session = session_of(signed_in)
    account.user.is_active = False
    account.user.save()

    assert logout(signed_in).status_code == 200
    assert revoked_reason(session) == "signed_out"


def test_json_view_leaves_cookies_and_their_session_alone(signed_in):
    response = signed_in.post("/app/logout")

    assert response.status_code == 200
    assert touches_no_cookie(response)
    assert is_alive(session_of(signed_in))


def test_former_cookies_are_cleared_too(signed_in, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "COOKIE_FORMER": [{"name": "jwt", "path": "/api"}]}

    response = logout(signed_in)

    assert clears_cookies(response)
    assert (response.cookies["jwt"]["max-age"], response.cookies["jwt"]["path"]) == (0, "/api")


@pytest.mark.parametrize("kept", ["access_token", "refresh_token"])
def test_the_session_of_a_former_cookie_ends(signed_in, settings, kept):
    session = session_of(signed_in)
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_NAME_ACCESS": "__Host-access",
        "COOKIE_NAME_REFRESH": "__Host-refresh",
        "COOKIE_FORMER": [{"name": kept}],
    }

    assert logout(signed_in).status_code == 200
    assert revoked_reason(session) == "signed_out"


def test_another_site_cannot_end_the_session_of_a_former_cookie(signed_in, settings):
    session = session_of(signed_in)
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_NAME_ACCESS": "__Host-access",
        "COOKIE_NAME_REFRESH": "__Host-refresh",
        "COOKIE_FORMER": [{"name": "refresh_token"}],
    }

    assert logout(signed_in, HTTP_ORIGIN="https://evil.example").status_code == 403
    assert is_alive(session)


@pytest.mark.parametrize(("method", "path"), [("post", "/auth/refresh"), ("get", "/auth/me")])
def test_a_former_cookie_signs_nobody_in(signed_in, settings, method, path):
    """A sibling subdomain can plant a plain name beside ``__Host-``."""
    settings.FASTAUTH = {
        **settings.FASTAUTH,
        "COOKIE_NAME_ACCESS": "__Host-access",
        "COOKIE_NAME_REFRESH": "__Host-refresh",
        "COOKIE_FORMER": [{"name": "access_token"}, {"name": "refresh_token"}],
    }

    assert getattr(signed_in, method)(path).status_code == 401


def test_forged_sign_out_is_refused(signed_in):
    response = logout(signed_in, HTTP_ORIGIN="https://evil.example")

    assert response.status_code == 403
    assert touches_no_cookie(response)
    assert is_alive(session_of(signed_in))


# --- Signals --------------------------------------------------------------------------------------------------------


def test_signals_tell_of_the_end_and_of_the_user(signed_in, account):
    session = session_of(signed_in)

    with listening(session_revoked, user_logged_out) as heard:
        logout(signed_in)

    assert [signal for signal, _arguments in heard] == [session_revoked, user_logged_out]
    assert heard[0][1]["session"] == session
    assert heard[0][1]["reason"] == "signed_out"
    assert heard[1][1]["user"] == account.user
    assert heard[1][1]["request"].path == "/auth/logout"


def test_user_logged_out_is_sent_once_for_each_user(signed_in, account, other_account):
    again, other = Browser(), Browser()
    again.sign_in(account)
    other.sign_in(other_account)

    with listening(user_logged_out) as heard:
        logout(signed_in, {"refresh_token": again.cookie(REFRESH)}, **bearer(other.cookie(ACCESS)))

    assert {arguments["user"] for _signal, arguments in heard} == {account.user, other_account.user}
    assert len(heard) == 2


# --- Nothing in the request keeps it from signing out ---------------------------------------------------------------

BODIES = {
    "null": (b"null", "application/json"),
    "an array": (b"[]", "application/json"),
    "text": (b'"bye"', "application/json"),
    "a number where the token stands": (b'{"refresh_token": 5}', "application/json"),
    "half a JSON": (b'{"refresh_token": "x', "application/json"),
    "10 MB": (b'{"refresh_token": "' + b"x" * 10_000_000 + b'"}', "application/json"),
    "nested too deeply": (b"[" * 100_000, "application/json"),
    "no content type": (b"bye", ""),
    "text that sendBeacon sends": (b"bye", "text/plain;charset=UTF-8"),
    "a form without a boundary": (b"bye", "multipart/form-data"),
    "a type that nobody parses": (b"<bye/>", "application/xml"),
    "a form in a charset of names": (b"a=1", "application/x-www-form-urlencoded; charset=punycode"),
    "parts in another": (
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
        "multipart/form-data; boundary=x; charset=idna",
    ),
    "a charset that nobody knows": (b"{}", "application/json; charset=none"),
}


@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES)
def test_no_body_keeps_the_session_alive(signed_in, body, content_type):
    response = signed_in.generic("POST", "/auth/logout", body, content_type=content_type)

    assert response.status_code == 200
    assert clears_cookies(response)
    assert not is_alive(AuthSession.objects.get())


HEADERS = {
    "a type that no renderer makes": {"HTTP_ACCEPT": "text/html"},
    "no type at all": {"HTTP_ACCEPT": "garbage"},
    "a version that the project does not know": {"HTTP_ACCEPT": "application/json; version=9"},
    "an Authorization that is none": {"HTTP_AUTHORIZATION": "Bearer a b c"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("path", ["/auth/logout", "/auth/logout?format=xml"])
def test_no_header_and_no_query_keeps_the_session_alive(signed_in, headers, path, monkeypatch):
    monkeypatch.setattr(LogoutView, "versioning_class", AcceptHeaderVersioning)
    monkeypatch.setattr(AcceptHeaderVersioning, "allowed_versions", ["1"])

    response = signed_in.post(path, **headers)

    assert response.status_code == 200
    assert clears_cookies(response)
    assert not is_alive(AuthSession.objects.get())


@pytest.mark.parametrize("route", ["logout", "refresh"])
def test_no_throttle_of_the_project_counts_it(signed_in, route, monkeypatch):
    class NobodyMay(BaseThrottle):
        def allow_request(self, request, view):
            return False

    monkeypatch.setattr(APIView, "throttle_classes", [NobodyMay])

    assert signed_in.post(f"/auth/{route}").status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_scheme_of_the_header_is_read_in_any_case(native_app, account, settings, scheme):
    settings.FASTAUTH = {}
    native_app.sign_in(account)
    header = {"HTTP_AUTHORIZATION": f"{scheme} {native_app.access}"}
    assert native_app.get("/private", **header).status_code == 200

    assert native_app.post("/auth/logout", **header).status_code == 200

    assert native_app.get("/private", **header).status_code == 401


@pytest.mark.parametrize(("body", "content_type"), BODIES.values(), ids=BODIES)
def test_in_json_delivery_such_a_body_is_refused_or_holds_no_token(native_app, account, settings, body, content_type):
    """Its client presents the token in the body or in the header: "Logged out" is said only where a session ended."""
    settings.FASTAUTH = {}
    native_app.sign_in(account)

    response = native_app.generic("POST", "/auth/logout", body, content_type=content_type)

    assert response.status_code in {200, 400, 415}
    assert (response.status_code == 200) is not is_alive(AuthSession.objects.get())
