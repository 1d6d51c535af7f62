"""Each message: said of the mistake, and of that alone; not said of the nearest configuration that is right."""

import pytest

from fastauth_django.checks import REFERENCE
from tests.checks.cases import CASES
from tests.checks.running import OF_DEFAULTS, found, ids


@pytest.mark.parametrize("case", CASES, ids=str)
def test_mistake_is_told_and_nothing_else(case):
    with case.during():
        assert ids(case.bad, defaults=case.id in OF_DEFAULTS) == [case.id], found(case.bad)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nearest_right_configuration_is_not_complained_about(case):
    assert found(case.good, defaults=case.id in OF_DEFAULTS) == []


def test_every_message_has_a_case():
    assert {case.id for case in CASES} == {message.number for message in REFERENCE.values()}
