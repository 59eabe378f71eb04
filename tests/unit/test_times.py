"""Times as people and wires write them: zones, clocks put forward and back, leap days and leap seconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.times import parse_time, rfc3339, to_ms


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("2026-03-29T00:59:59.999999Z", "2026-03-29T00:59:59.999999Z"),
        ("2026-03-29T03:00+02:00", "2026-03-29T01:00:00.000000Z"),
        ("2026-03-29T01:59[Europe/Berlin]", "2026-03-29T00:59:00.000000Z"),
        ("2026-03-29T03:00[Europe/Berlin]", "2026-03-29T01:00:00.000000Z"),
        ("2026-10-25T01:59:59[Europe/Berlin]", "2026-10-24T23:59:59.000000Z"),
        ("2026-10-25T02:30+02:00[Europe/Berlin]", "2026-10-25T00:30:00.000000Z"),
        ("2026-10-25T02:30+01:00[Europe/Berlin]", "2026-10-25T01:30:00.000000Z"),
        ("2026-10-25T03:00[Europe/Berlin]", "2026-10-25T02:00:00.000000Z"),
        ("2026-04-05T01:29[Australia/Lord_Howe]", "2026-04-04T14:29:00.000000Z"),
        ("2028-02-29T12:00[America/New_York]", "2028-02-29T17:00:00.000000Z"),
        ("2000-02-29T23:59:59-12:00", "2000-03-01T11:59:59.000000Z"),
        ("2026-12-31T23:59:59.5-01:00", "2027-01-01T00:59:59.500000Z"),
        ("2027-01-01T00:00+14:00", "2026-12-31T10:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00.000000Z"),
        ("2017-01-01T08:59:60+09:00", "2017-01-01T00:00:00.000000Z"),
        ("2012-06-30T23:59:60Z", "2012-07-01T00:00:00.000000Z"),
        ("2026-01-01T00:00:00.1234569Z", "2026-01-01T00:00:00.123456Z"),
    ],
)
def test_a_time_means_one_moment(written: str, means: str) -> None:
    assert rfc3339(parse_time(written)) == means


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("2026-03-29T02:30[Europe/Berlin]", "there is no such time in Europe/Berlin, where clocks are then put forward"),
        ("2026-03-08T02:00[America/New_York]", "there is no such time"),
        ("2011-12-30T12:00[Pacific/Apia]", "there is no such time"),
        ("2026-10-25T02:30[Europe/Berlin]", "comes twice in Europe/Berlin, where clocks are put back."),
        ("9999-12-31T23:59:60Z", "outside the calendar"),
        ("2026-04-05T01:30[Australia/Lord_Howe]", "comes twice"),
        ("2026-10-25T12:00+02:00[Europe/Berlin]", "Europe/Berlin has another offset at that time"),
        ("2026-03-29T02:30+01:00[Europe/Berlin]", "Europe/Berlin has another offset at that time"),
        ("2026-10-25T12:00[Europe/Berlinn]", "names no zone"),
        ("2026-10-25T12:00[../../etc/passwd]", "names no zone"),
        ("2026-10-25T12:00[Europe/Berlin", "names no zone"),
        ("2026-10-25T12:00[]", "names no zone"),
        ("2026-10-25T12:00", "has no zone"),
        ("2026-02-29T12:00Z", "is no time"),
        ("1900-02-29T12:00Z", "is no time"),
        ("2026-03-31T23:59:60Z", "is no time"),
        ("2016-12-31T22:59:60Z", "is no time"),
        ("2016-12-31T23:59:61Z", "is no time"),
        ("9999-12-31T00:00[Asia/Tokyo]", "outside the calendar"),
    ],
)
def test_a_time_that_is_none_or_two_is_refused_and_it_says_why(written: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_time(written)


def test_of_a_time_that_comes_twice_both_are_named() -> None:
    with pytest.raises(ValueError, match=re.escape("Write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00.")):
        parse_time("2026-10-25T02:30[Europe/Berlin]")


zones = st.sampled_from(("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata", "UTC"))


@given(st.integers(0, 2_500_000_000_000), zones)
def test_every_moment_can_be_written_in_every_zone_and_is_read_as_itself(ms: int, zone: str) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    local = moment.astimezone(ZoneInfo(zone))

    assert to_ms(parse_time(f"{local.isoformat()}[{zone}]")) == ms
    try:
        assert to_ms(parse_time(f"{local.replace(tzinfo=None).isoformat()}[{zone}]")) == ms
    except ValueError as error:
        assert "comes twice" in str(error)  # noqa: PT017 - that is the only other outcome
