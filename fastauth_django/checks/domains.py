"""What can be told from a host's or an origin's text alone."""

from __future__ import annotations

import re
from ipaddress import ip_address

LABEL = r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?"
DOMAIN = re.compile(rf"\.?{LABEL}(\.{LABEL})*", re.IGNORECASE)
ORIGIN = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>{LABEL}(\.{LABEL})*|\[[0-9a-f:.]+\])(:(?P<port>[0-9]+))?"
)
OWN_PORTS = {"http": "80", "https": "443"}

#: Second labels under which country registries sell names: co.uk, com.au, org.nz.
REGISTRIES = {"ac", "co", "com", "edu", "gov", "net", "org"}


def is_public_suffix(domain: str) -> bool:
    """Whether anyone may register names under ``domain``, as far as it can be told without the public suffix list.

    One label ("com"), or two of which the second is a country's ("co.uk"). Unknown here are the odd ones
    ("kawasaki.jp") and those of hosting companies ("github.io").
    """
    labels = domain.lower().strip(".").split(".")
    if labels == ["localhost"]:
        return False
    return len(labels) == 1 or (len(labels) == 2 and len(labels[1]) == 2 and labels[0] in REGISTRIES)


def is_in_domain(allowed_host: str, domain: str) -> bool:
    """Whether an entry of ``ALLOWED_HOSTS`` lets in a host to which a browser would send cookies of ``domain``."""
    host, domain = allowed_host.lower(), domain.lower().removeprefix(".")
    if host == "*":
        return True
    below = f".{host.removeprefix('.')}"
    return below.endswith(f".{domain}") or (host.startswith(".") and domain.endswith(host))


def is_local(host: str) -> bool:
    """Whether browsers treat ``host`` as this machine, where plain HTTP is as good as HTTPS."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def origin_fault(origin: str) -> str | None:
    """Why no browser sends ``origin`` in an ``Origin`` header (RFC 6454, section 6.2), or None if one may."""
    if origin == "*" or "://*" in origin:
        return "is a pattern, and only whole origins count here"
    if origin == "null":
        return "every sandboxed frame has"
    if "://" not in origin:
        return "has no scheme"
    match = ORIGIN.fullmatch(origin)
    if match is None:
        if ORIGIN.match(origin.lower()) and ORIGIN.fullmatch(origin.lower()):
            return "is not in lower case"
        if ORIGIN.match(origin.lower()):
            return "has a path, or something else after the host"
        return "has no host, or one that browsers write in another way"
    if match["port"] and OWN_PORTS.get(match["scheme"]) == match["port"]:
        return "names the scheme's own port, which browsers leave out"
    return None
