"""docs/http.md: the answers that it shows are the answers that are given."""

import json
import re

import pytest
from rest_framework.exceptions import APIException

from fastauth_django import exceptions
from tests.documentation.pages import page

HTTP = page("docs/http.md")
IN_COOKIES, IN_JSON = (json.loads(block.code) for block in HTTP.take("json", under="A pair"))


def told(body, token):
    """``body`` with each token as the page writes it."""
    return {name: token if isinstance(value, str) and value.startswith("ey") else value for name, value in body.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("delivery", "shown"), [("cookie", IN_COOKIES), ("json", IN_JSON)], ids=["cookie delivery", "JSON delivery"]
)
def test_pair_is_as_shown(make_project, delivery, shown):
    result = make_project(f'FASTAUTH = {{"TOKEN_DELIVERY": "{delivery}"}}').probe()

    assert told(result["login"]["body"], "…") == shown
    assert list(result["login"]["body"]) == list(shown)


def test_every_code_of_the_table_exists_and_none_is_missing():
    named = set(re.findall(r"^\| (\d+) \| `(\w+)`", HTTP.text, re.MULTILINE))
    raised = {
        (str(exception.status_code), exception.default_code)
        for exception in vars(exceptions).values()
        if isinstance(exception, type)
        and issubclass(exception, APIException)
        and exception.__module__ == exceptions.__name__
    }

    simplejwts = {("401", "user_not_found"), ("401", "bad_authorization_header")}
    others = {*simplejwts, ("401", "not_authenticated"), ("429", "throttled")}
    assert named == raised | others


def test_troubleshooting_names_no_other_code():
    answered = set(re.findall(r"^\| \d+ \| `(\w+)`", HTTP.text, re.MULTILINE))
    rows = [row.split(" | ")[0] for row in page("docs/troubleshooting.md").text.splitlines() if row.startswith("| ")]
    named = {code for row in rows for code in re.findall(r"`([a-z]+_[a-z_]+)`", row)}

    assert named >= {"not_authenticated", "csrf_failed", "try_again"}
    assert named <= answered | {"force_login"}
