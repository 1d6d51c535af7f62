"""Error reports without credentials: Django's debug page, and the mails to ``ADMINS``.

Django hides a cookie whose name has TOKEN, AUTH or KEY in it, and shows the value of one that is called ``__Host-at``.
It hides what ``sensitive_variables`` names only while ``DEBUG`` is off, and of several such decorators on the way to an
error only the last one counts: below ``authenticate()`` that is Django's own, which does not name ``password``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import FrameType
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from django.views.debug import SafeExceptionReporterFilter, get_default_exception_reporter_filter

from .conf import conf

ALL: frozenset[str] = frozenset({"__ALL__"})  # Django's own word for every variable.

# A JWT is three parts in base64url (RFC 7515, section 7.1), and "eyJ" is how '{"' begins there.
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


class ExceptionReporterFilter(SafeExceptionReporterFilter):
    """Hides tokens, our cookies whatever they are called, and what any caller marked as sensitive; in ``DEBUG`` too.

    In force by itself for every error that a view lets through. For reports that a project makes in other ways, such as
    ``logger.error(…, extra={"request": request})``::

        DEFAULT_EXCEPTION_REPORTER_FILTER = "fastauth_django.error_reports.ExceptionReporterFilter"
    """

    def is_active(self, request: Any) -> bool:
        return True

    def get_safe_cookies(self, request: Any) -> dict[str, Any]:
        safe = super().get_safe_cookies(request)
        try:
            ours = {conf.COOKIE_NAME_ACCESS, conf.COOKIE_NAME_REFRESH, *(old.name for old in conf.COOKIE_FORMER)}
        except ImproperlyConfigured:
            ours = set(safe)  # This may be the very error that is reported.
        return {
            name: self.cleansed_substitute if name in ours or _shows_token(value) else value
            for name, value in safe.items()
        }

    def get_safe_request_meta(self, request: Any) -> dict[str, Any]:
        # A device's proof counts until it is spent, and an error may have kept it from being spent.
        safe = super().get_safe_request_meta(request)
        return {name: self.cleansed_substitute if _shows_token(value) else value for name, value in safe.items()}

    def get_traceback_frame_variables(self, request: Any, tb_frame: FrameType) -> Any:
        hidden = _hidden_by_callers(tb_frame)
        return [
            (name, self.cleansed_substitute if hidden is ALL or name in hidden or _shows_token(value) else value)
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        ]


def _hidden_by_callers(frame: FrameType | None) -> frozenset[str]:
    """The names that ``sensitive_variables`` hides around ``frame``, however many callers are decorated."""
    hidden: set[str] = set()
    while frame is not None:
        if frame.f_code.co_name == "sensitive_variables_wrapper":
            names = getattr(frame.f_locals.get("sensitive_variables_wrapper"), "sensitive_variables", ())
            if names == "__ALL__":
                return ALL
            hidden.update(names)
        frame = frame.f_back
    return frozenset(hidden)


def _shows_token(value: Any) -> bool:
    try:
        return TOKEN.search(repr(value)) is not None
    except Exception:
        return False  # Django's report says of such a value that it cannot be shown.


@lru_cache
def _filter_beside(project_filter: Any) -> Any:
    """Ours, on top of the one that the project chose."""
    if issubclass(project_filter, ExceptionReporterFilter):
        return project_filter()
    return type("ExceptionReporterFilter", (ExceptionReporterFilter, project_filter), {})()


def hide_credentials(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """Receiver of ``got_request_exception``, which is sent before the error is reported."""
    if request is not None and not hasattr(request, "exception_reporter_filter"):
        project_filter: Any = type(get_default_exception_reporter_filter())
        request.exception_reporter_filter = _filter_beside(project_filter)


def connect() -> None:
    """Have the filter stand in for each request that fails."""
    got_request_exception.connect(hide_credentials, dispatch_uid="fastauth_django.error_reports")
