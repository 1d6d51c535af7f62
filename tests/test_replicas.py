"""A replica that lags: what decides is read where it was written."""

import pytest
from django.contrib.auth import get_user_model
from django.db import router
from django.utils.connection import ConnectionDoesNotExist

from fastauth_django.models import AuthSession
from fastauth_django.replicas import PrimaryRouter, read_from_primary
from tests.clients import Browser
from tests.devices import bind_on_sign_in
from tests.factories import PASSWORD, sign_up_data

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "another horse battery 8"


class ToReplica:
    """Reads go to a replica that lags so far behind that asking it is an error."""

    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *args, **hints):
        return True


@pytest.fixture
def replica(settings, account):
    settings.DATABASE_ROUTERS = [ToReplica()]


def test_a_read_that_nothing_guards_fails(replica, account):
    """Or the tests below would prove nothing."""
    with pytest.raises(ConnectionDoesNotExist):
        get_user_model()._default_manager.exists()


def test_right_password_is_right(replica, account, browser):
    assert browser.sign_in(account).status_code == 200
    assert browser.get("/private").status_code == 200


def test_second_sign_up_with_one_name_is_a_409(replica):
    data = sign_up_data()

    assert Browser().post("/auth/register", data, format="json").status_code == 201
    assert Browser().post("/auth/register", data, format="json").status_code == 409


def test_password_can_be_changed_twice(replica, account, browser):
    browser.sign_in(account)
    for current, new in [(PASSWORD, NEW_PASSWORD), (NEW_PASSWORD, PASSWORD)]:
        body = {"current_password": current, "new_password": new}
        assert browser.post("/auth/account/change-password", body, format="json").status_code == 200


def test_no_route_reads_from_the_replica(replica, account, browser, settings):
    """Each of these would be an error."""
    phone = Browser()
    assert phone.sign_in(account).status_code == browser.sign_in(account).status_code == 200
    assert browser.refresh().status_code == 200
    assert browser.get("/auth/me").status_code == 200
    [other] = [each["id"] for each in browser.get("/auth/sessions").json() if not each["current"]]
    assert browser.delete(f"/auth/sessions/{other}").status_code == 200
    assert browser.delete("/auth/sessions/all?keep_current=true").status_code == 200
    assert phone.refresh().status_code == 401
    assert browser.post("/auth/logout").status_code == 200

    settings.FASTAUTH = {**settings.FASTAUTH, "DEVICE_BINDING": "optional"}
    device = bind_on_sign_in(browser, browser.sign_in(account))
    assert device.renew(browser).status_code == 200
    assert browser.refresh().status_code == 401
    assert browser.post("/auth/logout").status_code == 200


def test_limit_of_sessions_counts_those_of_a_moment_ago(replica, account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "MAX_SESSIONS_PER_USER": 1}

    for _device in range(3):
        assert Browser().sign_in(account).status_code == 200

    assert AuthSession.objects.using("default").live().count() == 1


def test_project_reads_from_its_replica_again_afterwards(replica, account, browser):
    browser.sign_in(account)

    assert router.db_for_read(get_user_model()) == "replica"
    with read_from_primary():
        assert router.db_for_read(get_user_model()) == "default"


def test_project_without_routers_gets_none(account, browser):
    browser.sign_in(account)

    assert not any(isinstance(each, PrimaryRouter) for each in router.routers)
