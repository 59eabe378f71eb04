"""How a request is understood and an answer is sent: codings, names of content, parameters."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.timeline import keys
from consumers.web.answers import FRESH, Answer, coding_for, send_answer
from consumers.web.asked import AS_OF, CURSOR, KEY_EVENTS, SINCE, STORY, limit, read_query
from consumers.web.problems import Problem

ALL = (limit(default=20, most=500), CURSOR, KEY_EVENTS, AS_OF, SINCE, STORY)
LONG = b'{"text":"' + b"words " * 1000 + b'"}'

Headers = dict[bytes, bytes]


def sent(answer: Answer, *, method: str = "GET", **asked: str) -> tuple[int, Headers, bytes]:
    """Return status, headers and body as `answer` is sent for a request with these headers."""
    messages: list[Mapping[str, Any]] = []  # Any: ASGI's own form

    async def send(message: Mapping[str, Any]) -> None:
        messages.append(message)

    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in asked.items()]
    asyncio.run(send_answer(answer, {"method": method, "headers": headers}, send))
    start, body = messages
    return start["status"], dict(start["headers"]), body.get("body", b"")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("", "identity"),
        ("gzip", "gzip"),
        ("gzip, deflate, br", "br"),
        ("GZIP;q=1.0, br;q=0", "gzip"),
        ("*", "br"),
        ("*;q=0", "identity"),
        ("br;q=0, *;q=0.1", "gzip"),
        ("identity", "identity"),
        ("gzip;q=x", "identity"),
        ("gzip;q=nan, br;q=-1", "identity"),
        (";;;,,,=", "identity"),
    ],
)
def test_the_coding_is_one_that_is_not_refused(accepted: str, coding: str) -> None:
    assert coding_for(accepted) == coding


@given(st.text())
def test_any_accept_encoding_is_understood_somehow(accepted: str) -> None:
    assert coding_for(accepted) in ("identity", "gzip", "br")


@pytest.mark.parametrize(("coding", "unpack"), [("gzip", gzip.decompress), ("br", brotli.decompress)])
def test_a_body_is_packed_as_asked_and_says_so(coding: str, unpack: Any) -> None:  # Any: two libraries
    status, headers, body = sent(Answer(LONG, etag="x"), accept_encoding=coding)

    assert (status, headers[b"content-encoding"], headers[b"vary"]) == (200, coding.encode(), b"accept-encoding")
    assert unpack(body) == LONG
    assert int(headers[b"content-length"]) == len(body) < len(LONG)


def test_a_small_body_and_a_picture_are_not_packed() -> None:
    for answer in (Answer(b"{}"), Answer(LONG, "image/png")):
        _, headers, body = sent(answer, accept_encoding="br")
        assert b"content-encoding" not in headers
        assert body == answer.body


def test_a_head_is_told_of_the_body_without_getting_it() -> None:
    _, headers, body = sent(Answer(LONG), method="HEAD")

    assert (body, int(headers[b"content-length"])) == (b"", len(LONG))


@pytest.mark.parametrize("given", ['W/"g1.7"', '"g1.7"', '"other", W/"g1.7"', "*", ' "a","g1.7" '])
def test_who_has_this_content_gets_no_body(given: str) -> None:
    status, headers, body = sent(Answer(LONG, etag="g1.7"), if_none_match=given)

    assert (status, body, headers[b"etag"], headers[b"cache-control"]) == (304, b"", b'W/"g1.7"', FRESH.encode())


@pytest.mark.parametrize("given", ['W/"g1.8"', "g1.7", "", '"G1.7"'])
def test_who_has_other_content_gets_this(given: str) -> None:
    assert sent(Answer(LONG, etag="g1.7"), if_none_match=given)[0] == 200


def test_what_is_not_there_is_never_said_to_be_unchanged() -> None:
    assert sent(Answer(b"gone", etag="x", status=410), if_none_match="*")[0] == 410


def test_each_who_asks_is_told_another_time_to_ask_again() -> None:
    told = {sent(Answer(b"{}", next_poll=10.0))[1][b"next-poll"] for _ in range(50)}

    assert len(told) > 5
    assert all(8.0 <= float(one) <= 12.0 for one in told)


def test_parameters_that_are_left_out_have_their_defaults() -> None:
    assert read_query(ALL, []) == {"limit": 20, "cursor": None, "key_events": False, "as_of": None, "since": 0, "story": None}


def test_parameters_are_read() -> None:
    pairs = [("limit", "7"), ("key_events", "true"), ("as_of", "1970-04-14T03:08:20Z"), ("since", "12"), ("story", "apollo-13")]

    found = read_query(ALL, pairs)

    assert found["as_of"] == datetime(1970, 4, 14, 3, 8, 20, tzinfo=UTC)
    assert (found["limit"], found["key_events"], found["since"], found["story"]) == (7, True, 12, "apollo-13")


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([("limit", "0")], "limit: '0' is no whole number from 1 to 500"),
        ([("limit", "-1")], "limit: '-1' is no whole number"),
        ([("limit", "٣")], "no whole number"),
        ([("limit", "9" * 5000)], "no whole number"),
        ([("since", "1.5")], "since: '1.5'"),
        ([("as_of", "yesterday")], "as_of: "),
        ([("key_events", "maybe")], "neither true nor false"),
        ([("limit", "1"), ("limit", "2")], "more than once"),
        ([("limt", "1")], "There is no parameter 'limt' here; there are: limit"),
        ([("cursor", "x" * 5000)], "too long"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(pairs: list[tuple[str, str]], said: str) -> None:
    with pytest.raises(Problem, match=re.escape(said)) as refused:
        read_query(ALL, pairs)

    assert refused.value.status == 400
    assert len(refused.value.detail) < 500


@given(st.lists(st.tuples(st.sampled_from([one.name for one in ALL]), st.text()), max_size=3))
def test_any_query_is_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(Problem):
        assert set(read_query(ALL, pairs)) == {one.name for one in ALL}


def test_the_scripts_keep_as_many_words_as_readers_take_them_to() -> None:
    scripts = [path.read_text() for path in (Path(keys.__file__).parent / "lua").glob("*.lua")]
    told = [text for text in scripts if "'XADD', KEYS" in text]

    assert len(told) == 3
    assert all(f"'MAXLEN', '~', {keys.WAKE_KEPT}," in text for text in told)
