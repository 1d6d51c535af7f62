"""WhiteNoise serves the JavaScript client of a project that follows the page of the documentation."""

import re

import pytest

from tests.needs import need

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(make_project, serve):
    need("whitenoise")
    project = make_project().follow("quickstart.md").follow("integrations/static-client.md")
    project.configure("ALLOWED_HOSTS = ['127.0.0.1']")
    project.manage("collectstatic", "--no-input", "--ignore", "admin", "--ignore", "rest_framework")
    return serve(project, "migrate")


@pytest.fixture
def visitor(server, visit):
    return visit(server)


@pytest.fixture
def address(visitor):
    """Where the page imports the client from."""
    page = visitor.get("/")
    assert page.status_code == 200
    return re.search('from "(.*?)"', page.text)[1]


def test_the_page_names_the_file_by_its_content(address):
    assert re.fullmatch(r"/static/fastauth_django/fastauth\.[0-9a-f]{12}\.js", address)


def test_it_is_served_as_a_module_that_browsers_may_keep(visitor, address):
    response = visitor.get(address)

    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/javascript")
    assert "immutable" in response.headers["Cache-Control"]
    assert "export function createClient" in response.text


def test_it_is_served_compressed(visitor, address):
    assert visitor.get(address, headers={"Accept-Encoding": "gzip"}).headers["Content-Encoding"] == "gzip"


def test_a_page_of_another_origin_may_import_it(visitor, address):
    assert visitor.get(address).headers["Access-Control-Allow-Origin"] == "*"


def test_it_imports_nothing_that_would_have_to_be_served_too(visitor, address):
    assert not re.search(r"^\s*(import\b|export\b.*\bfrom\b)", visitor.get(address).text, re.M)


def test_static_files_set_no_cookie_and_need_none(visitor, address):
    response = visitor.get(address)

    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")
