"""docs/openapi.md: its settings and routes make a document without a warning, and a page that shows it."""

import pytest

from tests.documentation.pages import page
from tests.needs import need

pytestmark = pytest.mark.slow

OPENAPI = page("docs/openapi.md")
SETTINGS, URLS = OPENAPI.take("python", under="OpenAPI")
[SECURITY] = OPENAPI.take("yaml", under="Cookie or bearer")
[VIEW] = OPENAPI.take("python", under="Changing what it says")


@pytest.fixture
def project(make_project):
    need("drf_spectacular", "drf_spectacular_sidecar")
    project = make_project(SETTINGS.code)
    project.append(project.urls, URLS.code)
    return project


def document_of(project):
    import yaml

    return yaml.safe_load(project.run("python manage.py spectacular --validate --fail-on-warn"))


def test_document_says_cookie_or_bearer(project):
    import yaml

    assert document_of(project)["paths"]["/auth/me"]["get"]["security"] == yaml.safe_load(SECURITY.code)["security"]


def test_document_and_page_are_served(project):
    project.runserver()

    document = project.curl("curl http://127.0.0.1:8000/api/schema/")
    swagger = project.curl("curl http://127.0.0.1:8000/api/schema/swagger-ui/")

    assert (document.status, swagger.status) == (200, 200)
    assert "/static/drf_spectacular_sidecar/" in swagger.body


def test_derived_view_is_described_as_it_says(project):
    (project.directory / "mysite/views.py").write_text(VIEW.code)
    project.append(
        project.urls,
        'from mysite.views import ShopLogin\n\nurlpatterns += [path("shop/login", ShopLogin.as_view())]\n',
    )

    operation = document_of(project)["paths"]["/shop/login"]["post"]

    assert operation["tags"] == ["Account"]
    assert operation["description"].startswith("Sign in to the shop.")
