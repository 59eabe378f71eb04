"""Merging: what is given replaces, what is not given stays."""

from __future__ import annotations

from dataclasses import replace

import hypothesis
import pytest

from consumers.state import Heading
from dateline.errors import Refused
from dateline.merging import Picture, as_said, merged, merged_heading, with_picture, without_picture
from producers.options import Said, content_of
from schemas.content import Block, Content, Media, Source
from tests.strategies import contents

LIFTOFF = Media(
    uri="https://nasa.example/liftoff.jpg", caption="Lift-off.", credit="NASA", alt="A rocket.", width=800, height=600
)
CREW = Media(uri="https://nasa.example/crew.jpg", caption="The crew.", credit="NASA", alt="Three men.")
FILM = Media(type="video", uri="https://nasa.example/liftoff.mp4")
CONTENT = Content(
    headline="Lift-off",
    body=(Block(text="At 14:12."),),
    media=(LIFTOFF,),
    sources=(Source("NASA", "official", "https://nasa.example/log"), Source("AP", "agency")),
    places=("Cape Kennedy",),
    tags=("launch",),
)


@hypothesis.given(contents())
def test_giving_nothing_changes_nothing(content: Content) -> None:
    assert merged(content, {}) == content


@hypothesis.given(contents(), contents())
def test_giving_everything_replaces_everything_but_known_addresses(old: Content, new: Content) -> None:
    after = merged(old, as_said(new))

    assert replace(after, sources=()) == replace(new, sources=())
    assert [(one.name, one.kind) for one in after.sources] == [(one.name, one.kind) for one in new.sources]


@hypothesis.given(contents())
def test_a_content_said_as_a_whole_is_that_content(content: Content) -> None:
    assert content_of(as_said(content)) == content


@pytest.mark.parametrize(
    ("said", "part", "value"),
    [
        (Said(headline="Lift-off at 14:13"), "headline", "Lift-off at 14:13"),
        (Said(body="At 14:13."), "body", (Block(text="At 14:13."),)),
        (Said(media=(CREW,)), "media", (CREW,)),
        (Said(places=("Florida",)), "places", ("Florida",)),
        (Said(tags=()), "tags", ()),
    ],
)
def test_one_part_is_replaced_and_the_others_stay(said: Said, part: str, value: object) -> None:
    after = merged(CONTENT, said)

    assert getattr(after, part) == value
    assert replace(after, **{part: getattr(CONTENT, part)}) == CONTENT


def test_a_source_given_again_keeps_its_address() -> None:
    after = merged(CONTENT, {"sources": ["NASA:official", "UPI:agency"]})

    assert after.sources == (Source("NASA", "official", "https://nasa.example/log"), Source("UPI", "agency"))


def test_a_source_of_another_kind_is_another_source() -> None:
    assert merged(CONTENT, {"sources": ["NASA"]}).sources == (Source("NASA"),)


def test_a_mistyped_kind_of_source_is_refused() -> None:
    with pytest.raises(Refused, match="did you mean 'official'"):
        merged(CONTENT, {"sources": ["NASA:oficial"]})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Picture(caption="Up."), replace(LIFTOFF, caption="Up.")),
        (Picture(credit="KSC"), replace(LIFTOFF, credit="KSC")),
        (Picture(alt=""), replace(LIFTOFF, alt="")),
    ],
)
def test_words_alone_change_the_first_picture_and_nothing_else_of_it(given: Picture, expected: Media) -> None:
    assert with_picture((FILM, LIFTOFF, CREW), given) == (FILM, expected, CREW)


def test_another_picture_takes_nothing_over_from_the_one_before() -> None:
    media = with_picture((LIFTOFF, CREW), {"uri": "https://nasa.example/pad.jpg", "alt": "A pad."})

    assert media == (Media(uri="https://nasa.example/pad.jpg", alt="A pad."), CREW)


def test_the_same_picture_given_again_keeps_its_words() -> None:
    assert with_picture((LIFTOFF,), {"uri": LIFTOFF.uri, "credit": "KSC"}) == (replace(LIFTOFF, credit="KSC"),)


def test_a_first_picture_comes_after_what_is_there() -> None:
    assert with_picture((FILM,), {"uri": CREW.uri}) == (FILM, Media(uri=CREW.uri))


def test_words_without_any_picture_belong_to_nothing() -> None:
    assert with_picture((FILM,), {"caption": "Whose?"}) is None


def test_only_the_first_picture_is_taken_out() -> None:
    assert without_picture((FILM, LIFTOFF, CREW)) == (FILM, CREW)
    assert without_picture((FILM,)) == (FILM,)
    assert without_picture((LIFTOFF, LIFTOFF)) == (LIFTOFF,)


def test_a_heading_keeps_the_words_that_are_not_given() -> None:
    heading = Heading("Apollo 13", "To the Moon.", "en", "America/Chicago", ("space",))

    assert merged_heading(heading, {"title": "Apollo 13: the way home"}) == {
        "title": "Apollo 13: the way home",
        "summary": "To the Moon.",
        "language": "en",
        "time_zone": "America/Chicago",
        "topics": ("space",),
    }
