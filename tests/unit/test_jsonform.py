"""One event as JSON, both ways."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dateline.errors import Refused
from schemas.content import Source
from schemas.events import EVENT_TYPES, Event, UpdatePublished
from schemas.identity import event_id_for, new_event_id, update_id_for
from schemas.jsonform import from_json, to_json
from schemas.sources import parse_source, source_text
from tests.strategies import events

LINE: dict[str, Any] = {  # Any: whatever JSON holds
    "type": "UpdatePublished",
    "event_id": "0198f0c2-7a10-7c3e-9b1d-5f2e6a9c0001",
    "story": "apollo-13",
    "desk": "houston",
    "author": None,
    "occurred_at": "1970-04-14T03:08:20.000000Z",
    "update": "a-problem",
    "expects": None,
    "urgency": 1,
    "key_event": True,
    "pinned": False,
    "embargo_until": None,
    "version": None,
    "content": {
        "headline": "A problem aboard",
        "body": [
            {"type": "paragraph", "text": "Lovell reports."},
            {"type": "quote", "text": "A problem here.", "speaker": "Jim Lovell"},
        ],
        "media": [
            {
                "type": "image",
                "uri": "https://a.example/b",
                "caption": "c",
                "credit": "NASA",
                "alt": "a",
                "width": 1024,
                "height": 768,
            }
        ],
        "sources": [{"name": "NASA", "kind": "official", "uri": None}],
        "places": ["Houston"],
        "tags": [],
    },
}
NO_ID = {name: value for name, value in LINE.items() if name not in ("event_id", "update")}


def line(**changes: Any) -> dict[str, Any]:  # Any: as above
    return {**LINE, **changes}


def with_content(**changes: Any) -> dict[str, Any]:  # Any: as above
    return line(content={**LINE["content"], **changes})


@given(events())
def test_events_survive_their_json(event: Event) -> None:
    assert from_json(json.loads(json.dumps(to_json(event)))) == event


def test_the_documented_event_reads_and_writes_as_documented() -> None:
    written = to_json(from_json(LINE))

    assert json.dumps(written) == json.dumps(LINE)


@pytest.mark.parametrize(
    ("given_line", "message"),
    [
        ([], "An event is a JSON object, not []."),
        ("UpdatePublished", "An event is a JSON object, not 'UpdatePublished'."),
        ({}, "type: missing. Use one of StoryOpened"),
        (line(type="UpdatePublish"), "type 'UpdatePublish': no such event (did you mean 'UpdatePublished'?)"),
        (line(type=["a"]), "type ['a']: no such event"),
        (line(urgancy=1), "urgancy: no such field (did you mean 'urgency'?). The fields are event_id, story"),
        (with_content(headlin="a"), "content.headlin: no such field (did you mean 'headline'?)"),
        (with_content(body=[{"txt": "a"}]), "content.body[0].txt: no such field (did you mean 'text'?)"),
        (with_content(body="Lovell reports."), "content.body 'Lovell reports.': this must be a list."),
        (with_content(body=["Lovell reports."]), "content.body[0] 'Lovell reports.': this must be an object."),
        (with_content(headline=None), "content.headline None: this must be text."),
        (with_content(sources=["NASA:offical"]), "source 'NASA:offical': no such kind of source (did you mean 'official'?)"),
        (line(content="Lovell reports."), "content 'Lovell reports.': this must be an object."),
        (line(urgency="1"), "urgency '1': this must be a whole number."),
        (line(urgency=1.0), "urgency 1.0: this must be a whole number."),
        (line(pinned=1), "pinned 1: this must be true or false."),
        (line(occurred_at="1970-04-14T03:08:20"), "occurred_at: '1970-04-14T03:08:20' has no zone."),
        (line(occurred_at="yesterday"), "occurred_at: 'yesterday' is no time."),
        (line(occurred_at="0001-01-01T00:00:00+14:00"), "outside the calendar"),
        (line(embargo_until=0), "embargo_until 0: this must be text like"),
        (line(desk=None), "desk: missing."),
        (line(story=None), "story: missing."),
        (line(occurred_at=None), "occurred_at: missing."),
        ({**NO_ID, "occurred_at": None}, "occurred_at: missing. An event without an event_id"),
        (line(type="UpdateKilled"), "urgency: no such field. The fields are event_id"),
        (line(author="half \ud800"), "author: half a character"),
        (with_content(tags=["a", "half \udfff"]), "content.tags[1]: half a character"),
    ],
)
def test_what_is_no_event_is_refused_in_one_line(given_line: object, message: str) -> None:
    with pytest.raises(Refused) as refused:
        from_json(given_line)

    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("1970-04-14T03:08:20Z"),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*LINE, *LINE["content"], "text")), inner, max_size=5)
    ),
    max_leaves=10,
)


@given(st.sampled_from(sorted(EVENT_TYPES)), st.dictionaries(st.sampled_from(sorted(LINE)), _JSON), _JSON)
def test_whatever_the_json_it_is_an_event_or_refused(name: str, changes: dict[str, Any], other: object) -> None:  # Any: as above
    for candidate in (line(**{**changes, "type": name}), line(**changes), other):
        try:
            event = from_json(candidate)
        except Refused:
            continue
        assert type(event) in EVENT_TYPES.values()


def test_a_line_without_an_id_is_the_same_event_each_time() -> None:
    event = from_json(NO_ID)
    again = from_json(dict(reversed({**NO_ID, "occurred_at": "1970-04-13T21:08:20-06:00"}.items())))

    assert event == again
    assert event.event_id == "464ec097-0d37-5cfa-951f-ff57515af3d5"
    assert isinstance(event, UpdatePublished)
    assert event.update == update_id_for(event.event_id)


@pytest.mark.parametrize(
    "changes", [{"urgency": 2}, {"desk": "moscow"}, {"occurred_at": "1970-04-14T03:08:21Z"}, {"update": "u"}]
)
def test_a_line_that_says_something_else_is_another_event(changes: dict[str, Any]) -> None:  # Any: as above
    assert from_json({**NO_ID, **changes}).event_id != from_json(NO_ID).event_id


def test_what_an_export_adds_is_left_out() -> None:
    exported = {"seq": 4, "digest": "00", "recorded_at": "1970-04-14T03:08:21Z", "raw": {}}

    assert from_json({**NO_ID, **exported}) == from_json(NO_ID)


def test_a_desk_and_a_time_can_be_given_for_what_does_not_say() -> None:
    now = datetime(1970, 4, 14, 4, tzinfo=UTC)

    event = from_json(line(desk=None, occurred_at=None), default_desk="moscow", now=now)

    assert (event.desk, event.occurred_at) == ("moscow", now)
    assert from_json(LINE, default_desk="moscow", now=now) == from_json(LINE)


def test_names_are_brought_into_one_unicode_form() -> None:
    assert from_json(line(story="e\u0301te\u0301")).story == "\u00e9t\u00e9"


def test_a_source_may_be_given_in_short() -> None:
    event = from_json(with_content(sources=["NASA:official", "BBC World: Today", "https://a.example"]))

    assert isinstance(event, UpdatePublished)
    assert event.content.sources == (
        Source(name="NASA", kind="official"),
        Source(name="BBC World: Today"),
        Source(name="https://a.example"),
    )


def test_the_short_form_of_a_source_reads_back() -> None:
    assert source_text(parse_source("NASA : official")) == "NASA:official"
    assert source_text(parse_source("NASA")) == "NASA"


def test_a_derived_id_never_changes() -> None:
    assert event_id_for("houston", "apollo-13", "key-1") == "a8bfd070-ba97-55ee-8bf1-5b3ca6889e0a"
    assert update_id_for("0198f0c2-7a10-7c3e-9b1d-5f2e6a9c0001") == "u-utqmpcsdkq"


def test_fresh_event_ids_sort_by_their_time() -> None:
    ids = [new_event_id() for _ in range(100)]

    assert len(set(ids)) == 100
    assert ids == sorted(ids)
