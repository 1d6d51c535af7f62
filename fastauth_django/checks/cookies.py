"""Will browsers keep the cookies, send them back, and keep them from others?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import CookieError

from django.conf import settings as django_settings
from django.core import checks

from .. import cookies
from ..conf import conf
from . import domains, messages

PATH = re.compile(r"/[!-:<-~]*")


def faults() -> Iterator[checks.CheckMessage]:
    yield from _name_faults()
    yield from _insecure_faults()
    yield from _path_faults()
    yield from _domain_faults()
    yield from _former_cookie_faults()
    if not conf.COOKIE_HTTPONLY:
        yield messages.SCRIPT_CAN_READ()


def _names() -> list[tuple[str, str]]:
    return [(key, getattr(conf, key)) for key in ("COOKIE_NAME_ACCESS", "COOKIE_NAME_REFRESH")]


def _name_faults() -> Iterator[checks.CheckMessage]:
    taken = {
        "session cookie": django_settings.SESSION_COOKIE_NAME,
        "CSRF cookie": django_settings.CSRF_COOKIE_NAME,
        "language cookie": django_settings.LANGUAGE_COOKIE_NAME,
    }
    if conf.COOKIE_NAME_ACCESS == conf.COOKIE_NAME_REFRESH:
        yield messages.SAME_NAMES(name=conf.COOKIE_NAME_ACCESS)
    for key, name in _names():
        if not _is_legal_name(name):
            yield messages.ILLEGAL_NAME(key=key, name=name)
        for owner, django_name in taken.items():
            if name == django_name:
                yield messages.NAME_TAKEN(key=key, name=name, owner=owner)


def _is_legal_name(name: str) -> bool:
    try:
        cookies.PartitionedMorsel().set(name, "", "")
    except CookieError:
        return False
    return True


def _insecure_faults() -> Iterator[checks.CheckMessage]:
    """Prefixes, and what comes of cookies that are not ``Secure``: the gravest only, because one setting mends all."""
    paths = {"COOKIE_NAME_ACCESS": "COOKIE_PATH_ACCESS", "COOKIE_NAME_REFRESH": "COOKIE_PATH_REFRESH"}
    # Browsers compare the prefixes without regard to case.
    host_only = [(key, name) for key, name in _names() if name.lower().startswith("__host-")]
    secure_only = [name for _key, name in _names() if name.lower().startswith("__secure-")]
    for key, name in host_only:
        if getattr(conf, paths[key]) != "/" or conf.COOKIE_DOMAIN:
            yield messages.HOST_PREFIX(name=name, path_key=paths[key])
    if conf.DEBUG and not django_settings.DEBUG:
        yield messages.DEBUG_IN_PRODUCTION()
    elif conf.COOKIE_SECURE:
        return
    elif conf.COOKIE_SAMESITE == "none":
        yield messages.SAMESITE_NONE_NOT_SECURE()
    elif conf.COOKIE_PARTITIONED:
        yield messages.PARTITIONED_NOT_SECURE()
    elif host_only or secure_only:
        for key, name in host_only:
            yield messages.HOST_PREFIX(name=name, path_key=paths[key])
        for name in secure_only:
            yield messages.SECURE_PREFIX(name=name)
    elif not django_settings.DEBUG:
        yield messages.NOT_SECURE() if conf.DEVICE_BINDING is None else messages.BINDING_NOT_SECURE()


def _path_faults() -> Iterator[checks.CheckMessage]:
    for key in ("COOKIE_PATH_ACCESS", "COOKIE_PATH_REFRESH"):
        if not PATH.fullmatch(getattr(conf, key)):
            yield messages.ILLEGAL_PATH(key=key, path=getattr(conf, key))


def _domain_faults() -> Iterator[checks.CheckMessage]:
    domain = conf.COOKIE_DOMAIN
    if not domain:
        return
    allowed_hosts = list(django_settings.ALLOWED_HOSTS)
    if django_settings.DEBUG and not allowed_hosts:
        allowed_hosts = [".localhost", "127.0.0.1", "[::1]"]  # Django's own, HttpRequest.get_host()
    if not domains.DOMAIN.fullmatch(domain):
        yield messages.ILLEGAL_DOMAIN(key="COOKIE_DOMAIN", domain=domain)
    # A browser takes a cookie whose Domain is the whole host, even where others may register names under it.
    elif domains.is_public_suffix(domain) and domain.lower() not in allowed_hosts:
        yield messages.PUBLIC_SUFFIX(domain=domain, source=domains.suffix_source())
    # An empty list serves nobody yet, and Django says so itself.
    elif allowed_hosts and not any(domains.is_in_domain(host, domain) for host in allowed_hosts):
        yield messages.DOMAIN_NOT_SERVED(domain=domain)


def _former_cookie_faults() -> Iterator[checks.CheckMessage]:
    today = {cookies.access_cookie().identity, cookies.refresh_cookie().identity}
    for former in conf.COOKIE_FORMER:
        if not _is_legal_name(former.name):
            yield messages.ILLEGAL_NAME(key="COOKIE_FORMER", name=former.name)
        if not PATH.fullmatch(former.path):
            yield messages.ILLEGAL_PATH(key="COOKIE_FORMER", path=former.path)
        if former.domain and not domains.DOMAIN.fullmatch(former.domain):
            yield messages.ILLEGAL_DOMAIN(key="COOKIE_FORMER", domain=former.domain)
        if cookies.former_cookie(former).identity in today:
            yield messages.FORMER_IS_TODAYS(name=former.name)
