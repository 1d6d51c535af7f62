"""docs/django-views.md: a view of Django's own kind knows who signed in, with the middleware that the page adds."""

import pytest

from tests.documentation.pages import page

pytestmark = pytest.mark.slow

[MIDDLEWARE] = page("docs/django-views.md").take("python", under="Django's own views")
VIEW = """
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse

urlpatterns += [path("hello", login_required(lambda request: HttpResponse(request.user.get_username())))]
"""
SIGN_UP = (
    "curl -c jar http://127.0.0.1:8000/auth/register -H 'Content-Type: application/json' "
    """-d '{"username": "ada", "email": "ada@example.com", "password": "correct horse battery"}'"""
)


def test_view_of_django_knows_who_signed_in(make_project):
    others = "[name for name in settings_of_startproject if name not in MIDDLEWARE]"
    project = make_project(
        f"settings_of_startproject = MIDDLEWARE\n{MIDDLEWARE.code}MIDDLEWARE = {others} + MIDDLEWARE\n"
    )
    project.append(project.urls, VIEW)
    assert "no issues" in project.run("python manage.py check --fail-level WARNING")
    project.runserver()

    before = project.curl("curl http://127.0.0.1:8000/hello")
    project.curl(SIGN_UP)
    after = project.curl("curl -b jar http://127.0.0.1:8000/hello")

    assert (before.status, after.status, after.body) == (302, 200, "ada")
