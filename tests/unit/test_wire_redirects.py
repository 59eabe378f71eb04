"""Where a feed's server may lead, and what logs say of it."""

from __future__ import annotations

import pytest

from dateline.wire_feeds import in_declared_coding
from dateline.wire_redirects import leads_inside, shown_address

OUTSIDE, INSIDE = "93.184.216.34", "10.1.2.3"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "192.168.1.1", "::1", "0.0.0.0", "localhost", "2130706433"]
)
def test_a_feed_on_the_open_internet_leads_into_no_network_of_its_own(host: str) -> None:
    assert leads_inside(OUTSIDE, host)


def test_a_feed_in_the_house_leads_where_it_likes() -> None:
    assert not leads_inside(INSIDE, "10.0.0.1")
    assert not leads_inside(INSIDE, INSIDE)
    assert not leads_inside(OUTSIDE, "93.184.216.35")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/rss", "https://example.org/rss"),
        ("https://anna:secret@example.org:8443/rss?key=secret#secret", "https://example.org:8443/rss?…"),
        ("https://[secret", "…"),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert shown_address(url) == shown


def test_the_servers_word_on_the_coding_counts_where_the_feed_says_nothing() -> None:
    silent, telling = '<rss v="ü"/>', '<?xml version="1.0" encoding="iso-8859-1"?><rss v="ü"/>'

    assert in_declared_coding(silent.encode("latin-1"), "iso-8859-1") == silent.encode()
    assert in_declared_coding(telling.encode("latin-1"), "utf-8") == telling.encode("latin-1")
    assert in_declared_coding(silent.encode("utf-8-sig"), "iso-8859-1") == silent.encode("utf-8-sig")
    assert in_declared_coding(silent.encode("latin-1"), "utf-8") == silent.encode("latin-1")
    assert in_declared_coding(silent.encode("latin-1"), "no-such") == silent.encode("latin-1")
    assert in_declared_coding(silent.encode(), None) == silent.encode()
