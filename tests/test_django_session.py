"""Django's own session beside the cookies: nothing of it survives into another identity, and none is started."""

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from fastauth_django.models import AuthSession
from tests.factories import PASSWORD, sign_up_data
from tests.test_middleware import BESIDE_DJANGO

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def project(settings):
    settings.ROOT_URLCONF = "tests.page_urls"
    settings.MIDDLEWARE = BESIDE_DJANGO
    return settings


@pytest.fixture
def cart(browser) -> str:
    """The key of a visitor's session, which somebody may have planted."""
    session = browser.session
    session["cart"] = [1, 2]
    session.save()
    return session.session_key


@pytest.fixture
def admin_session(browser, other_account) -> str:
    """An old session of somebody else, who was signed in with Django's ``login()`` in this browser."""
    browser.force_login(other_account.user)
    return browser.session.session_key


def session_key(browser) -> str | None:
    return browser.cookies["sessionid"].value if "sessionid" in browser.cookies else None


def test_sign_in_starts_no_session(browser, account):
    browser.sign_in(account)

    assert session_key(browser) is None
    assert not Session.objects.exists()
    assert "csrftoken" not in browser.cookies


@pytest.mark.parametrize("act", ["login", "register"])
def test_session_of_a_visitor_gets_a_new_key_and_keeps_what_it_holds(browser, account, cart, act):
    """Or whoever planted the key would share the session (session fixation)."""
    body = account.credentials if act == "login" else sign_up_data()
    browser.post(f"/auth/{act}", body, format="json")

    assert session_key(browser) != cart
    assert Session.objects.get().get_decoded() == {"cart": [1, 2]}


def test_csrf_secret_changes_with_who_is_signed_in(browser, account, cart):
    browser.cookies["csrftoken"] = "planted" * 4 + "abcd"

    browser.sign_in(account)

    assert not browser.cookies["csrftoken"].value.startswith("planted")


def test_session_of_somebody_else_is_flushed_and_does_not_outvote_the_cookie(browser, account, admin_session):
    assert browser.get("/whoami").content.decode() != account.user.get_username()

    browser.sign_in(account)

    assert browser.get("/whoami").content.decode() == account.user.get_username()
    assert not Session.objects.filter(session_key=admin_session).exists()


def test_session_of_the_same_user_goes_on(browser, account):
    browser.force_login(account.user)
    key = browser.session.session_key

    browser.sign_in(account)

    assert Session.objects.get(session_key=key).get_decoded()[SESSION_KEY] == str(account.user.pk)


def test_cookie_of_a_session_that_is_gone_starts_none(browser, account, cart):
    Session.objects.all().delete()

    assert browser.sign_in(account).status_code == 200

    assert not Session.objects.exists()


def test_sign_out_flushes_it(browser, account, cart):
    browser.sign_in(account)

    browser.post("/auth/logout")

    assert not Session.objects.exists()


def test_sign_out_flushes_the_admins_session_too(browser, account):
    browser.force_login(account.user)

    browser.post("/auth/logout")

    assert browser.get("/whoami").content == b"nobody"


@pytest.mark.parametrize("which", ["all", "the current one"])
def test_ending_the_sessions_own_session_is_a_sign_out(browser, account, which):
    """Or the browser would still be signed in where Django's sessions count, with a copy of them too."""
    browser.force_login(account.user)
    browser.sign_in(account)

    [current] = AuthSession.objects.all()
    browser.delete(f"/auth/sessions/{'all' if which == 'all' else current.pk}")

    assert browser.get("/whoami").content == b"nobody"
    assert not Session.objects.exists()


def test_ending_the_others_leaves_it(browser, account):
    browser.force_login(account.user)
    browser.sign_in(account)

    browser.delete("/auth/sessions/all?keep_current=true")

    assert browser.get("/whoami").content.decode() == account.user.get_username()


def test_json_delivery_never_touches_it(browser, account, admin_session):
    pair = browser.post("/app/login", account.credentials, format="json").json()
    browser.post("/app/logout", {"refresh_token": pair["refresh_token"]}, format="json")

    assert session_key(browser) == admin_session
    assert Session.objects.filter(session_key=admin_session).exists()


def test_project_without_sessions_has_none_to_take_over(browser, account, settings):
    settings.MIDDLEWARE = []

    assert browser.sign_in(account).status_code == 200
    assert browser.post("/auth/logout").status_code == 200


def test_store_that_is_down_keeps_no_session_alive_at_a_sign_out(signed_in, cart, monkeypatch, caplog):
    def down(store):
        raise ConnectionError("the store is away")

    monkeypatch.setattr(SessionStore, "flush", down)
    copy = signed_in.clone()

    assert signed_in.post("/auth/logout").status_code == 200

    assert copy.get("/private").status_code == 401
    assert "could not be flushed" in caplog.text


def test_store_that_is_down_leaves_no_session_behind_at_a_sign_in(browser, account, cart, monkeypatch):
    def down(store):
        raise ConnectionError("the store is away")

    monkeypatch.setattr(SessionStore, "cycle_key", down)
    with pytest.raises(ConnectionError):
        browser.sign_in(account)

    assert not AuthSession.objects.exists()


def test_session_of_the_same_user_and_an_older_password_is_flushed(browser, account):
    browser.force_login(account.user)
    key = browser.session.session_key
    account.user.set_password(PASSWORD)
    account.user.save()

    browser.sign_in(account)

    assert not Session.objects.filter(session_key=key).exists()
