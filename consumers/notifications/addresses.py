"""Which addresses on the internet are anybody's, and which lead into somebody's own network."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address

_NOT_PUBLIC_4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' NAT; a cloud's metadata too
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's metadata, though the block around it is public
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",
        "192.0.0.0/24",  # protocols; a cloud's metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved; broadcast
    )
)

_GLOBAL_6: Final = IPv6Network("2000::/3")
"""All that is given out as global unicast. Outside it lie loopback, IPv4-mapped, IPv4-compatible, NAT64, unique local,
link-local, site-local and multicast addresses."""

_NOT_PUBLIC_6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocols: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "2620:4f:8000::/48",  # AS112
        "3ffe::/16",  # 6bone
        "3fff::/20",  # documentation
    )
)

_ISATAP: Final = (0x00005EFE, 0x02005EFE)


def is_public(address: Address) -> bool:
    """Tell whether `address` is one that anybody may reach, and no other in disguise.

    `ipaddress.is_global` does not do: it holds for NAT64 and IPv4-compatible forms of 127.0.0.1, multicast and site-local.
    """
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _GLOBAL_6 or any(address in block for block in _NOT_PUBLIC_6):
        return False
    return (int(address) >> 32 & 0xFFFFFFFF) not in _ISATAP


def is_loopback(address: Address) -> bool:
    """Tell whether `address` is this machine's own, in its plain form."""
    return address in IPv4Network("127.0.0.0/8") if isinstance(address, IPv4Address) else address == IPv6Address("::1")


def literal(host: str) -> Address | None:
    """Return the address that `host` spells, in its plain form; None where it spells none."""
    try:
        return ip_address(host)
    except ValueError:
        return None
