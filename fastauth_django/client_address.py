"""The client's IP address, as far as a request tells it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from django.http import HttpRequest
from rest_framework.settings import api_settings

#: Networks inside of a house: loopback, link-local, private (RFC 1918, RFC 4193) and shared (RFC 6598).
INSIDE = [
    *map(
        ip_network, ["127.0.0.0/8", "169.254.0.0/16", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"]
    ),
    *map(ip_network, ["::1", "fe80::/10", "fc00::/7"]),
]

#: How a translator shows a client with IPv4 to a server with IPv6 alone (RFC 6052). One network would be everybody.
TRANSLATED = ip_network("64:ff9b::/96")


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
        if ip.ipv4_mapped or ip in TRANSLATED:
            return str(IPv4Address(int(ip) & 0xFFFF_FFFF))
        # A zone ("%eth0") means something on one host only, and databases refuse it.
        return str(IPv6Address(int(ip)))
    return str(ip)


def tells_clients_apart(address: str | None) -> bool:
    """Whether ``address``, of :func:`client_address`, may be one client's and not that of a proxy before all of them.

    Unless the project says how many proxies there are, an address from inside the house is most likely a proxy's.
    """
    if address is None:
        return False
    ip = ip_address(address)
    return api_settings.NUM_PROXIES is not None or not any(ip in network for network in INSIDE)


def _without_port(address: str) -> str:
    """``192.0.2.1:5000`` and ``[2001:db8::1]:5000``, as some proxies write them, without the port."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
