"""Has every setting that this app reads the right type? The other checks rely on that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches

from django.conf import settings as django_settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from ..conf import Settings, conf
from . import messages

#: The key of SIMPLE_JWT that sets a lifetime where FASTAUTH does not.
SIMPLEJWT_LIFETIMES = {"ACCESS_TOKEN_TTL": "ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_TTL": "REFRESH_TOKEN_LIFETIME"}


def faults() -> Iterator[checks.CheckMessage]:
    try:
        user_settings = conf.user_settings
    except ImproperlyConfigured:
        yield messages.NOT_A_DICT()
        return
    yield from _fastauth_faults(user_settings)
    yield from _project_faults(user_settings)


def _fastauth_faults(user_settings: Mapping[str, object]) -> Iterator[checks.CheckMessage]:
    declared = Settings.declared()
    for key, value in user_settings.items():
        if key not in declared:
            close = get_close_matches(str(key).upper(), declared, n=1)
            suggestion = f"Did you mean {close[0]!r}?" if close else "The settings reference lists the keys."
            yield messages.UNKNOWN_KEY(key=key, suggestion=suggestion)
            continue
        kind = declared[key].kind
        try:
            kind.clean(value)
        except TypeError:
            yield messages.WRONG_TYPE(key=key, kind=kind.text)
        except Exception as error:  # ValueError, or anything that a module raises when a dotted path imports it.
            reason = f"{kind.text} ({error})" if str(error) else kind.text
            yield messages.WRONG_VALUE(key=key, value=value, kind=reason)


def _project_faults(user_settings: Mapping[str, object]) -> Iterator[checks.CheckMessage]:
    """The project's other settings. A message must not show their values, because keys are among them."""
    for name, (fits, kind) in PROJECT_SETTINGS.items():
        value = getattr(django_settings, name, None)
        if value is not None and not fits(value):
            yield messages.WRONG_PROJECT_TYPE(setting=name, kind=kind)
        elif isinstance(value, Mapping):
            for key, (nested_fits, nested_kind) in NESTED_SETTINGS.get(name, {}).items():
                if value.get(key) is not None and not nested_fits(value[key]):
                    yield messages.WRONG_PROJECT_TYPE(setting=f"{name}['{key}']", kind=nested_kind)
    simple_jwt = getattr(django_settings, "SIMPLE_JWT", None)
    for key, simplejwt_key in SIMPLEJWT_LIFETIMES.items():
        if key not in user_settings and isinstance(simple_jwt, Mapping) and simplejwt_key in simple_jwt:
            try:
                Settings.declared()[key].kind.clean(simple_jwt[simplejwt_key])
            except (TypeError, ValueError):
                yield messages.WRONG_PROJECT_TYPE(setting=f"SIMPLE_JWT['{simplejwt_key}']", kind="timedelta")


Fits = Callable[[object], bool]


def _is_dict(value: object) -> bool:
    return isinstance(value, Mapping)


def _is_strings(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(item, str) for item in value)


def _is_hosts(value: object) -> bool:
    """Django's comparison skips None, which an environment variable that is not set leaves in the list."""
    return _is_strings(value) or (isinstance(value, (list, tuple)) and _is_strings([item or "" for item in value]))


def _is_key(value: object) -> bool:
    return isinstance(value, (str, bytes))


def _is_keys(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(_is_key(item) for item in value)


def _is_classes(value: object) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, (str, type)) for item in value)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _is_string(value: object) -> bool:
    return isinstance(value, str)


PROJECT_SETTINGS: dict[str, tuple[Fits, str]] = {
    "SIMPLE_JWT": (_is_dict, "dict"),
    "REST_FRAMEWORK": (_is_dict, "dict"),
    "CACHES": (_is_dict, "dict"),
    "ALLOWED_HOSTS": (_is_hosts, "list of str"),
    "CSRF_TRUSTED_ORIGINS": (_is_strings, "list of str"),
    "MIDDLEWARE": (_is_strings, "list of str"),
    "SECRET_KEY_FALLBACKS": (_is_keys, "list of str"),
    "FORCE_SCRIPT_NAME": (_is_string, "str or None"),
}
NESTED_SETTINGS: dict[str, dict[str, tuple[Fits, str]]] = {
    "SIMPLE_JWT": {"SIGNING_KEY": (_is_key, "str"), "VERIFYING_KEY": (_is_key, "str")},
    "REST_FRAMEWORK": {
        "DEFAULT_AUTHENTICATION_CLASSES": (_is_classes, "list of dotted paths"),
        "NUM_PROXIES": (_is_count, "int from 0, or None"),
    },
}
