"""How often each route goes to the database, ``BEGIN`` and ``COMMIT`` included: between cities each is a long way."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fastauth_django.models import AuthSession
from tests.clients import Browser
from tests.devices import Device
from tests.factories import PASSWORD, sign_up_data

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "mysql", reason="marks an arrival in more statements"),
]


@pytest.fixture
def takes():
    """``takes(number, request)``: make a request, and have its statements counted."""

    def count(number, request, status=200):
        with CaptureQueriesContext(connection) as statements:
            assert request().status_code == status
        assert len(statements) == number, [statement["sql"] for statement in statements]

    return count


def test_life_of_a_session(takes, account, browser):
    takes(3, lambda: browser.sign_in(account))
    takes(1, lambda: browser.get("/auth/me"))
    takes(2, browser.refresh)
    takes(2, lambda: browser.get("/auth/me"))
    takes(1, lambda: browser.get("/auth/me"))
    takes(2, lambda: browser.get("/auth/sessions"))
    takes(1, lambda: browser.post("/auth/logout"))


def test_sign_up(takes, browser):
    """Account, session and ``last_login`` in a transaction, and the account in a savepoint."""
    takes(8, lambda: browser.post("/auth/register", sign_up_data(), format="json"), status=201)


def test_sign_in_with_a_limit_of_sessions(takes, account, browser, settings):
    """A lock, and two looks at what is over the limit, beside a sign-in's three."""
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 10}

    # SQLite has no such lock.
    takes(7 + connection.features.has_select_for_update, lambda: browser.sign_in(account))


def test_ending_sessions(takes, account, signed_in):
    def path_of_another_session():
        Browser().sign_in(account)
        return f"/auth/sessions/{AuthSession.objects.latest('pk').pk}"

    path = path_of_another_session()
    takes(3, lambda: signed_in.delete(path))
    takes(2, lambda: signed_in.delete(path), status=404)
    path_of_another_session()
    takes(3, lambda: signed_in.delete("/auth/sessions/all?keep_current=true"))


def test_new_password(takes, signed_in):
    body = {"current_password": PASSWORD, "new_password": "another horse battery 8"}
    takes(9, lambda: signed_in.post("/auth/account/change-password", body, format="json"))


def test_life_of_a_bound_session(takes, browser, offer):
    device = Device()
    takes(2, lambda: device.bind(browser, offer))
    takes(2, lambda: browser.get("/auth/me"))
    takes(1, lambda: browser.get("/auth/me"))
    takes(1, lambda: device.ask(browser), status=403)
    takes(2, lambda: device.renew(browser))
