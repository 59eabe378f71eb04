"""The guard: which targets are taken, and which addresses a message may be sent to."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consumers.notifications.addresses import is_public
from consumers.notifications.guard import PORTS, Guard, TargetRefused

PUBLIC_4 = IPv4Address("93.184.215.14")
PRIVATE_4 = ("127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.0")


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "168.63.129.16"),
        *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "224.1.1.1", "239.255.255.250", "240.0.0.1"),
        *("255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:93.184.215.14", "::ffff:0:127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::93.184.215.14", "64:ff9b:1::1", "100::1", "2001::1", "2001:0:7f00:1::", "2001:10::1"),
        *("2001:db8::1", "2002:7f00:1::1", "3ffe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1"),
        *("fec0::1", "ff02::1", "ff0e::1", "2606:4700::5efe:127.0.0.1", "2606:4700::200:5efe:10.0.0.1"),
    ],
)
def test_an_address_inside_somebodys_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    assert Guard().problem(address, 443) is not None


@pytest.mark.parametrize("address", ["93.184.215.14", "1.1.1.1", "172.32.0.1", "2606:4700::6810:84e5", "2a00:1450:4001::1"])
def test_an_address_that_anybody_may_reach_is_public(address: str) -> None:
    assert is_public(ip_address(address))
    assert Guard().problem(address, 443) is None


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
@example(IPv4Address("192.0.0.9"))
def test_whatever_the_standard_library_calls_private_is_not_public(address: IPv4Address) -> None:
    if not address.is_global or address.is_multicast or address.is_reserved:
        assert not is_public(address)


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 2**125 - 1).map(lambda low: IPv6Address(2**125 + low)))
def test_whatever_the_standard_library_calls_private_is_not_public_in_ipv6(address: IPv6Address) -> None:
    if not address.is_global or address.is_multicast or address.is_site_local or address.ipv4_mapped or address.sixtofour:
        assert not is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_no_form_of_an_ipv4_address_within_ipv6_is_public(number: int) -> None:
    for prefix in (0, 0xFFFF << 32, 0xFFFF << 48, 0x64FF9B << 96, 0x2001 << 112, (0x2002 << 112) | (number << 80), 0xFE80 << 112):
        assert not is_public(IPv6Address(prefix | number))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/hook", "by https only"),
        ("ftp://example.com/hook", "no web address"),
        ("gopher://127.0.0.1:70/", "no web address"),
        ("file:///etc/passwd", "no web address"),
        ("example.com/hook", "no web address"),
        ("https:///hook", "no web address"),
        ("https:example.com", "no web address"),
        ("https://", "no web address"),
        ("", "no web address"),
        ("https://user@example.com/", "a name or a password"),
        ("https://user:pass@example.com/", "a name or a password"),
        ("https://example.com@127.0.0.1/", "a name or a password"),
        ("https://example.com:80/", "ports 443 and 8443 only, not to 80"),
        ("https://example.com:6379/", "ports 443 and 8443 only"),
        ("https://example.com:0/", "port is none"),
        ("https://example.com:99999/", "port is none"),
        ("https://example.com:/", "port is none"),
        ("https://example.com:x/", "port is none"),
        ("https://localhost/", "no public name"),
        ("https://localhost./", "no public name"),
        ("https://redis/", "no public name"),
        ("https://metadata.google.internal/", "no public name"),
        ("https://printer.local/", "no public name"),
        ("https://127.0.0.1/", "not a public address"),
        ("https://127.0.0.1./", "not a public address"),
        ("https://[::1]/", "not a public address"),
        ("https://[::ffff:127.0.0.1]/", "not a public address"),
        ("https://[64:ff9b::7f00:1]/", "not a public address"),
        ("https://169.254.169.254/latest/meta-data/", "not a public address"),
        ("https://127.1/", "spells an address"),
        ("https://2130706433/", "spells an address"),
        ("https://0x7f000001/", "spells an address"),
        ("https://0x7f.1/", "spells an address"),
        ("https://017700000001/", "spells an address"),
        ("https://0177.0.0.1/", "spells an address"),
        ("https://127.0.0.1.1/", "spells an address"),
        ("https://１２７.0.0.1/", "not a public address"),
        ("https://127。0。0。1/", "not a public address"),
        ("https://①②⑦.0.0.1/", "is no"),
        ("https://[fe80::1%25eth0]/", "%"),
        ("https://example%2ecom/", "%"),
        ("https://exa mple.com/", "a space"),
        ("https://example.com/\r\nX: 1", "a space"),
        ("https://example.com/\u202e", "cannot be seen"),
        ("https://example.com\\@127.0.0.1/", "a \\"),
        ("https://example.com/#x", "#"),
        ("https://example..com/", "no name"),
        ("https://-a.com/", "no name"),
        ("https://" + "a" * 64 + ".com/", "no name"),
        ("https://" + "a." * 150 + "com/", "no name"),
        ("https://[::1/", "no address"),
        ("https://example.com/grün", "not ASCII"),
        ("https://example.com/" + "x" * 3000, "at most 2048"),
    ],
)
def test_a_target_where_nothing_may_go_is_refused_and_says_why(url: str, reason: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        Guard().destination(url)

    assert reason in str(refused.value)
    assert "pass@" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "whole"),
    [
        ("https://example.com", "example.com", 443, "https://example.com/"),
        ("https://EXAMPLE.com./Hook?a=b", "example.com", 443, "https://example.com/Hook?a=b"),
        ("https://example.com:8443/x", "example.com", 8443, "https://example.com:8443/x"),
        ("https://bücher.example/x", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/x"),
        ("https://straße.example/", "xn--strae-oqa.example", 443, "https://xn--strae-oqa.example/"),
        ("https://93.184.215.14/", "93.184.215.14", 443, "https://93.184.215.14/"),
        ("https://[2606:4700:0::6810:84e5]/", "2606:4700::6810:84e5", 443, "https://[2606:4700::6810:84e5]/"),
        ("https://a.example/%7Ehook", "a.example", 443, "https://a.example/%7Ehook"),
    ],
)
def test_a_target_is_brought_into_one_form(url: str, host: str, port: int, whole: str) -> None:
    found = Guard().destination(url)

    assert (found.host, found.port, found.url) == (host, port, whole)
    assert Guard().destination(found.url) == found


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://localhost:8000/", "https://127.8.8.8:1/", "http://[::1]:8080/"])
def test_with_the_switch_a_target_on_this_machine_is_taken(url: str) -> None:
    assert Guard(allow_loopback=True).destination(url).url == url


@pytest.mark.parametrize("url", ["http://example.com/", "https://10.0.0.1/", "http://169.254.169.254/", "http://2130706433/"])
def test_the_switch_is_for_this_machine_alone(url: str) -> None:
    with pytest.raises(TargetRefused):
        Guard(allow_loopback=True).destination(url)


def test_the_switch_says_so() -> None:
    assert Guard().notice is None
    assert "DATELINE_HOOKS_ALLOW_LOOPBACK=1" in (Guard(allow_loopback=True).notice or "")


@given(st.text(max_size=60) | st.from_regex(r"https?://[0-9a-fx.:\[\]%@-]{0,30}(:[0-9]{0,6})?/?", fullmatch=True))
def test_whatever_is_named_is_taken_as_public_or_refused(url: str) -> None:
    try:
        found = Guard().destination(url)
    except TargetRefused:
        return
    assert (found.scheme, found.port in PORTS) == ("https", True)
    assert found.host.isascii()
    assert found.address is None or is_public(found.address)


@given(st.lists(st.integers(0, 2**32 - 1).map(lambda number: str(IPv4Address(number))), min_size=1, max_size=4))
@example(["93.184.215.14", "127.0.0.1"])
def test_a_name_is_used_only_where_all_of_its_addresses_are_public(addresses: list[str]) -> None:
    guard = Guard(lookup=lambda host, port: addresses)

    if all(is_public(ip_address(address)) for address in addresses):
        assert asyncio.run(guard.resolve("example.com", 443)) == list(dict.fromkeys(addresses))
    else:
        with pytest.raises(TargetRefused):
            asyncio.run(guard.resolve("example.com", 443))


@pytest.mark.parametrize("address", [*PRIVATE_4, "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0", "not an address"])
def test_a_name_that_leads_inside_is_refused(address: str) -> None:
    guard = Guard(lookup=lambda host, port: [str(PUBLIC_4), address])

    with pytest.raises(TargetRefused, match=r"No message goes to example\.com"):
        asyncio.run(guard.resolve("example.com", 443))


def test_a_name_is_looked_at_anew_for_each_connection() -> None:
    answers = iter([[str(PUBLIC_4)], ["127.0.0.1"]])
    guard = Guard(lookup=lambda host, port: next(answers))

    assert asyncio.run(guard.resolve("example.com", 443)) == [str(PUBLIC_4)]
    with pytest.raises(TargetRefused):
        asyncio.run(guard.resolve("example.com", 443))


def test_localhost_that_leads_elsewhere_is_refused() -> None:
    guard = Guard(allow_loopback=True, lookup=lambda host, port: [str(PUBLIC_4)])

    with pytest.raises(TargetRefused, match="is not this machine"):
        asyncio.run(guard.resolve("localhost", 443))


def test_a_name_without_an_address_is_an_error_of_the_network() -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise OSError("no such host")

    with pytest.raises(OSError, match="no such host"):
        asyncio.run(Guard(lookup=nothing).resolve("example.com", 443))
    with pytest.raises(OSError, match="has no address"):
        asyncio.run(Guard(lookup=lambda host, port: []).resolve("example.com", 443))


def test_the_list_holds_no_block_twice() -> None:
    from consumers.notifications.addresses import _NOT_PUBLIC_4

    blocks = list(_NOT_PUBLIC_4)
    assert not [one for one in blocks for other in blocks if one is not other and one.subnet_of(other)]
    assert IPv4Network("127.0.0.0/8") in blocks
