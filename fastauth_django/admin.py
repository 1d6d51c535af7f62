"""Sessions in the admin: to look at, and to revoke."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth import get_user_model
from django.db import router, transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from . import identifiers, sessions
from .models import AuthSession

#: What tells browsers apart in a User-Agent header, in this order: Edge says that it is Chrome, and Chrome that it is
#: Safari. A client that is none of them is called by its first word.
BROWSERS = {"Edge": "Edg", "Opera": "OPR/", "Firefox": "Firefox|FxiOS", "Chrome": "Chrome|CriOS", "Safari": "Safari"}
SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "ChromeOS": "CrOS",
    "Windows": "Windows",
    "macOS": "Macintosh",
    "Linux": "Linux",
}


def in_words(user_agent: str) -> str:
    """The browser and the system that a client says it is, as "Firefox, Linux". It may say anything."""
    found = [
        next((name for name, words in table.items() if re.search(words, user_agent)), "")
        for table in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(filter(None, found)) or re.split(r"[\s/]", user_agent, maxsplit=1)[0][:40]


class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, Any]]:
        return [("alive", _("Alive")), ("expired", _("Expired")), ("revoked", _("Ended"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuthSession]) -> QuerySet[AuthSession]:
        now = timezone.now()
        states = {
            "alive": Q(revoked_at__isnull=True, expires_at__gt=now),
            "expired": Q(revoked_at__isnull=True, expires_at__lte=now),
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(states.get(self.value() or "", Q()))


def _is_alive(session: AuthSession) -> bool:
    return session.revoked_at is None and not session.is_expired()


@admin.register(AuthSession)
class AuthSessionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ["owner", "end_button", "device", "state", "rotated_at", "ip_address"]
    list_display_links = ["device"]
    list_filter = [StateFilter, ("device_bound_at", admin.EmptyFieldListFilter), "revoked_reason", "remember"]
    list_select_related = ["user"]
    ordering = ["-rotated_at"]
    actions = ["end_selected_sessions"]
    exclude = ["user", "auth_hash", "device_key", "device_cookie", "predecessor", "successor", "seen"]

    # Revoking a session races with its refresh, and inside a transaction a lost race could not be repeated.
    @transaction.non_atomic_requests(using=router.db_for_write(AuthSession))
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # The button in a row of the list has the key of the session as its value.
        ended = self._end(request, request.POST.get("end", ""))
        return ended or super().changelist_view(request, extra_context)

    @transaction.non_atomic_requests(using=router.db_for_write(AuthSession))
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        ended = self._end(request, object_id)
        if ended is not None:
            return ended
        session = self.get_object(request, unquote(object_id))
        can_end = session is not None and _is_alive(session) and self.has_change_permission(request)
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "can_end": can_end})

    def _end(self, request: HttpRequest, object_id: str) -> HttpResponse | None:
        """The answer to the button "End", if ``request`` comes of one."""
        if "end" not in request.POST or not self.has_change_permission(request):
            return None
        session = self.get_object(request, unquote(object_id))
        self.end_selected_sessions(request, AuthSession.objects.filter(pk__in=[session.pk] if session else []))
        return HttpResponseRedirect(request.get_full_path())

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        can_end = self.has_change_permission(request)
        return [name for name in self.list_display if can_end or name != "end_button"]

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        user_model = get_user_model()
        names = dict.fromkeys([user_model.USERNAME_FIELD, user_model.get_email_field_name()])
        present = {field.name for field in user_model._meta.get_fields() if not field.is_relation}
        return [*(f"user__{name}" for name in names if name in present), "=id", "=ip_address"]

    @admin.display(description=AuthSession.user.field.verbose_name, ordering="user")
    def owner(self, session: AuthSession) -> str:
        """The user, with a link to their page where the site has one. A project's ``__str__`` may raise anything."""
        user: Any = session.user
        try:
            text = str(user)
        except Exception:
            text = identifiers.text_of(user, user.USERNAME_FIELD)
        page = "_".join([f"admin:{user._meta.app_label}", user._meta.model_name, "change"])
        try:
            url = reverse(page, args=[quote(user.pk)], current_app=self.admin_site.name)
        except NoReverseMatch:
            return text
        return format_html('<a href="{}">{}</a>', url, text)

    @admin.display(description=_("device"), ordering="user_agent")
    def device(self, session: AuthSession) -> str:
        return in_words(session.user_agent) or "-"

    @admin.display(description=_("End"))
    def end_button(self, session: AuthSession) -> str:
        if not _is_alive(session):
            return ""
        return format_html('<button class="button" name="end" value="{}">{}</button>', session.pk, _("End"))

    @admin.display(description=_("state"))
    def state(self, session: AuthSession) -> Any:
        if session.revoked_at is not None:
            return session.get_revoked_reason_display()
        return _("expired") if session.is_expired() else _("alive")

    @admin.action(description=_("End selected sessions"), permissions=["change"])
    def end_selected_sessions(self, request: HttpRequest, queryset: QuerySet[AuthSession]) -> None:
        selected = AuthSession.objects.for_write().live().filter(pk__in=list(queryset.values_list("pk", flat=True)))
        count = len(sessions.revoke(selected, AuthSession.RevokedReason.ENDED_BY_STAFF, request))
        message = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count)
        self.message_user(request, message % {"count": count}, messages.SUCCESS)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuthSession | None = None) -> bool:
        # Whoever may change sessions may revoke them. There is no form: saving it would undo what happened since.
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: AuthSession | None = None) -> bool:
        # Revoking sends a signal and keeps a reason. A deleted row would tell nobody why the user is signed out. But a
        # user must be deletable on other pages, and that deletes the user's sessions.
        here = request.resolver_match is not None and (request.resolver_match.url_name or "").startswith(
            f"{self.opts.app_label}_{self.opts.model_name}_"
        )
        return not here and super().has_delete_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: AuthSession | None = None) -> list[str]:
        return [
            "owner",
            "device",
            "state",
            *(field.name for field in AuthSession._meta.concrete_fields if field.name not in self.exclude),
        ]
