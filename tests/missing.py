"""What a test needs and this machine lacks: the test is skipped and says why, or fails where everything is required."""

import importlib.util
import os

import pytest


def is_missing(what: str) -> None:
    """Skip, and say why in the summary. With ``FASTAUTH_REQUIRE_ALL=1``, as CI has it, fail."""
    if os.environ.get("FASTAUTH_REQUIRE_ALL") == "1":
        pytest.fail(f"{what} is missing, and FASTAUTH_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(f"{what} is missing", allow_module_level=True)


def need(*modules: str, source: str = "the extra test-all") -> None:
    """Skip a test, or a module that is being imported, unless it can have these modules: ``need("allauth")``."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            is_missing(f"{module}, from {source},")
