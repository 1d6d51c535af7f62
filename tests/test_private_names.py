"""Names that others call private, or promise nobody, and that this package leans on: one list, each with its reason.

An upgrade may take such a name away. The test that is named beside it goes red then, in the run with pre-releases
(``tox -e pre``) before anybody has the upgrade.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "fastauth_django"

#: name: (whose, why there is no public way, the test that notices)
PRIVATE = {
    "_cache": (
        "Django's caches on Redis and Memcached",
        "nothing else imports the client without asking its server",
        "tests/checks/test_messages.py",
    ),
    "_cache_update_cache": (
        "Django's cache middleware",
        "nothing else tells cache_page that a page must not be stored after the view has run",
        "tests/test_middleware.py::test_of_a_user_is_not_shown_to_a_visitor",
    ),
    "_wrapped": (
        "Django's SimpleLazyObject",
        "nothing else tells each later use of a lazy user",
        "tests/test_middleware.py::test_of_a_user_is_not_shown_to_another",
    ),
    "sensitive_variables_wrapper": (
        "Django's sensitive_variables",
        "the filter has to find what the callers of a function hide, and Django's stops at the first",
        "tests/hostile/test_leaks.py",
    ),
    "__ALL__": (
        "Django's sensitive_variables",
        "the mark for every variable",
        "tests/hostile/test_leaks.py",
    ),
    "_reserved": (
        "http.cookies.Morsel",
        "Python before 3.14 knows no Partitioned",
        "tests/test_cookies.py",
    ),
    "_reserved_defaults": (
        "http.cookies.Morsel",
        "where Python 3.14 looks for the attributes of a new cookie",
        "tests/test_cookies.py",
    ),
    "_flags": ("http.cookies.Morsel", "Partitioned is a flag", "tests/test_cookies.py"),
    "_dont_enforce_csrf_checks": (
        "Django's CsrfViewMiddleware, and REST framework writes it too",
        "allauth's views are not exempt, and nothing else tells the middleware that another rule has passed",
        "tests/allauth/test_csrf.py",
    ),
    "_redir": (
        "allauth's views of providers",
        "it sends browsers once more to the same place too, for strict cookies, and one such parameter is enough",
        "tests/allauth/test_providers.py::test_under_strict_the_browser_comes_once_more",
    ),
    "_session_key": (
        "Django's SessionBase",
        "a store that is there for a key of ours has to keep the key of a row that is not there yet",
        "tests/allauth/test_state.py",
    ),
    "_request": (
        "REST framework's Request",
        "signals and django-axes need Django's request, and REST framework documents no other name for it",
        "tests/test_signals.py",
    ),
}
#: Spelled with an underscore, and documented: the model API of Django and its guide to managers.
DOCUMENTED = {"_meta", "_default_manager", "_base_manager", "_db"}

#: Attributes that this package sets on the objects of others.
OURS = {
    "_fastauth_allauth",
    "_fastauth_ninja",
    "_fastauth_refusal",
    "_fastauth_session",
    "_fastauth_visitor",
    "_visitor",
}


def names_of(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The underscored names that a module defines, and those that it takes from an object or spells as a string."""
    defined, used = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            defined.add(node.id)
        elif isinstance(node, ast.Attribute):
            of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
            (defined if of_self and isinstance(node.ctx, ast.Store) else used).add(node.attr)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            used.add(node.value)
    return defined, {name for name in used if name.startswith("_") and name[1:].isidentifier() and name[1:2] != "_"}


def test_each_private_name_of_another_is_in_the_list():
    used_anywhere: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        defined, used = names_of(ast.parse(path.read_text()))
        used_anywhere |= used - (defined - set(PRIVATE))

    assert used_anywhere - OURS - DOCUMENTED - set(PRIVATE) == set()


@pytest.mark.parametrize("name", PRIVATE)
def test_the_list_names_what_the_package_uses_and_a_test_that_exists(name):
    _whose, _why, test = PRIVATE[name]
    path, _, function = test.partition("::")

    assert any(name in path.read_text() for path in PACKAGE.rglob("*.py"))
    assert f"def {function}" in (ROOT / path).read_text()
