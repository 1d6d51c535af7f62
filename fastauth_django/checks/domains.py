"""What the text of a host or an origin says about it."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
DOMAIN = re.compile(rf"\.?{LABEL}(\.{LABEL})*", re.IGNORECASE)
ORIGIN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>{LABEL}(\.{LABEL})*|\[[0-9a-f:.]+\])(:(?P<port>[0-9]+))?"
)
#: An origin of a browser's extension or a shell ("app://.", "file://"): compared as it is, and not the web's to spell.
SHELL_ORIGIN = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[^/?#]*")
DEFAULT_PORTS = {"http": "80", "https": "443"}


def is_public_suffix(domain: str) -> bool:
    """Whether anyone can register a name under ``domain`` (https://publicsuffix.org).

    A registry offers such names ("com", "co.uk"), or a hoster does ("github.io"). Without the package
    ``publicsuffixlist`` only the domains of one label are known.
    """
    domain = domain.lower().strip(".")
    if domain == "localhost":
        return False
    suffixes = _public_suffix_list()
    return "." not in domain or (suffixes is not None and suffixes.is_public(domain))


def site_of(host: str) -> tuple[str, str]:
    """The domain that somebody registered in order to have ``host``, and the public suffix that it is below.

    An address, and a name without a public suffix, such as localhost, is a site of its own.
    """
    labels = host.partition(":")[0].split(".")
    for start in range(1, len(labels)):
        suffix = ".".join(labels[start:])
        if is_public_suffix(suffix) and not suffix.isdigit():
            return ".".join(labels[start - 1 :]), suffix
    return host, host


def covers_public_suffix(domain: str) -> bool:
    """Whether anyone can register a name below ``domain``, or further down ("railway.app": "up.railway.app")."""
    domain = domain.lower().strip(".")
    return is_public_suffix(domain) or any(suffix.endswith(f".{domain}") for suffix in public_suffixes())


def public_suffixes() -> tuple[str, ...]:
    """Every public suffix, or none where the list is not there to look in."""
    if not knows_public_suffixes():
        return ()
    import publicsuffixlist

    rules = Path(publicsuffixlist.PSLFILE).read_text(encoding="utf-8").split("\n")
    return tuple(rule.strip().removeprefix("*.") for rule in rules if rule.strip() and rule[0] not in "/!")


def knows_public_suffixes() -> bool:
    """Whether the public suffix list is there to look in."""
    return _public_suffix_list() is not None


def suffix_source() -> str:
    """How :func:`is_public_suffix` knows it, for a message."""
    if not knows_public_suffixes():
        return "it has one label; install fastauth-django[check] to look in the public suffix list too"
    return "according to the public suffix list"


@cache  # Parsing it takes 50 ms.
def _public_suffix_list() -> PublicSuffixList | None:
    """The list of the package ``publicsuffixlist``, or None where it is not installed."""
    try:
        from publicsuffixlist import PublicSuffixList
    except ImportError:
        return None
    return PublicSuffixList()


def is_in_domain(allowed_host: str, domain: str) -> bool:
    """Whether an entry of ``ALLOWED_HOSTS`` allows a host to which browsers send the cookies of ``domain``."""
    host, domain = allowed_host.lower(), domain.lower().removeprefix(".")
    if host == "*":
        return True
    below = f".{host.removeprefix('.')}"
    return below.endswith(f".{domain}") or (host.startswith(".") and domain.endswith(host))


def is_local(host: str) -> bool:
    """Whether browsers take ``host`` for their own machine, where plain HTTP is as safe as HTTPS."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def origin_fault(origin: str) -> str | None:
    """Why no browser sends ``origin`` in an ``Origin`` header (RFC 6454, section 6.2), or None if one may."""
    if origin == "*" or "://*" in origin:
        return "is no whole origin, and a pattern only if it is compiled (re.compile)"
    if origin == "null":
        return "is the origin of every sandboxed frame"
    if any(character.isspace() for character in origin):
        return "has a blank"
    if "://" not in origin:
        return "has no scheme"
    if not origin.isascii():
        return "is not written in ASCII, as browsers write it (xn--…)"
    if SHELL_ORIGIN.fullmatch(origin):
        return None
    match = ORIGIN.fullmatch(origin)
    if match is None:
        if ORIGIN.match(origin.lower()) and ORIGIN.fullmatch(origin.lower()):
            return "is not in lower case"
        if ORIGIN.match(origin.lower()):
            return "has a path, or something else after the host"
        return "has no host, or writes it in another way than browsers do"
    if match["port"] and DEFAULT_PORTS.get(match["scheme"]) == match["port"]:
        return "names the default port of its scheme, which browsers leave out"
    return None
