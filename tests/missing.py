"""What a test needs and this machine lacks: the test is skipped and says why, or fails where everything is required."""

import importlib.util
import os
from typing import NoReturn

import pytest


def cannot_run(reason: str) -> NoReturn:
    """Skip, and say why in the summary. With ``FASTAUTH_REQUIRE_ALL=1``, as CI has it, fail."""
    if os.environ.get("FASTAUTH_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and FASTAUTH_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def is_missing(what: str) -> NoReturn:
    cannot_run(f"{what} is missing")


def need(*modules: str, source: str = "the extra test-all") -> None:
    """Skip a test, or a module that is being imported, unless it can have these modules: ``need("allauth")``."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            is_missing(f"{module}, from {source},")
