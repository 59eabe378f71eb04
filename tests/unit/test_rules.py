"""The rules that every border holds events to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given

from dateline.errors import Refused
from schemas.content import Block, Content, Media, Source
from schemas.events import (
    EmbargoLifted,
    EmbargoSet,
    Event,
    StoryOpened,
    UpdateCorrected,
    UpdateKilled,
    UpdateMarked,
    UpdatePublished,
    UpdateRevised,
    UpdateWithheld,
)
from schemas.rules import check, problems, warnings
from tests.strategies import events

NOW = datetime(1970, 4, 14, 3, 10, tzinfo=UTC)
COMMON: dict[str, Any] = {"event_id": "e", "story": "apollo-13", "desk": "houston", "occurred_at": NOW}  # Any: one per field
IMAGE = Media(uri="https://nasa.example/a.jpg", credit="NASA", alt="A module")
OPENED = StoryOpened(**COMMON, title="Apollo 13")
PUBLISHED = UpdatePublished(**COMMON, update="u", content=Content(headline="A problem", body=(Block(text="Lovell reports."),)))


def content(**changes: Any) -> UpdatePublished:  # Any: fields of Content
    return replace(PUBLISHED, content=replace(PUBLISHED.content, **changes))


def body(*blocks: Block) -> UpdatePublished:
    return content(body=blocks)


@given(events())
def test_what_the_strategies_draw_keeps_the_rules(event: Event) -> None:
    assert problems(event) == []


@pytest.mark.parametrize(
    ("event", "path", "message"),
    [
        (replace(OPENED, event_id=" "), "event_id", "an id is needed"),
        (replace(OPENED, event_id="a" * 201), "event_id", "at most 200 characters"),
        (replace(OPENED, event_id="a\nb"), "event_id", "printable"),
        (replace(OPENED, story="two words"), "story", "holds ' '"),
        (replace(OPENED, desk=""), "desk", "is missing"),
        (replace(OPENED, title=" "), "title", "may not be blank"),
        (replace(OPENED, language="english please"), "language", "BCP 47"),
        (replace(OPENED, time_zone="America/Chicgo"), "time_zone", "did you mean 'America/Chicago'?"),
        (replace(OPENED, time_zone="../etc/passwd"), "time_zone", "no such time zone"),
        (replace(OPENED, topics=("",)), "topics[0]", "may not be blank"),
        (replace(OPENED, occurred_at=datetime(1970, 1, 1)), "occurred_at", "needs a zone"),
        (replace(OPENED, occurred_at=NOW.astimezone(timezone(timedelta(hours=2)))), "occurred_at", "in UTC"),
        (replace(OPENED, occurred_at=datetime.max.replace(tzinfo=UTC)), "occurred_at", "outside the calendar"),
        (replace(OPENED, expects=-1), "expects", "use 0 to"),
        (replace(PUBLISHED, update="-"), "update", "begins with '-'"),
        (replace(PUBLISHED, urgency=0), "urgency", "use 1 (a flash) to 9"),
        (replace(PUBLISHED, urgency=10), "urgency", "use 1 (a flash) to 9"),
        (replace(PUBLISHED, version=2**31), "version", "use 0 to"),
        (replace(PUBLISHED, from_story="a b"), "from_story", "holds ' '"),
        (content(headline=" "), "content.headline", "may not be blank"),
        (content(headline="two\nlines"), "content.headline", "U+000A"),
        (body(Block(text="bell \x07")), "content.body[0].text", "U+0007"),
        (body(Block(text="a"), Block(text="next line \x85")), "content.body[1].text", "U+0085"),
        (body(Block(text="half \ud800")), "content.body[0].text", "U+D800"),
        (body(Block(text="\uffff")), "content.body[0].text", "U+FFFF"),
        (body(Block(type="paragaph", text="a")), "content.body[0].type", "did you mean 'paragraph'?"),
        (body(Block(type="table", text="a")), "content.body[0].type", "use paragraph, quote, heading, list, embed"),
        (body(Block(text=" ")), "content.body[0].text", "needs text"),
        (body(Block(type="list", text="a")), "content.body[0].items", "needs items"),
        (body(Block(type="list", items=("a", " "))), "content.body[0].items[1]", "may not be blank"),
        (body(Block(type="embed")), "content.body[0].uri", "needs uri"),
        (body(Block(type="embed", uri="javascript:alert(1)")), "content.body[0].uri", "no web address"),
        (body(*[Block(text="a")] * 10_001), "content.body", "at most 10,000"),
        (body(Block(text="é" * 131_072)), "text", "262,144 bytes"),
        (content(media=(replace(IMAGE, type="picture"),)), "content.media[0].type", "use image, video, audio"),
        (content(media=(replace(IMAGE, uri=""),)), "content.media[0].uri", "no web address"),
        (content(media=(replace(IMAGE, uri="https://a.b/c d"),)), "content.media[0].uri", "no spaces"),
        (content(media=(replace(IMAGE, uri="ftp://a.b/c"),)), "content.media[0].uri", "no web address"),
        (content(media=(replace(IMAGE, width=-1),)), "content.media[0].width", "use 0 to"),
        (content(sources=(Source(name=" "),)), "content.sources[0].name", "may not be blank"),
        (content(sources=(Source(name="NASA", kind="offical"),)), "content.sources[0].kind", "did you mean 'official'?"),
        (content(tags=("",)), "content.tags[0]", "may not be blank"),
        (UpdateRevised(**COMMON, update="u"), "content.headline", "may not be blank"),
        (UpdateCorrected(**COMMON, update="u", content=PUBLISHED.content), "note", "may not be blank"),
        (
            UpdateCorrected(**COMMON, update="u", content=PUBLISHED.content, note="n", severity="big"),
            "severity",
            "use substantive",
        ),
        (UpdateWithheld(**COMMON, update="u"), "reason", "may not be blank"),
        (UpdateKilled(**COMMON, update="u", reason=" "), "reason", "may not be blank"),
        (UpdateKilled(**COMMON, update="u", reason="r", substitute="u"), "substitute", "cannot stand in for itself"),
        (UpdateMarked(**COMMON, update="u"), "verification", "at least one mark"),
        (UpdateMarked(**COMMON, update="u", verification="true"), "verification", "use unverified, verified, disputed, debunked"),
        (EmbargoSet(**COMMON, update="u"), "embargo_until", "is needed"),
        (EmbargoLifted(**COMMON, update="u"), "embargo_until", "is needed"),
    ],
)
def test_what_no_event_may_say_is_named_with_its_place(event: Event, path: str, message: str) -> None:
    found = problems(event)

    assert [problem.path for problem in found] == [path]
    assert message in found[0].message


@pytest.mark.parametrize(
    "event",
    [
        body(Block(text="two\nlines\tand a tab")),
        body(Block(text="\u202emarks of direction\u202c, \u200bspaces of no width, \U0001f680")),
        body(Block(type="quote", text="No speaker")),
        content(sources=(Source(name="NASA"),)),
        content(body=()),
        replace(OPENED, language="zh-Hant-TW", time_zone="Europe/Paris"),
        UpdateKilled(**COMMON, update="u", reason="false", substitute="v"),
    ],
)
def test_what_news_copy_needs_is_allowed(event: Event) -> None:
    assert problems(event) == []


@pytest.mark.parametrize(
    "event",
    [
        replace(OPENED, title=None),  # type: ignore[arg-type]  # here and below: what a caller without types may do
        replace(OPENED, title=13),  # type: ignore[arg-type]
        replace(OPENED, topics="space"),  # type: ignore[arg-type]
        replace(OPENED, topics=["space"]),  # type: ignore[arg-type]
        replace(OPENED, occurred_at="1970-04-14T03:08:20Z"),  # type: ignore[arg-type]
        replace(OPENED, summary=object()),  # type: ignore[arg-type]
        replace(PUBLISHED, urgency=True),
        replace(PUBLISHED, content={"headline": "A problem"}),  # type: ignore[arg-type]
        content(body="Lovell reports."),
    ],
)
def test_values_of_the_wrong_type_are_refused_not_stumbled_over(event: Event) -> None:
    assert len(problems(event)) == 1


def test_an_event_may_have_happened_at_most_an_hour_ahead_of_now() -> None:
    ahead = replace(OPENED, occurred_at=NOW + timedelta(hours=1, microseconds=1))

    assert problems(replace(OPENED, occurred_at=NOW + timedelta(hours=1)), now=NOW) == []
    assert "impossible time" in problems(ahead, now=NOW)[0].message
    assert problems(ahead) == []


@pytest.mark.parametrize(
    ("when", "shown"),
    [
        (datetime(1970, 4, 14, 3, 8), "1970-04-14T03:08:00"),
        (NOW.astimezone(timezone(timedelta(hours=2))), "1970-04-14T05:10:00+02:00"),
        (datetime(1, 1, 1, 0, 0, 0, 5, UTC), "0001-01-01T00:00:00.000005Z"),
    ],
)
def test_a_time_is_shown_as_one_writes_it(when: datetime, shown: str) -> None:
    assert problems(replace(OPENED, occurred_at=when))[0].value == shown


def test_an_impossible_time_is_shown_to_the_second() -> None:
    (problem,) = problems(replace(OPENED, occurred_at=NOW + timedelta(days=1)), now=NOW.replace(microsecond=7))

    assert str(problem).startswith("occurred_at 1970-04-15T03:10:00Z: an impossible time")
    assert "now (1970-04-14T03:10:00Z)" in problem.message


def test_a_refusal_is_one_line_that_names_three_problems_and_counts_the_rest() -> None:
    event = replace(OPENED, story="a b", desk="", title="", language="?", time_zone="Nowhere")

    with pytest.raises(Refused) as refused:
        check(event)

    line = str(refused.value)
    assert line.startswith("story 'a b': holds ' ' (U+0020); write 1 to 200 letters")
    assert line.endswith("; title '': this may not be blank; and 2 more")
    assert "\n" not in line


def test_an_event_that_keeps_the_rules_passes() -> None:
    check(PUBLISHED, now=NOW)


def test_an_image_without_alternative_text_or_credit_is_warned_about() -> None:
    event = content(media=(IMAGE, replace(IMAGE, alt=" ", credit=""), Media(type="audio", uri="https://a.example/b.mp3")))

    lines = warnings(event)

    assert len(lines) == 2
    assert lines[0].startswith("content.media[1] 'https://nasa.example/a.jpg': the image has no alternative text")
    assert warnings(OPENED) == []
