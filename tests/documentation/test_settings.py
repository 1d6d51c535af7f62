"""Settings that pages show: each is put into a project of its own, the checks find nothing, and people can sign in."""

import pytest

from tests.documentation.pages import page

pytestmark = pytest.mark.slow

EXAMPLES = page("docs/settings.md").take("python")
[SAME_SITE] = page("docs/other-origins.md").take("python", under="Front ends on another origin")
[OTHER_SITE] = page("docs/other-origins.md").take("python", under="Another site")
[PATTERNS] = page("docs/other-origins.md").take("python", under="Preview deployments and browser extensions")
[DEVELOPMENT] = page("docs/other-origins.md").take("python", under="In development")
[FORMER] = page("docs/other-origins.md").take("python", under="When a cookie's name, path or domain changes")
[REPORTS] = page("docs/threat-model.md").take("python", under="Logs and error reports")

#: What the page's third section takes from its first: the extra ``cors``, installed once.
CORS = SAME_SITE.code.partition("FASTAUTH")[0]
OTHER_SITE_IN_PRODUCTION = f"{CORS}DEBUG = False\nALLOWED_HOSTS = ['api.other.com']\n{OTHER_SITE.code}"
SIGNED_IN = {"register": 201, "login": 200, "me": 200, "refresh": 200, "sessions": 200, "logout": 200}


@pytest.fixture
def outcome(make_project):
    """Put settings into a project, and let somebody sign up, sign in, refresh and sign out, from a page of ``origin``.

    Fails for settings that the checks complain about, and where one of the acts is refused.
    """

    def outcome(settings, origin=None):
        result = make_project(settings).probe(origin=origin)
        assert result["complaints"] == ""
        assert result["statuses"] == SIGNED_IN
        return result

    return outcome


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
def test_example_of_the_settings_page_counts(outcome, example):
    cookies = outcome(example.code)["login"]["cookies"]

    same_site = "strict" if '"COOKIE_SAMESITE": "strict"' in example.code else "lax"
    assert [f"SameSite={same_site}" in cookie for cookie in cookies] == [True, True]


@pytest.mark.parametrize(
    ("settings", "origin", "attributes"),
    [
        (SAME_SITE.code, "https://app.example.com", "SameSite=lax"),
        (OTHER_SITE_IN_PRODUCTION, "https://app.example.com", "SameSite=none; Secure"),
        (CORS + PATTERNS.code, "https://pr-42.example.com", "SameSite=lax"),
        (CORS + PATTERNS.code, "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc", "SameSite=lax"),
        (CORS + DEVELOPMENT.code, "http://localhost:3000", "SameSite=lax"),
    ],
    ids=["same site", "another site", "a preview", "an extension", "development"],
)
def test_front_end_on_the_listed_origin_can_sign_in_and_read_the_answers(outcome, settings, origin, attributes):
    result = outcome(settings, origin)

    headers = result["login"]["headers"]
    assert (headers["access-control-allow-origin"], headers["access-control-allow-credentials"]) == (origin, "true")
    assert all(attributes in cookie for cookie in result["login"]["cookies"])


def test_front_end_on_another_origin_cannot(make_project):
    result = make_project(SAME_SITE.code).probe(origin="https://evil.example.com")

    assert set(result["statuses"].values()) <= {401, 403}
    assert "access-control-allow-origin" not in result["login"]["headers"]


def test_cookies_of_before_are_cleared_beside_those_of_today(outcome):
    cookies = outcome("DEBUG = False\nALLOWED_HOSTS = ['api.example.com']\n" + FORMER.code)["login"]["cookies"]

    set_now = [cookie for cookie in cookies if "Max-Age=0" not in cookie]
    cleared = [cookie for cookie in cookies if "Max-Age=0" in cookie]
    assert (len(set_now), len(cleared)) == (2, 4)  # in and outside of a partition
    assert all("Domain=example.com" in cookie for cookie in set_now)
    assert not any("Domain" in cookie for cookie in cleared)


def test_filter_of_the_error_reports_is_accepted(make_project):
    project = make_project(REPORTS.code)

    shown = project.run(
        'python manage.py shell --no-imports -c "'
        "from django.test import RequestFactory;"
        "from django.views.debug import get_exception_reporter_filter as reporter;"
        "request = RequestFactory().get('/', HTTP_COOKIE='access_token=a-secret');"
        'print(reporter(request).get_safe_cookies(request))"'
    )

    assert "access_token" in shown
    assert "a-secret" not in shown
