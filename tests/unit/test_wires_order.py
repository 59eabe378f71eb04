"""Wire copy through the fold: late, twice, out of order, with gaps; what readers have in the end is the same."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from consumers.intake import fingerprint
from consumers.state import Entry, Incoming, State, Update
from consumers.story import fold, new_story
from producers.wires.events import Known
from tests.support.wires import meant, newsml, rss

CORRECTING = frozenset((3, 24))
VERSIONS = (1, 2, 3, 24)


def document(version: int, *, killed: bool = False) -> bytes:
    meta = '<edNote>Corrects it</edNote><signal qcode="sig:correction"/>' if version in CORRECTING else ""
    return newsml(version, headline=f"Version {version}", meta=meta, status="stat:canceled" if killed else "stat:usable")


def folded(documents: Sequence[bytes]) -> Update | None:
    """Return the update after these documents, read one by one."""
    story, update, known = new_story("bridge"), None, None
    entries: dict[str, Entry] = {}
    for offset, data in enumerate(documents):
        found = meant(data, known)
        known = found.known
        assert isinstance(known, Known)
        for event in found.events:
            said = fingerprint(event)
            outcome = fold(State(story, update, entries.get(event.event_id)), Incoming("bridge", offset, 0, event, said))
            story, update = outcome.story, outcome.update
            if outcome.verdict is not None:
                entries.setdefault(event.event_id, Entry(said, event.update, outcome.verdict))
    return update


ORDERS = st.permutations(VERSIONS).flatmap(
    lambda order: st.lists(st.sampled_from(VERSIONS), max_size=4).map(lambda again: [*order, *again])
)


@settings(deadline=None)
@given(ORDERS)
def test_the_highest_version_is_shown_whatever_the_order_and_however_often(order: list[int]) -> None:
    update = folded([document(version) for version in order])

    assert update is not None
    assert (update.content.headline, update.version, update.is_public) == ("Version 24", 24, True)
    assert update.corrections[-1].note == "Corrects it"


@settings(deadline=None)
@given(ORDERS, st.integers(0, 8))
def test_a_cancel_holds_wherever_it_comes(order: list[int], at: int) -> None:
    documents = [document(version) for version in order]
    documents.insert(min(at, len(documents)), document(2, killed=True))

    update = folded(documents)

    assert update is not None
    assert update.killed_at is not None
    assert not update.words


@settings(deadline=None)
@given(st.permutations([(1, "stat:usable"), (2, "stat:withheld"), (3, "stat:usable")]))
def test_what_the_wire_released_is_public_and_what_it_still_holds_is_not(order: list[tuple[int, str]]) -> None:
    documents = [newsml(version, status=status, headline=f"Version {version}") for version, status in order]

    released = folded(documents)
    held = folded([one for one, (version, _) in zip(documents, order, strict=True) if version < 3])

    assert released is not None
    assert (released.is_public, released.content.headline) == (True, "Version 3")
    assert held is not None
    assert not held.is_public


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2), st.booleans()), min_size=1, max_size=8))
def test_the_last_that_a_feed_says_of_an_entry_is_shown_however_it_dates_its_edits(edits: list[tuple[str, int, bool]]) -> None:
    minute, documents = 0, []
    for words, later, is_dated in edits:
        minute += later
        date = f"<pubDate>Mon, 02 Mar 2026 06:{minute:02}:00 GMT</pubDate>" if is_dated else ""
        documents.append(rss(f"<guid>1</guid><title>{words}</title>{date}"))

    update = folded(documents)

    assert update is not None
    assert update.content.headline == edits[-1][0]
