"""The package is a house: a module may import from the floors below its own, and from no other."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "fastauth_django"

#: From the ground up. A module that is new has to find its floor here.
FLOORS = [
    {"conf", "signals", "caching", "client_address", "jwk", "exceptions", "django_session", "identifiers", "replicas"},
    {"models", "tokens", "conflicts", "error_reports"},
    {"bearer", "cookies", "csrf", "device_rules", "accounts"},
    {"sessions", "device_protocol", "carried"},
    {"authentication", "throttling", "delivery", "admin", "management.commands.clear_auth_sessions"},
    {"serializers", "middleware", "test", "device_sessions"},
    {"views"},
    {"device_views"},
    {"urls", "checks", "contrib.channels", "contrib.cors", "contrib.ninja", "contrib.spectacular"},
    {"contrib.allauth"},
    {"apps"},
]
FLOOR_OF = {module: number for number, floor in enumerate(FLOORS) for module in floor}


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0] if parts[0] == "checks" else ".".join(parts)


MODULES = {
    path: module_of(path)
    for path in sorted(PACKAGE.rglob("*.py"))
    if "migrations" not in path.parts and (path.name != "__init__.py" or path.parent.name == "checks")
}


def imports_of(path: Path) -> set[str]:
    """The modules of the package that ``path`` imports at run time, inside of its functions too."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = [*path.relative_to(PACKAGE).parts[: -node.level]] if node.level else []
            full = ".".join([*base, *(node.module or "").removeprefix("fastauth_django").strip(".").split(".")]).strip(
                "."
            )
            inside = node.level > 0 or (node.module or "").split(".")[0] == "fastauth_django"
            found |= {name for alias in node.names for name in (full, f"{full}.{alias.name}".strip(".")) if inside}
    return {"checks" if name.startswith("checks") else name for name in found} & set(FLOOR_OF)


def test_each_module_has_a_floor():
    assert sorted(set(MODULES.values())) == sorted(FLOOR_OF)


@pytest.mark.parametrize("path", MODULES, ids=MODULES.values())
def test_imports_only_from_the_floors_below(path):
    module = MODULES[path]
    others = imports_of(path) - {module}

    assert {other for other in others if FLOOR_OF[other] >= FLOOR_OF[module]} == set()
