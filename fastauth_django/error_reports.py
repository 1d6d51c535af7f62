"""Error reports without credentials: Django's debug page, and the mails to ``ADMINS``.

Django's own filter leaves three gaps. It hides a cookie by its name, if that contains TOKEN, AUTH or KEY, so it shows
the value of a cookie called ``__Host-at``. It hides what ``sensitive_variables`` names, but only while ``DEBUG`` is
off. And of several functions with that decorator it heeds the innermost alone: ``authenticate()`` has the decorator and
does not name ``password``, so an error below it shows the password in every function above.
"""

from __future__ import annotations

import re
from types import FrameType
from typing import Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter as Filter
from django.views.debug import get_default_exception_reporter_filter

from .conf import conf

ALL: frozenset[str] = frozenset({"__ALL__"})  # Django's own word for every variable.

# A JWT is three parts in base64url (RFC 7515, section 7.1), and "eyJ" is how '{"' begins there.
TOKEN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*")


class ExceptionReporterFilter(Filter):
    """Hides tokens, our cookies whatever their names, and what any caller marked as sensitive; in ``DEBUG`` too.

    It works by itself for every error that a view lets through. A project that makes reports in other ways, such as
    ``logger.error(…, extra={"request": request})``, names it::

        DEFAULT_EXCEPTION_REPORTER_FILTER = "fastauth_django.error_reports.ExceptionReporterFilter"
    """

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_safe_cookies(self, request: HttpRequest) -> dict[str, Any]:
        safe = super().get_safe_cookies(request)
        try:
            ours = {conf.COOKIE_NAME_ACCESS, conf.COOKIE_NAME_REFRESH, conf.COOKIE_NAME_DEVICE}
            ours.update(old.name for old in conf.COOKIE_FORMER)
        except ImproperlyConfigured:
            ours = set(safe)  # This may be the error that is reported. Hide them all.
        return {
            name: self.cleansed_substitute if name in ours or _shows_token(value) else value
            for name, value in safe.items()
        }

    def get_safe_request_meta(self, request: HttpRequest) -> dict[str, Any]:
        # A device's proof is good for one request, and the error may have come before that request used it.
        safe = super().get_safe_request_meta(request)
        return {name: self.cleansed_substitute if _shows_token(value) else value for name, value in safe.items()}

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
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


def _shows_token(value: object) -> bool:
    try:
        return TOKEN.search(repr(value)) is not None
    except Exception:
        return False  # Django's report says of such a value that it cannot be shown.


def _filter_on_top_of(project_filter: type[Filter]) -> Filter:
    """Our filter, derived from the one that the project chose."""
    if issubclass(project_filter, ExceptionReporterFilter):
        return project_filter()
    return cast("Filter", type("ExceptionReporterFilter", (ExceptionReporterFilter, project_filter), {})())


def hide_credentials(sender: object, request: HttpRequest | None = None, **kwargs: object) -> None:
    """Receiver of ``got_request_exception``, which Django sends before it reports the error."""
    if request is not None and not hasattr(request, "exception_reporter_filter"):
        request.exception_reporter_filter = _filter_on_top_of(type(get_default_exception_reporter_filter()))


def connect() -> None:
    """Use the filter for each request that fails."""
    got_request_exception.connect(hide_credentials, dispatch_uid="fastauth_django.error_reports")
