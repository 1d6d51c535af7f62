"""The client's IP address, as far as a request tells it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from django.http import HttpRequest
from rest_framework.settings import api_settings


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address, or None where none can be told.

    ``X-Forwarded-For`` counts only when REST framework's ``NUM_PROXIES`` says how many proxies append to it: anyone
    can send that header, and an address taken from it unasked would let an attacker choose whose limit to use up.
    """
    address = request.META.get("REMOTE_ADDR", "")
    proxies = api_settings.NUM_PROXIES
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    if proxies and forwarded:
        hops = forwarded.split(",")
        address = hops[-min(proxies, len(hops))]
    try:
        ip = ip_address(_without_port(address.strip()))
    except ValueError:
        return None
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        # A zone ("%eth0") means something on one host only, and databases refuse it.
        return str(IPv6Address(int(ip)))
    return str(ip)


def _without_port(address: str) -> str:
    """``192.0.2.1:5000`` and ``[2001:db8::1]:5000``, as some proxies write them, without the port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
