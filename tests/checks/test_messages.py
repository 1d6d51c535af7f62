"""Each message: said of the mistake, and of that alone; not said of the nearest configuration that is right."""

import pytest

from fastauth_django.checks import REFERENCE
from tests.checks.cases import ALLAUTH, CASES
from tests.checks.running import OF_DEFAULTS, found, number

EACH = [
    pytest.param(case, id=str(case), marks=[pytest.mark.django_db] if case.databases else [])
    for case in CASES
    if case not in ALLAUTH
]


@pytest.mark.parametrize("case", EACH)
def test_mistake_is_told_and_nothing_else(case):
    with case.during():
        said = found(case.bad, defaults=case.id in OF_DEFAULTS, databases=case.databases)
    assert {number(message) for message in said} == {case.id}, said


@pytest.mark.parametrize("case", EACH)
def test_nearest_right_configuration_is_not_complained_about(case):
    assert found(case.good, defaults=case.id in OF_DEFAULTS, databases=case.databases) == []


def test_every_message_has_a_case():
    assert {case.id for case in CASES} == {message.number for message in REFERENCE.values()}
