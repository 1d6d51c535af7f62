"""What a request says about the client: an address that cannot be made up, and a user agent that fits the row."""

import pytest
from django.test import RequestFactory

from fastauth_django.client_address import client_address
from fastauth_django.models import AuthSession
from fastauth_django.sessions import _user_agent


def request(**meta):
    return RequestFactory().get("/", **meta)


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("64:ff9b::c000:201", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("/run/app.sock", None),
        ("192.0.2.1:5000", "192.0.2.1"),
        ("[2001:db8::1]:5000", "2001:db8::1"),
        ("192.0.2.256", None),
    ],
    ids=[
        "IPv4",
        "spaces",
        "IPv6",
        "IPv4 in IPv6",
        "translated",
        "zone",
        "none",
        "socket",
        "port",
        "port of IPv6",
        "no address",
    ],
)
def test_the_address_is_read_from_the_connection(remote, address):
    assert client_address(request(REMOTE_ADDR=remote)) == address


def test_a_server_that_tells_no_address_is_no_error():
    without_address = request()
    del without_address.META["REMOTE_ADDR"]

    assert client_address(without_address) is None


@pytest.mark.parametrize(
    ("proxies", "address"),
    [
        (None, "192.0.2.9"),
        (0, "192.0.2.9"),
        (1, "198.51.100.3"),
        (2, "198.51.100.2"),
        (3, "198.51.100.1"),
        (9, "198.51.100.1"),
    ],
)
def test_a_forwarded_address_counts_only_behind_that_many_proxies(settings, proxies, address):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": proxies}
    forwarded = "198.51.100.1, 198.51.100.2 ,198.51.100.3"

    assert client_address(request(REMOTE_ADDR="192.0.2.9", HTTP_X_FORWARDED_FOR=forwarded)) == address


@pytest.mark.parametrize("header", [{}, {"HTTP_X_FORWARDED_FOR": ""}], ids=["missing", "empty"])
def test_without_the_header_a_proxys_own_address_counts(settings, header):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    assert client_address(request(REMOTE_ADDR="192.0.2.9", **header)) == "192.0.2.9"


@pytest.mark.parametrize("forwarded", ["unknown", "_hidden", "evil, <script>", "a" * 10_000])
def test_a_forwarded_address_that_is_none_is_none(settings, forwarded):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}

    assert client_address(request(HTTP_X_FORWARDED_FOR=forwarded)) is None


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("curl/8.0", "curl/8.0"),
        ("", ""),
        ("a" * 512, "a" * 512),
        ("a" * 513, "a" * 512),
        ("a\0b", "ab"),
        ("\0" * 600 + "tail", "tail"),
    ],
    ids=["short", "empty", "exactly", "one too long", "null byte", "null bytes before the cut"],
)
def test_the_user_agent_is_cut_to_what_the_row_holds(sent, kept):
    assert _user_agent(request(HTTP_USER_AGENT=sent)) == kept


def test_a_client_without_a_user_agent_has_none():
    assert _user_agent(request()) == ""


def test_the_session_keeps_where_it_was_started(browser, account):
    browser.post(
        "/auth/login",
        account.credentials,
        format="json",
        REMOTE_ADDR="2001:db8::7",
        HTTP_USER_AGENT="Lynx/2.9 " + "x" * 600,
    )

    session = AuthSession.objects.get()

    assert (session.ip_address, len(session.user_agent)) == ("2001:db8::7", 512)
