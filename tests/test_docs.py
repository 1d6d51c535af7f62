"""The documentation: every code block is run by a test, and every test that is named as evidence exists."""

import importlib
import re
from pathlib import Path

import pytest

from tests.documentation.pages import ROOT, blocks_in, page, page_names

#: Who runs the blocks of a page, block by block: the module takes them with :func:`tests.documentation.pages.page`.
TAKEN_BY = {
    "README.md": ["tests/documentation/test_quick_start.py"],
    "docs/quickstart.md": ["tests/documentation/test_quick_start.py", "tests/browser/test_documentation.py"],
    "docs/accounts.md": ["tests/documentation/test_accounts.py"],
    "docs/deployment.md": ["tests/documentation/test_deployment.py", "tests/browser/test_sockets.py"],
    "docs/device-binding.md": ["tests/documentation/test_device_binding.py"],
    "docs/django-views.md": ["tests/documentation/test_django_views.py"],
    "docs/front-ends/javascript-client.md": ["tests/browser/test_client_page.py"],
    "docs/index.md": ["tests/documentation/test_quick_start.py"],
    "docs/http.md": ["tests/documentation/test_http.py", "tests/documentation/test_device_binding.py"],
    "docs/languages.md": ["tests/test_languages.py"],
    "docs/openapi.md": ["tests/documentation/test_openapi.py"],
    "docs/other-origins.md": ["tests/documentation/test_settings.py"],
    "docs/python.md": ["tests/documentation/test_python.py"],
    "docs/scaling.md": ["tests/test_scaling.py", "tests/database/test_prepared_statements.py"],
    "docs/settings.md": ["tests/documentation/test_settings.py"],
    "docs/testing.md": ["tests/documentation/test_testing.py"],
    "docs/threat-model.md": ["tests/documentation/test_settings.py"],
    "docs/user-models.md": ["tests/documentation/test_user_models.py"],
}
#: A page whose blocks are all the business of one other module, which reads the page by its name.
RUN_BY = {
    "docs/integrations/allauth.md": "tests/integration/test_allauth.py",
    "docs/integrations/async-views-and-graphql.md": "tests/integration/test_async_views_and_graphql.py",
    "docs/integrations/axes.md": "tests/integration/axes_settings.py",
    "docs/integrations/channels.md": "tests/browser/test_sockets.py",
    "docs/integrations/cors.md": "tests/integration/test_cors.py",
    "docs/integrations/ninja.md": "tests/integration/test_ninja.py",
    "docs/integrations/second-service.md": "tests/integration/test_second_service.py",
    "docs/integrations/server-sent-events.md": "tests/browser/test_server_sent_events.py",
    "docs/integrations/static-client.md": "tests/integration/test_static_client.py",
    "docs/migrating/from-dj-rest-auth.md": "tests/integration/test_from_dj_rest_auth.py",
    "docs/migrating/from-fastauth.md": "tests/integration/test_from_fastauth.py",
    "docs/migrating/from-django-sessions.md": "tests/integration/test_from_django_sessions.py",
    "docs/migrating/from-simplejwt-bearer.md": "tests/integration/test_from_simplejwt_bearer.py",
    "docs/migrating/from-simplejwt-cookies.md": "tests/integration/test_from_simplejwt_cookies.py",
}

SOURCES = "\n".join(path.read_text() for path in ROOT.glob("tests/**/*.py"))
FILES = {path.name for path in ROOT.glob("tests/**/*.py")}


def module_of(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize("name", page_names())
def test_every_code_block_of_a_page_is_run_by_a_test(name):
    """A new block fails here until a test takes it, or its page says why none can (``<!-- not run: … -->``)."""
    if name in RUN_BY:
        module = ROOT / RUN_BY[name]
        assert module.is_file(), f"{module} is to run the blocks of {name}"
        assert Path(name).name in module.read_text(), f"{module} does not read {name}"
        return
    for module in TAKEN_BY.get(name, ()):
        importlib.import_module(module_of(module))

    assert list(map(str, page(name).untaken())) == []


def test_nobody_runs_a_page_that_is_gone():
    assert {*TAKEN_BY, *RUN_BY} <= set(page_names())


def test_few_blocks_are_not_run():
    assert [name for name in page_names() for block in page(name).blocks if block.reason_not_to_run] == [
        "README.md",
        "docs/openapi.md",
    ]


def test_block_is_found_wherever_it_stands():
    """Or the tests above could not fail."""
    text = (
        "# One\n\n```python\nx = 1\n```\n\n## Two\n\n- item\n\n  <!-- not run: a reason -->\n  ```js\n  y;\n  ```\n\n"
        "```{toctree}\nz\n```\n"
    )

    assert [
        (block.line, block.heading, block.language, block.code, block.reason_not_to_run)
        for block in blocks_in("x.md", text)
    ] == [(4, "One", "python", "x = 1\n", None), (13, "Two", "js", "y;\n", "a reason")]


@pytest.mark.parametrize("name", page_names())
def test_every_fence_of_a_page_says_what_is_in_it(name):
    """One without a language would be nobody's."""
    fences = re.findall(r"^ *```(.*)$", page(name).text, re.MULTILINE)

    assert len(fences) % 2 == 0
    assert "" not in fences[::2]


@pytest.mark.parametrize("name", page_names())
def test_every_test_that_a_page_names_exists(name):
    named = re.findall(r"`(?:tests/[\w/]*)?(test_\w+)(\.py)?`", page(name).text)
    missing = [
        name + ending
        for name, ending in named
        if (f"{name}.py" not in FILES if ending else f"def {name}(" not in SOURCES)
    ]
    assert missing == []


def test_every_file_that_the_contributors_page_names_exists():
    named = re.findall(r"`((?:docs|fastauth_django|tests)/[\w/.-]+)`", page("CONTRIBUTING.md").text)

    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_pages_do_name_tests():
    """Or the test above could not fail."""
    assert any("`test_" in page(name).text for name in page_names())
