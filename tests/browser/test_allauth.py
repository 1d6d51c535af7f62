"""An OAuth provider on another site sends the browser back: who is signed in on the page after that?"""

import pytest

from tests.integration.project import Project
from tests.integration.provider import PERSON, SECRET, Provider
from tests.missing import need

pytestmark = pytest.mark.browser

# A page that the server renders, and an adapter that also knows the other way, for comparison.
PAGES = """
from django.http import HttpResponse
from rest_framework.permissions import AllowAny
from rest_framework.views import APIView


class Arrival(APIView):
    permission_classes = [AllowAny]

    def get(self, request):
        return HttpResponse(request.user.email if request.user.is_authenticated else "nobody")
"""
ADAPTER = """
from fastauth_django import sign_in
from mysite.adapters import AccountAdapter, DefaultAccountAdapter


class EitherWay(AccountAdapter):
    def post_login(self, request, user, **kwargs):
        if "by-redirect" not in kwargs["redirect_url"]:
            return super().post_login(request, user, **kwargs)
        response = DefaultAccountAdapter.post_login(self, request, user, **kwargs)
        sign_in(request, response, user)
        return response
"""
SETTINGS = """
ALLOWED_HOSTS = ["app.example.test"]
ACCOUNT_ADAPTER = "mysite.either_way.EitherWay"
FASTAUTH.update(COOKIE_SAMESITE={samesite!r}, COOKIE_SECURE=True)
SESSION_COOKIE_SAMESITE = {session_samesite!r}
"""


@pytest.fixture(scope="module")
def provider(certificate):
    provider = Provider(certificate)
    yield provider
    provider.close()


@pytest.fixture(scope="module")
def serve(provider, certificate, tmp_path_factory):
    """The project of the documentation's page on https://app.example.test, once for each choice of SameSite."""
    need("allauth")
    servers = {}

    def serve(samesite, session_samesite="Lax"):
        if (samesite, session_samesite) not in servers:
            directory = tmp_path_factory.mktemp("allauth") / "project"
            project = Project(directory, IDP_SECRET=SECRET).follow("quickstart.md").follow("integrations/allauth.md")
            project.configure(provider.as_setting())
            project.configure(SETTINGS.format(samesite=samesite, session_samesite=session_samesite))
            project.write("mysite/either_way.py", ADAPTER).write("mysite/pages.py", PAGES)
            project.write(
                "mysite/urls.py", 'from mysite.pages import Arrival\nurlpatterns += [path("", Arrival.as_view())]'
            )
            for other in list(servers.values())[:1]:
                project.take_tables_of(other)
            servers[samesite, session_samesite] = project.serve("migrate", certificate=certificate)
        return servers[samesite, session_samesite]

    yield serve
    for server in servers.values():
        server.stop()


def sign_in(profile, server, after="/"):
    """Go to the provider, allow it, and come back; returns the tab."""
    tab = profile.open(f"{server.origin('app.example.test')}/accounts/oidc/idp/login/?next={after}")
    tab.page.click("button")
    assert tab.page.url.startswith("https://idp.other.test:")
    tab.page.click("#allow")
    return tab


@pytest.mark.parametrize("samesite", ["lax", "strict"])
def test_the_page_after_it_knows_the_visitor(profile, serve, samesite):
    server = serve(samesite)
    tab = sign_in(profile, server)

    tab.page.wait_for_url(f"{server.origin('app.example.test')}/")

    assert tab.page.inner_text("body") == PERSON["email"]
    ours = [cookie for cookie in profile.cookies() if cookie.name in {"access_token", "refresh_token"}]
    assert [(cookie.samesite, cookie.httponly, cookie.secure) for cookie in ours] == [(samesite, True, True)] * 2


def test_under_strict_a_redirect_arrives_as_nobody_until_the_page_asks_itself(profile, serve):
    tab = sign_in(profile, serve("strict"), after="/%3Fby-redirect")

    assert tab.page.inner_text("body") == "nobody"
    assert tab.run("() => fetch('/auth/me').then((answer) => answer.json())")["email"] == PERSON["email"]


def test_under_lax_a_redirect_serves_as_well(profile, serve):
    tab = sign_in(profile, serve("lax"), after="/%3Fby-redirect")

    assert tab.page.inner_text("body") == PERSON["email"]


def test_under_a_strict_django_session_allauth_asks_the_browser_to_come_once_more(profile, serve):
    server = serve("lax", session_samesite="Strict")
    tab = sign_in(profile, server)

    tab.page.wait_for_url(f"{server.origin('app.example.test')}/")

    assert tab.page.inner_text("body") == PERSON["email"]
