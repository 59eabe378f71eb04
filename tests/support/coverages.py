"""Coverages for tests of what is made of them, and texts that mean harm."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hypothesis import strategies as st
from msgspec.structs import replace

from consumers.state import Correction, Heading, Story
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage, Gone
from consumers.web.links import Links
from schemas.content import Block, Media, Source
from schemas.times import to_ms

STORY: Final = "apollo-13"
LINKS: Final = Links("https://live.example.org")
START: Final = datetime(1970, 4, 14, 3, 8, 20, tzinfo=UTC)


def shown(update: str = "a-problem", **fields: Any) -> Shown:  # Any: an update's fields
    """Return an update as a reader gets it; what is not given is quiet."""
    plain: dict[str, Any] = {  # Any: as above
        "id": update,
        "story": STORY,
        "seq": 2,
        "revision": 1,
        "headline": f"About {update}",
        "body": (Block(text=f"It is **{update}**."),),
        "media": (),
        "sources": (),
        "places": (),
        "tags": (),
        "urgency": 5,
        "key_event": False,
        "pinned": False,
        "verification": None,
        "from_story": None,
        "published_at": START,
        "updated_at": START,
        "corrections": (),
    }
    return Shown(**(plain | fields))


def corrected() -> Shown:
    """Return an update that has everything, and was put right twice."""
    times = [START + timedelta(minutes=minutes) for minutes in (5, 9)]
    return shown(
        "a-problem",
        seq=7,
        revision=3,
        headline="A problem aboard & about",
        body=(
            Block(text="Lovell: *Houston*, [we](https://example.org/?a=1&b=2) <have> had a problem."),
            Block(type="heading", text="What was said"),
            Block(type="quote", text="OK, Houston.", speaker="Jack Swigert"),
            Block(type="list", items=("Oxygen tank 2", "Main B undervolt")),
            Block(type="embed", uri="https://video.example/1", text="The loop"),
        ),
        media=(Media("image", "https://images.example/é.jpg", "The _crew_", "NASA", "Three men", 640, 480),),
        sources=(Source("NASA", "official", "https://nasa.example/"), Source("A listener", "eyewitness")),
        places=("Houston",),
        tags=("space",),
        urgency=1,
        key_event=True,
        verification="disputed",
        updated_at=times[1],
        corrections=(
            Correction(2, "The time was wrong.", "minor", times[0]),
            Correction(3, "It was tank 2, not tank 1.", "substantive", times[1]),
        ),
    )


def coverage_of(updates: Sequence[Shown], *, gone: Sequence[Gone] = (), next: str | None = None, **heading: Any) -> Coverage:
    """Return a coverage of Apollo 13.

    Args:
        heading: What differs from an open story in English.
    """
    plain = Heading("Apollo 13", summary="To the Moon & back", topics=("space",), opened_at=START)
    story = Story(STORY, replace(plain, **heading), seq=9, recorded_at=to_ms(START))
    places = list(range(len(updates), 0, -1))
    return Coverage(story, 9, "g1", updates, places, gone, next)


def apollo() -> Coverage:
    """Return a coverage with an update that was put right, a quiet one, one that was killed and one that is withheld."""
    quiet = shown("launch", seq=1, published_at=START - timedelta(days=3), updated_at=START - timedelta(days=3))
    killed = Gone("rumour", "killed", 9, START + timedelta(minutes=30), 4)
    withheld = Gone("doubt", "withheld", 8, START + timedelta(minutes=20), 5)
    return coverage_of([quiet, corrected()], gone=[killed, withheld])


HOSTILE: Final = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    "]]>",
    "<![CDATA[ x ]]>",
    "<!-- --> <!DOCTYPE x [<!ENTITY y 'z'>]> &y; &lt;b&gt; &#0; &#x1F;",
    "</content></entry></feed>",
    "</textarea></title></style></script><b>",
    '[click](javascript:alert(1)) [click](https://ok.example/"onclick=alert(1)) [d](data:text/html,<b>)',
    "[x](https://[bad/) [y](mailto:a@b.example?x=\"&'<>)",
    "**<b>bold</b>** _<i>_ [<b>](https://ok.example/<b>)",
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200f",
    "\ud800 \udfff \ufffe \uffff \U0001fffe \ufdd0",
    "\x00\x01\x08\x0b\x0c\x1b[31m\x7f\x85\x9f\r\n\r",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "https://user:pw@ok.example/?q=<b>&x='\"",
    "%s {} {0.__class__} {{7*7}} ${x} #{x}",
)


def hostile_texts() -> st.SearchStrategy[str]:
    """Texts that mean harm, alone and in the middle of anything at all."""
    anything = st.text(st.characters(), max_size=20)  # half characters and noncharacters are among them
    return st.builds("{}{}{}".format, anything, st.sampled_from(HOSTILE), anything) | anything


def hostile_updates() -> st.SearchStrategy[Shown]:
    """Updates all of whose fields mean harm, also those that the rules for events would not let through."""
    text = hostile_texts()
    texts = st.lists(text, max_size=2).map(tuple)
    kinds = st.sampled_from(("paragraph", "quote", "heading", "list", "embed", "of-a-later-release"))
    block = st.builds(Block, type=kinds, text=text, speaker=st.none() | text, items=texts, uri=st.none() | text)
    media_kinds = st.sampled_from(("image", "video", "audio", "of-a-later-release"))
    size = st.none() | st.integers(0, 2**31 - 1)
    media = st.builds(Media, type=media_kinds, uri=text, caption=text, credit=text, alt=text, width=size, height=size)
    correction = st.builds(Correction, revision=st.integers(1, 9), note=text, severity=text, corrected_at=st.just(START))
    return st.builds(
        shown,
        text,
        story=text,
        headline=text,
        body=st.lists(block, max_size=4).map(tuple),
        media=st.lists(media, max_size=2).map(tuple),
        sources=st.lists(st.builds(Source, name=text, kind=text, uri=st.none() | text), max_size=2).map(tuple),
        places=texts,
        tags=texts,
        verification=st.none() | text,
        from_story=st.none() | text,
        corrections=st.lists(correction, max_size=2).map(tuple),
    )


def hostile_coverages() -> st.SearchStrategy[Coverage]:
    text = hostile_texts()
    gone = st.builds(Gone, update=text, kind=text, seq=st.just(9), at=st.just(START), published_seq=st.just(1))
    return st.builds(
        coverage_of,
        st.lists(hostile_updates(), max_size=3),
        gone=st.lists(gone, max_size=2),
        title=text,
        summary=text,
        language=text,
        topics=st.lists(text, max_size=2).map(tuple),
    )
