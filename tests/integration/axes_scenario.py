"""django-axes beside this app. Run by ``tests/test_axes.py``, with :mod:`tests.integration.axes_settings`."""

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import get_user_model
from django.core.management import call_command

from tests.clients import Browser, NativeApp

IDENTIFIER = get_user_model().USERNAME_FIELD


def guess(account, client=None, path="/auth/login"):
    wrong = {**account.credentials, "password": "a guess"}
    return (client or Browser()).post(path, wrong, format="json")


def test_the_checks_of_both_find_nothing_wrong(db):
    call_command("check", fail_level="WARNING")


@pytest.mark.parametrize("path", ["/auth/login", "/app/login"])
def test_axes_counts_failures_by_name_and_address(account, path):
    guess(account, path=path)
    guess(account, path=path)

    attempt = AccessAttempt.objects.get()
    assert (attempt.username, attempt.ip_address, attempt.failures_since_start) == (
        account.credentials[IDENTIFIER],
        "127.0.0.1",
        2,
    )
    assert account.credentials["password"] not in attempt.post_data + attempt.get_data
    assert "a guess" not in attempt.post_data + attempt.get_data


@pytest.mark.parametrize("path", ["/auth/login", "/app/login"])
def test_axes_locks_out_and_the_right_password_does_not_help(account, path):
    statuses = [guess(account, path=path).status_code for _guess in range(3)]

    response = Browser().post(path, account.credentials, format="json")

    assert statuses == [401, 401, 429]
    assert response.status_code == 429
    assert not response.cookies


def test_who_is_locked_out_is_told_in_html(account):
    answer = [guess(account) for _guess in range(3)][-1]

    assert (answer.status_code, answer["Content-Type"]) == (429, "text/html; charset=utf-8")


@pytest.mark.parametrize("is_logged", [True, False])
def test_the_access_log_begins_a_session_of_djangos(account, settings, is_logged):
    settings.AXES_DISABLE_ACCESS_LOG = not is_logged

    answer = Browser().sign_in(account)

    assert ("sessionid" in answer.cookies, AccessLog.objects.exists()) == (is_logged, is_logged)


def test_success_resets_what_axes_has_counted(account):
    for _round in range(2):
        assert [guess(account).status_code for _guess in range(2)] == [401, 401]
        assert Browser().sign_in(account).status_code == 200


def test_axes_logs_sign_ins_and_sign_outs(account):
    browser = Browser()
    browser.sign_in(account)
    assert AccessLog.objects.get().logout_time is None

    browser.post("/auth/logout")

    assert AccessLog.objects.get().logout_time is not None


def test_a_locked_out_name_keeps_its_sessions(account):
    browser, app = Browser(), NativeApp()
    browser.sign_in(account)
    app._keep(app.post("/app/login", account.credentials, format="json"))
    for _guess in range(3):
        guess(account)

    assert browser.get("/private").status_code == 200
    assert browser.post("/auth/refresh").status_code == 200
    assert app.get("/private").status_code == 200


def test_guesses_at_the_current_password_count_for_axes_too(account):
    browser = Browser()
    browser.sign_in(account)
    body = {"current_password": "a guess", "new_password": "another battery horse 7"}

    statuses = [browser.post("/auth/account/change-password", body, format="json").status_code for _guess in range(3)]

    assert statuses == [400, 400, 429]
    assert Browser().sign_in(account).status_code == 429


def test_the_lower_limit_of_the_two_counts(account, settings):
    settings.FASTAUTH = {**settings.FASTAUTH, "LOGIN_FAILURE_LIMIT": 2}

    answers = [guess(account) for _guess in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[2].json()["code"] == "throttled"
    assert AccessAttempt.objects.get().failures_since_start == 2, "a guess that is not verified is no failure"
