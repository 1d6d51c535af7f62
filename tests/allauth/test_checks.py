"""``manage.py check`` of a project with django-allauth: the cases of tests/checks."""

import pytest
from django.conf import settings

from tests.checks import project
from tests.checks.cases import ALLAUTH, REFRESH, urls
from tests.checks.running import found, number


@pytest.mark.parametrize("case", ALLAUTH, ids=str)
def test_mistake_is_told_and_nothing_else(case):
    with case.during():
        said = found(case.bad)
    assert {number(message) for message in said} == {case.id}, said


@pytest.mark.parametrize("case", ALLAUTH, ids=str)
def test_nearest_right_configuration_is_not_complained_about(case):
    assert found(case.good) == []


def without(*names):
    return {"INSTALLED_APPS": [app for app in settings.INSTALLED_APPS if app not in names]}


def test_password_is_enough_where_no_second_factor_can_be_set_up():
    assert found({**urls(project.AUTH), **without("allauth.mfa")}) == []


@pytest.mark.parametrize("app", ["django.contrib.admin", "allauth.headless"])
def test_what_is_not_installed_is_not_asked_for(app):
    assert found({**REFRESH, **without(app)}) == []


def test_urlconf_that_cannot_be_loaded_is_for_django_to_report():
    assert found({"ROOT_URLCONF": "tests.checks.raises_at_import"}) == []
