"""Sessions in Django's admin."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from fastauth_django.admin import AuthSessionAdmin
from fastauth_django.models import AuthSession
from fastauth_django.signals import session_revoked
from tests.clients import Browser
from tests.factories import identifier_for, make_account, sign_up_data
from tests.reading import is_alive, listening, revoked_reason, session_of

pytestmark = pytest.mark.django_db

LIST = "/admin/fastauth_django/authsession/"


@pytest.fixture
def staff(client) -> Client:
    """A superuser in the admin, by Django's own session."""
    superuser = get_user_model()._default_manager.create_superuser(**sign_up_data("root"))
    client.force_login(superuser)
    return client


@pytest.fixture
def viewer(db) -> Client:
    """A member of staff who may only look."""
    user = make_account("viewer", is_staff=True).user
    user.user_permissions.add(Permission.objects.get(codename="view_authsession"))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def session(signed_in) -> AuthSession:
    return session_of(signed_in)


def listed(response):
    return set(response.context["cl"].queryset.values_list("pk", flat=True))


def page_of(session):
    return f"{LIST}{session.pk}/change/"


def test_list_shows_who_and_from_where(staff, account):
    Browser().post("/auth/login", account.credentials, format="json", REMOTE_ADDR="192.0.2.77")

    response = staff.get(LIST)

    assert response.status_code == 200
    assert identifier_for("ada") in response.text
    assert "192.0.2.77" in response.text


def test_list_costs_as_many_queries_for_two_sessions_as_for_ten(clock, staff):
    def sign_in(names):
        for name in names:
            Browser().sign_in(make_account(name))
            clock.shift(1)

    sign_in(["user0", "user1"])
    staff.get(LIST)  # caches content types
    with CaptureQueriesContext(connection) as for_two:
        staff.get(LIST)
    sign_in(f"user{number}" for number in range(2, 10))

    with CaptureQueriesContext(connection) as for_ten:
        response = staff.get(LIST)

    assert len(listed(response)) == 10
    assert len(for_ten) == len(for_two) <= 8


@pytest.fixture
def one_of_each(clock, account):
    """A session in each state."""
    browsers = {state: Browser() for state in ("expired", "ended", "alive")}
    browsers["expired"].sign_in(account)
    clock.shift(timedelta(days=31))
    browsers["ended"].sign_in(account)
    browsers["alive"].sign_in(account)
    sessions = {state: session_of(browser) for state, browser in browsers.items()}
    browsers["ended"].post("/auth/logout")
    return sessions


@pytest.mark.parametrize(("choice", "state"), [("alive", "alive"), ("expired", "expired"), ("revoked", "ended")])
def test_list_is_filtered_by_state(one_of_each, staff, choice, state):
    assert listed(staff.get(LIST, {"state": choice})) == {one_of_each[state].pk}


@pytest.mark.parametrize("query", [{}, {"state": "nonsense"}], ids=["no filter", "unknown state"])
def test_list_without_a_filter_has_all(one_of_each, staff, query):
    assert len(listed(staff.get(LIST, query))) == 3


def test_list_says_the_state_and_the_reason(one_of_each, staff):
    response = staff.get(LIST)

    states = re.findall(r'<td class="field-state">(.*?)</td>', response.text)
    assert sorted(states) == ["alive", "expired", "signed out"]


def search_terms(session):
    return {
        "identifier": session.user.get_username(),
        "part of it": session.user.get_username()[1:],
        "email": session.user.email,
        "id": str(session.pk),
        "address": session.ip_address,
    }


@pytest.mark.parametrize("by", ["identifier", "part of it", "email", "id", "address"])
def test_session_is_found_by(clock, staff, session, other_account, by):
    Browser().post("/auth/login", other_account.credentials, format="json", REMOTE_ADDR="198.51.100.1")

    assert listed(staff.get(LIST, {"q": search_terms(session)[by]})) == {session.pk}


@pytest.mark.parametrize(
    "term",
    ["nobody", "x'", "%%", "192.0.2", "\U0001f511", "a b c", "x" * 1000],
    ids=["word", "quote", "percent", "address", "emoji", "words", "1 kB"],
)
def test_search_for_anything_is_no_error(staff, session, term):
    response = staff.get(LIST, {"q": term})

    assert response.status_code == 200
    assert listed(response) == set()


def test_search_does_without_an_email_where_the_model_has_none(rf, monkeypatch):
    user_model = SimpleNamespace(
        USERNAME_FIELD="nickname",
        get_email_field_name=lambda: "email",
        _meta=SimpleNamespace(get_fields=lambda: [SimpleNamespace(name="nickname", is_relation=False)]),
    )
    monkeypatch.setattr("fastauth_django.admin.get_user_model", lambda: user_model)

    fields = AuthSessionAdmin(AuthSession, admin.site).get_search_fields(rf.get("/"))

    assert fields == ["user__nickname", "=id", "=ip_address"]


@pytest.mark.parametrize("error", [TypeError, ObjectDoesNotExist])
def test_user_whose_text_cannot_be_made_is_shown_by_the_identifier(staff, session, monkeypatch, error):
    def fail(user):
        raise error

    monkeypatch.setattr(get_user_model(), "__str__", fail)

    for path in (LIST, page_of(session)):
        response = staff.get(path)
        assert response.status_code == 200
        assert session.user.get_username() in response.text


def test_user_is_a_link_to_their_page_where_the_site_has_one(staff, session, monkeypatch):
    def reverse(name, args, current_app):
        return f"/{name}/{args[0]}"

    monkeypatch.setattr("fastauth_django.admin.reverse", reverse)
    monkeypatch.setattr(get_user_model(), "__str__", lambda user: "<b>")

    label = get_user_model()._meta.label_lower.replace(".", "_")
    assert f'<a href="/admin:{label}_change/{session.user.pk}">&lt;b&gt;</a>' in staff.get(page_of(session)).text


# --- Ending ---------------------------------------------------------------------------------------------------------


def end(client, *sessions):
    data = {"action": "end_selected_sessions", "_selected_action": [str(session.pk) for session in sessions]}
    return client.post(LIST, data, follow=True)


def test_selected_sessions_are_ended(staff, signed_in, session, other_account):
    other = Browser()
    other.sign_in(other_account)

    with listening(session_revoked) as heard:
        response = end(staff, session)

    assert "1 session was ended." in response.text
    assert revoked_reason(session) == "ended_by_staff"
    assert signed_in.get("/private").status_code == 401
    assert other.get("/private").status_code == 200
    assert [arguments["reason"] for _signal, arguments in heard] == ["ended_by_staff"]
    assert heard[0][1]["request"].path == LIST


def test_sessions_that_are_dead_are_not_ended_again(one_of_each, staff):
    response = end(staff, *one_of_each.values())

    assert "1 session was ended." in response.text
    assert revoked_reason(one_of_each["ended"]) == "signed_out"
    assert revoked_reason(one_of_each["expired"]) == ""


def test_several_are_ended_at_once(staff, session, account):
    second = Browser()
    second.sign_in(account)

    assert "2 sessions were ended." in end(staff, session, session_of(second)).text


def test_who_may_only_look_may_not_end(viewer, session):
    end(viewer, session)

    assert is_alive(session)
    assert "end_selected_sessions" not in viewer.get(LIST).text


@pytest.mark.parametrize("page", ["the list", "the session's page"])
def test_button_ends_the_session(staff, signed_in, session, other_account, page):
    other = Browser()
    other.sign_in(other_account)
    url = f"{LIST}?state=alive" if page == "the list" else page_of(session)
    assert 'name="end"' in staff.get(url).text

    response = staff.post(url, {"end": str(session.pk)}, follow=True)

    assert "1 session was ended." in response.text
    assert response.redirect_chain == [(url, 302)]
    assert f'value="{session.pk}">End' not in response.text
    assert revoked_reason(session) == "ended_by_staff"
    assert signed_in.get("/private").status_code == 401
    assert other.get("/private").status_code == 200


def test_button_stands_beside_sessions_that_are_alive(one_of_each, staff):
    assert re.findall('name="end" value="(.*?)"', staff.get(LIST).text) == [str(one_of_each["alive"].pk)]


@pytest.mark.parametrize("value", ["", "x", "0" * 32, "\x00"])
def test_button_for_no_session_ends_none(staff, session, value):
    assert "0 sessions were ended." in staff.post(LIST, {"end": value}, follow=True).text
    assert is_alive(session)


def test_who_may_only_look_has_no_button(viewer, session):
    for url in (LIST, page_of(session)):
        assert 'name="end"' not in viewer.get(url).text
        viewer.post(url, {"end": str(session.pk)})

    assert is_alive(session)


def test_button_of_another_site_ends_nothing(session):
    staff = Client(enforce_csrf_checks=True)
    staff.force_login(get_user_model()._default_manager.create_superuser(**sign_up_data("root")))

    for url in (LIST, page_of(session)):
        assert staff.post(url, {"end": str(session.pk)}).status_code == 403
    assert is_alive(session)


# --- Devices --------------------------------------------------------------------------------------------------------

CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 {}Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox, Linux"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + CHROMIUM.format(""), "Chrome, Windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) " + CHROMIUM.format("") + " Edg/156.0", "Edge, Windows"),
        ("Mozilla/5.0 (Linux; Android 10; K) " + CHROMIUM.format("Mobile ") + " OPR/90.0", "Opera, Android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + CHROMIUM.format(""), "Chrome, ChromeOS"),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/26.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26.0 Safari/605.1.15",
            "Safari, macOS",
        ),
        ("curl/8.5.0", "curl"),
        ("my app (Android 16)", "Android"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;"),
        ("", "-"),
    ],
)
def test_device_is_told_in_words(staff, session, user_agent, words):
    AuthSession.objects.filter(pk=session.pk).update(user_agent=user_agent)

    assert f">{words}</a>" in staff.get(LIST).text
    assert words in staff.get(page_of(session)).text


# --- Read-only ------------------------------------------------------------------------------------------------------


def test_page_of_a_session_shows_it_without_its_hash(staff, session):
    response = staff.get(page_of(session))

    assert response.status_code == 200
    assert str(session.user) in response.text
    assert session.auth_hash not in response.text
    assert not re.search(r'<(input|select|textarea)[^>]* name="(?!csrfmiddlewaretoken|q"|end")', response.text)


def test_list_does_not_show_the_hash(staff, session):
    assert session.auth_hash not in staff.get(LIST).text


@pytest.mark.parametrize("member", ["staff", "viewer"])
def test_session_cannot_be_saved(request, member, session):
    """It would write back the row as it was read, and bring a session back that was ended meanwhile."""
    client = request.getfixturevalue(member)

    response = client.post(page_of(session), {"user_agent": "forged", "expires_at": "2099-01-01"})

    assert response.status_code == 403
    session.refresh_from_db()
    assert session.user_agent != "forged"


def test_list_says_which_sessions_are_bound_to_a_device(staff, session, other_account):
    Browser().sign_in(other_account)
    AuthSession.objects.filter(pk=session.pk).update(device_key="the key", device_bound_at=timezone.now())

    bound = staff.get(LIST, {"device_bound_at__isempty": "0"})

    assert listed(bound) == {session.pk}
    assert "the key" not in staff.get(page_of(session)).content.decode()


def test_session_cannot_be_added_or_deleted(staff, session):
    data = {"action": "delete_selected", "_selected_action": [str(session.pk)], "post": "yes"}

    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{LIST}{session.pk}/delete/", {"post": "yes"}).status_code == 403
    staff.post(LIST, data)
    assert is_alive(session)


def test_session_goes_with_its_user(staff, rf, session):
    """A user who ever signed in can be deleted on the user's page."""
    request = rf.get("/admin/users/")
    request.user = get_user_model()._default_manager.get(is_superuser=True)

    _to_delete, _counts, perms_needed, protected = admin.site.get_model_admin(AuthSession).get_deleted_objects(
        [session.user], request
    )

    assert perms_needed == set()
    assert protected == []


def test_nobody_sees_sessions_without_the_permission(client, session):
    client.force_login(make_account("clerk", is_staff=True).user)

    assert client.get(LIST).status_code == 403


def test_list_is_last_used_first(clock, account, staff):
    first, second = Browser(), Browser()
    first.sign_in(account)
    clock.shift(60)
    second.sign_in(account)
    clock.shift(60)
    first.post("/auth/refresh")

    ids = [result.pk for result in staff.get(LIST).context["cl"].result_list]

    assert ids == [session_of(first).pk, session_of(second).pk]
    assert session_of(first).rotated_at == timezone.now()
