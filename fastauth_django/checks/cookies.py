"""Do browsers store the cookies, send them back, and keep them from others?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.cookies import CookieError
from itertools import combinations

from django.conf import settings as django_settings
from django.core import checks

from .. import cookies
from ..conf import conf
from . import domains, messages

PATH = re.compile(r"/[!-:<-~]*")
PATH_KEYS = {"COOKIE_NAME_ACCESS": "COOKIE_PATH_ACCESS", "COOKIE_NAME_REFRESH": "COOKIE_PATH_REFRESH"}
DEVICE_PATH_KEY = {"COOKIE_NAME_DEVICE": "COOKIE_PATH_ACCESS"}


def faults() -> Iterator[checks.CheckMessage]:
    yield from _name_faults()
    yield from _secure_faults()
    yield from _path_faults()
    yield from _domain_faults()
    yield from _former_cookie_faults()
    if not conf.COOKIE_HTTPONLY:
        yield messages.SCRIPT_CAN_READ()


def path_keys() -> dict[str, str]:
    """The keys of the cookies' names, and those of their paths. Without device binding there is no device cookie."""
    return PATH_KEYS if conf.DEVICE_BINDING is None else {**PATH_KEYS, **DEVICE_PATH_KEY}


def _name_faults() -> Iterator[checks.CheckMessage]:
    taken = {
        "session cookie": django_settings.SESSION_COOKIE_NAME,
        "CSRF cookie": django_settings.CSRF_COOKIE_NAME,
        "language cookie": django_settings.LANGUAGE_COOKIE_NAME,
    }
    names = {key: getattr(conf, key) for key in path_keys()}
    for (first, name), (second, other_name) in combinations(names.items(), 2):
        if name == other_name:
            yield messages.SAME_NAMES(first=first, second=second, name=name)
    for key, name in names.items():
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


def _secure_faults() -> Iterator[checks.CheckMessage]:
    """What happens to cookies that are not ``Secure``.

    The table begins with the gravest row. Only the first row that applies is reported: one setting mends them all.
    """
    not_secure = not conf.COOKIE_SECURE
    in_production = not django_settings.DEBUG
    misplaced = _prefix_faults(is_secure=True)  # Secure does not mend these, so each is reported.
    prefixed = _prefix_faults(is_secure=conf.COOKIE_SECURE)
    table = [
        (conf.DEBUG and in_production, [messages.DEBUG_IN_PRODUCTION()]),
        (not_secure and conf.COOKIE_SAMESITE == "none", [messages.SAMESITE_NONE_NOT_SECURE()]),
        (not_secure and conf.COOKIE_PARTITIONED, [messages.PARTITIONED_NOT_SECURE()]),
        (bool(prefixed), [fault for fault in prefixed if fault not in misplaced]),
        (not_secure and in_production and conf.DEVICE_BINDING is not None, [messages.BINDING_NOT_SECURE()]),
        (not_secure and in_production, [messages.NOT_SECURE()]),
    ]
    yield from misplaced
    yield from next((gravest for applies, gravest in table if applies), [])


def _prefix_faults(*, is_secure: bool) -> list[checks.CheckMessage]:
    """Why browsers refuse to store a cookie with a prefix, whose case they ignore (RFC 6265bis, section 4.1.3)."""
    faults = []
    for key, path_key in path_keys().items():
        name = getattr(conf, key)
        if name.lower().startswith("__host-") and not (is_secure and is_host_only(path_key)):
            faults.append(messages.HOST_PREFIX(name=name, path_key=path_key))
        elif name.lower().startswith("__secure-") and not is_secure:
            faults.append(messages.SECURE_PREFIX(name=name))
    return faults


def is_host_only(path_key: str) -> bool:
    """Whether domain and path are those of a cookie that may have the prefix ``__Host-``."""
    return getattr(conf, path_key) == "/" and not conf.COOKIE_DOMAIN


def _path_faults() -> Iterator[checks.CheckMessage]:
    for key in PATH_KEYS.values():
        if not PATH.fullmatch(getattr(conf, key)):
            yield messages.ILLEGAL_PATH(key=key, path=getattr(conf, key))


def _domain_faults() -> Iterator[checks.CheckMessage]:
    domain = conf.COOKIE_DOMAIN
    if not domain:
        return
    allowed_hosts = [host for host in django_settings.ALLOWED_HOSTS if host]
    if django_settings.DEBUG and not allowed_hosts:
        allowed_hosts = [".localhost", "127.0.0.1", "[::1]"]  # Django's own, HttpRequest.get_host()
    if not domains.DOMAIN.fullmatch(domain):
        yield messages.ILLEGAL_DOMAIN(key="COOKIE_DOMAIN", domain=domain)
    # Browsers store a cookie whose Domain is a public suffix if the host has that very name.
    elif domains.is_public_suffix(domain) and domain.lower() not in allowed_hosts:
        yield messages.PUBLIC_SUFFIX(domain=domain, source=domains.suffix_source())
    # Django itself reports an empty list.
    elif allowed_hosts and not any(domains.is_in_domain(host, domain) for host in allowed_hosts):
        yield messages.DOMAIN_NOT_SERVED(domain=domain)


def _former_cookie_faults() -> Iterator[checks.CheckMessage]:
    today = {spec.identity for spec in (*cookies.auth_cookies(), cookies.device_cookie())}
    for former in conf.COOKIE_FORMER:
        if not _is_legal_name(former.name):
            yield messages.ILLEGAL_NAME(key="COOKIE_FORMER", name=former.name)
        if not PATH.fullmatch(former.path):
            yield messages.ILLEGAL_PATH(key="COOKIE_FORMER", path=former.path)
        if former.domain and not domains.DOMAIN.fullmatch(former.domain):
            yield messages.ILLEGAL_DOMAIN(key="COOKIE_FORMER", domain=former.domain)
        if cookies.former_cookie(former).identity in today:
            yield messages.FORMER_IS_TODAYS(name=former.name)
        if former.read_until and not former.is_in_use:
            yield messages.FORMER_READ_NO_MORE(name=former.name, date=former.read_until)
    in_use = {former.token: former.name for former in conf.COOKIE_FORMER if former.is_in_use}
    if "access" in in_use and "refresh" not in in_use:
        yield messages.FORMER_WITHOUT_REFRESH(name=in_use["access"])
