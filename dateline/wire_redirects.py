"""Where a feed's server may send whoever asks: on the open internet to the open internet, never into somebody's own network.

A feed's own address is the operator's to choose, also one in the house. What a stranger's server answers is not.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from consumers.notifications.addresses import is_public, literal

_SECRET: Final = "…"


def leads_inside(origin: str, host: str) -> bool:
    """Tell whether a redirect leads from a host on the open internet to one in a network of its own, such as this one.

    A name is looked up here and once more when it is asked, so a name server that changes its mind in between is not seen.
    """
    return host != origin and not _is_outside(host) and _is_outside(origin)


def shown_address(url: str) -> str:
    """Return an address as logs may show it: without the name, password or key that may stand in it."""
    with suppress(ValueError):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=host, query=parts.query and _SECRET, fragment="").geturl()
    return _SECRET


def _is_outside(host: str) -> bool:
    """Tell whether all addresses of a host are anybody's; so it is said too of one that cannot be found, which leads nowhere."""
    with suppress(OSError, UnicodeError):
        found = {str(about[4][0]) for about in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        addresses = [literal(one.partition("%")[0]) for one in found]
        return all(one is not None and is_public(one) for one in addresses)
    return True
