"""Settings from the environment, as plain Python values."""

import json
import os
from typing import Any

from fastauth_django.conf import Settings, boolean


def truth(text: str) -> bool:
    return text.strip().lower() in {"1", "true", "yes", "on"}


def flag(name: str, default: bool) -> bool:
    text = os.environ.get(name, "")
    return truth(text) if text else default


def items(text: str) -> list[str]:
    """The parts of a comma-separated list."""
    return [part.strip() for part in text.split(",") if part.strip()]


def plain(text: str) -> Any:
    """``null``, ``300`` or other JSON as what it means, anything else as the text it is."""
    try:
        return json.loads({"None": "null"}.get(text, text))
    except ValueError:
        return text


def fastauth() -> dict[str, Any]:
    """The FASTAUTH setting: for each of its keys the variable ``FASTAUTH_<KEY>``, or just ``<KEY>``.

    ``DEBUG`` without the prefix is Django's own.
    """
    found = {}
    for key, setting in Settings.declared().items():
        text = os.environ.get(f"FASTAUTH_{key}") or ("" if key == "DEBUG" else os.environ.get(key, ""))
        if text:
            read = truth if setting.kind is boolean else items if key == "CORS_ORIGINS" else plain
            found[key] = read(text)
    return found
