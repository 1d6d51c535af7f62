"""Django's own password views behind ``AuthCookieMiddleware``: what Django's sessions forgive, the cookies forgive."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model, login, update_session_auth_hash
from django.contrib.auth import views as django_views
from django.contrib.auth.decorators import login_required
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpResponse
from django.test import AsyncClient
from django.urls import include, path

from fastauth_django import sessions, sign_in
from fastauth_django.models import AuthSession
from tests.clients import REFRESH, Browser
from tests.factories import PASSWORD
from tests.reading import revoked_reason, session_of, sets_cookies
from tests.test_middleware import BESIDE_DJANGO

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another horse battery 8"


def set_password(request, **fields):
    user = request.user
    user.set_password(NEW_PASSWORD)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()
    update_session_auth_hash(request, user)
    return HttpResponse("done")


async def set_password_asynchronously(request):
    user = await request.auser()
    user.set_password(NEW_PASSWORD)
    await user.asave()
    await request.session.acycle_key()
    await request.session.aset("_auth_user_hash", user.get_session_auth_hash())
    return HttpResponse("done")


def fail_after_setting_password(request):
    with transaction.atomic():
        set_password(request)
        transaction.set_rollback(True)
    return HttpResponse("rolled back")


def only_set_password(request):
    request.user.set_password(NEW_PASSWORD)
    request.user.save()
    return HttpResponse("done")


def sign_in_too(request):
    response = set_password(request)
    sign_in(request, response, request.user, remember=True)
    return response


def log_in_too(request):
    response = set_password(request)
    login(request, request.user, backend="django.contrib.auth.backends.ModelBackend")
    return response


def meanwhile():
    """What happens while a slow view is at work."""


def slow(request):
    request.user.is_authenticated  # noqa: B018 (looked up before)
    meanwhile()
    request.user.refresh_from_db()
    return set_password(request)


def keep_a_cart(request):
    request.session["cart"] = [request.user.pk is not None]
    return HttpResponse("done")


def of_somebody_else(request):
    other = get_user_model()._default_manager.exclude(pk=request.user.pk).get()
    other.set_password(NEW_PASSWORD)
    other.save()
    update_session_auth_hash(request, other)
    return HttpResponse("done")


urlpatterns = [
    path("", include("tests.page_urls")),
    path("form", django_views.PasswordChangeView.as_view(success_url="/whoami", template_name="testapp/page.html")),
    path("view", login_required(set_password)),
    path("async", set_password_asynchronously),
    path("locks", login_required(lambda request: set_password(request, is_active=False))),
    path("rolled-back", login_required(fail_after_setting_password)),
    path("only-sets", login_required(only_set_password)),
    path("signs-in", login_required(sign_in_too)),
    path("keeps-a-cart", keep_a_cart),
    path("slow", login_required(slow)),
    path("logs-in", login_required(log_in_too)),
    path("of-somebody-else", login_required(of_somebody_else)),
]

FORM = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}


@pytest.fixture(autouse=True)
def project(settings):
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = BESIDE_DJANGO
    return settings


@pytest.mark.parametrize(("url", "data"), [("/form", FORM), ("/admin/password_change/", FORM), ("/view", {})])
def test_user_stays_signed_in_and_every_copy_dies(signed_in, account, url, data):
    account.user.is_staff = True
    account.user.save()
    before, thief = session_of(signed_in), signed_in.clone()

    response = signed_in.post(url, data)

    assert response.status_code in {200, 302}
    assert sets_cookies(response)
    assert signed_in.get("/private").status_code == signed_in.post("/auth/refresh").status_code == 200
    assert revoked_reason(before) == "password_changed"
    assert thief.get("/private").status_code == thief.post("/auth/refresh").status_code == 401


def test_session_that_is_signed_out_between_two_statements_gets_no_new_one(signed_in, account, monkeypatch):
    """Another device of the user's is revoked by the same change, and must not speak for this one."""
    Browser().sign_in(account)
    session, mark = session_of(signed_in), sessions._mark_revoked

    def sign_out_first(rows, now, reason):
        AuthSession.objects.filter(pk=session.pk).update(revoked_at=now, revoked_reason="signed_out")
        return mark(rows, now, reason)

    monkeypatch.setattr(sessions, "_mark_revoked", sign_out_first)

    response = signed_in.post("/form", FORM)

    assert response.status_code == 302
    assert not sets_cookies(response)
    assert revoked_reason(session) == "signed_out"
    assert not AuthSession.objects.live().exists()


def test_user_of_an_asynchronous_stack_stays_signed_in(signed_in):
    client = AsyncClient()
    client.cookies = signed_in.cookies

    response = async_to_sync(client.post)("/async")

    assert sets_cookies(response)
    assert AuthSession.objects.live().count() == 1


@pytest.mark.parametrize("remember", [True, False])
def test_remember_me_carries_over(browser, account, remember):
    browser.sign_in(account, remember=remember)

    browser.post("/view")

    assert session_of(browser).remember is remember


def test_no_django_session_is_left_behind(signed_in):
    response = signed_in.post("/view")

    assert "sessionid" not in response.cookies
    assert not Session.objects.exists()


def test_what_a_view_keeps_in_the_session_stays(signed_in, settings):
    signed_in.post("/auth/login")  # starts nothing
    session = signed_in.session
    session["cart"] = [1]
    session.save()

    signed_in.post("/view")

    kept = Session.objects.get().get_decoded()
    assert kept == {"cart": [1]}


@pytest.mark.parametrize("url", ["/locks", "/rolled-back", "/only-sets"])
def test_nothing_is_issued(signed_in, url):
    before = session_of(signed_in)

    response = signed_in.post(url)

    assert not sets_cookies(response)
    assert AuthSession.objects.count() == 1
    assert AuthSession.objects.live().filter(pk=before.pk).exists(), (
        "what became of the password decides, at its next use"
    )


def test_rolled_back_password_signs_nobody_out(signed_in):
    signed_in.post("/rolled-back")

    assert signed_in.get("/private").status_code == 200


def test_locked_account_is_out(signed_in):
    signed_in.post("/locks")

    assert signed_in.get("/private").status_code == 401


def test_view_that_only_sets_the_password_signs_its_user_out_as_in_django(signed_in):
    signed_in.post("/only-sets")

    assert signed_in.get("/private").status_code == 401


def test_view_that_signs_in_itself_has_said_who_is_signed_in(signed_in):
    signed_in.post("/signs-in")

    assert AuthSession.objects.live().get().remember is True
    assert signed_in.get("/private").status_code == 200


def test_view_that_logs_in_by_django_is_left_alone(signed_in):
    response = signed_in.post("/logs-in")

    assert not sets_cookies(response)
    assert Session.objects.get().get_decoded()["_auth_user_hash"]


def test_password_of_somebody_else_changes_nothing_here(signed_in, other_account):
    response = signed_in.post("/of-somebody-else")

    assert not sets_cookies(response)
    assert signed_in.get("/private").status_code == 200


def test_copy_that_holds_a_slow_request_open_dies(signed_in, monkeypatch):
    """The thief's request began before the owner changed the password, and calls Django's function after it."""
    thief, answers = signed_in.clone(), []
    monkeypatch.setattr("tests.test_password_views.meanwhile", lambda: answers.append(signed_in.post("/form", FORM)))

    response = thief.post("/slow")

    assert sets_cookies(answers[0])
    assert not sets_cookies(response)
    assert thief.get("/private").status_code == thief.post("/auth/refresh").status_code == 401


def test_forged_request_gets_no_new_session(signed_in):
    response = signed_in.post("/view", HTTP_ORIGIN="https://evil.example")

    assert response.status_code in {302, 403}
    assert not sets_cookies(response)
    assert session_of(signed_in).pk.hex in AuthSession.objects.live().get().pk.hex
    assert signed_in.cookie(REFRESH)


@pytest.mark.parametrize("left_over", ["the present hash", "an old hash"])
def test_hash_that_was_left_in_the_session_re_issues_nothing(signed_in, account, left_over):
    """A view may have called Django's function before, where nobody took the hash away."""
    session = signed_in.session
    current = account.user.get_session_auth_hash()
    session["_auth_user_hash"] = current if left_over == "the present hash" else "0" * len(current)
    session.save()
    before = session_of(signed_in)

    response = signed_in.post("/keeps-a-cart")

    assert not sets_cookies(response)
    assert AuthSession.objects.live().get() == before
