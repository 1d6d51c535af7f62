"""What a test needs beside this package: it is skipped where that is missing, or fails where everything is required."""

import importlib.util
import os
from typing import NoReturn

import pytest


def is_missing(what: str) -> NoReturn:
    """Skip, and say why in the summary; fail where everything is required."""
    cannot_run(f"{what} is missing")


def cannot_run(reason: str) -> NoReturn:
    if os.environ.get("FASTAUTH_REQUIRE_ALL") == "1":
        pytest.fail(f"{reason}, and FASTAUTH_REQUIRE_ALL is set", pytrace=False)
    pytest.skip(reason)


def need(*packages: str) -> None:
    """Go on where all ``packages`` can be imported."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            is_missing(package)
