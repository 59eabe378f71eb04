"""The laws of the ring: what it gives after a `seq` is all there was, in order, or nothing; what was recalled is gone."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from consumers.state import Change
from consumers.timeline.answers import PublicChange
from consumers.web.frames import Frame, Ring, frame_of

MOMENT = datetime(1970, 4, 14, tzinfo=UTC)
UPDATES = ("a", "b", "c")
KINDS = ("published", "revised", "corrected", "withheld", "released", "killed", "marked")

Acts = list[tuple[str, str, int, int]]


def change(seq: int, after: int, kind: str = "published", update: str = "a", size: int = 10) -> PublicChange:
    """A change whose document and note name their update, so that they can be looked for."""
    is_gone = kind in ("killed", "withheld")
    note = None if is_gone else f"note of {update}"
    about = Change(seq, after, kind, update, 1, note, None, MOMENT, seq)
    return PublicChange(about, None if is_gone else b'{"text":"words of %s %s"}' % (update.encode(), b"x" * size))


class Story:
    """What was told, and a ring that was told it."""

    def __init__(self, *, most_frames: int = 8, most_bytes: int = 2000) -> None:
        self.told: list[PublicChange] = []
        self.ring = Ring(0, most_frames=most_frames, most_bytes=most_bytes)

    def tell(self, acts: Acts) -> None:
        """Tell changes at once, each `step` records after the one before; what an update said goes with it."""
        batch: list[PublicChange] = []
        for kind, update, size, step in acts:
            after = batch[-1].change.seq if batch else self.ring.seq
            batch.append(change(after + step, after, kind, update, size))
        self.ring.extend(batch)
        self.told = [self._now(one, batch) for one in [*self.told, *batch]]

    def begin_anew(self, seq: int) -> None:
        self.ring.begin_anew(seq)
        self.told = []

    def since(self, seq: int) -> list[bytes]:
        return [frame_of(one).data for one in self.told if one.change.seq > seq]

    def _now(self, one: PublicChange, batch: list[PublicChange]) -> PublicChange:
        told = one.change
        for gone in (each.change for each in batch if each.change.kind in ("killed", "withheld")):
            if gone.update == told.update and told.seq <= gone.seq:
                return PublicChange(replace(told, note=None), None)
        return one


def read(ring: Ring, seq: int, *, most_bytes: int) -> bytes | None:
    """Read page by page up to the end, as a client does."""
    found = b""
    while True:
        page = ring.since(seq, most_bytes=most_bytes)
        if page is None:
            return None
        found += page[0]
        if page[1] >= ring.seq:
            return found
        assert page[1] > seq
        seq = page[1]


acts = st.lists(
    st.tuples(st.sampled_from(KINDS), st.sampled_from(UPDATES), st.integers(0, 1500), st.integers(1, 3)), min_size=1, max_size=6
)
doings = st.lists(st.one_of(acts, st.integers(0, 30)), max_size=10)


@given(doings, st.integers(0, 60), st.integers(1, 3000))
def test_since_gives_exactly_the_changes_after_it_in_order_or_nothing(done: list[Acts | int], seq: int, page: int) -> None:
    story = Story()
    for one in done:
        if isinstance(one, int):
            story.begin_anew(one)
        else:
            story.tell(one)

    found = read(story.ring, seq, most_bytes=page)

    assert (found is None) == (seq < story.ring.begin)
    if found is not None:
        assert found == b"".join(story.since(seq))


@given(doings, st.sampled_from(UPDATES))
def test_after_a_kill_no_byte_of_what_it_said_is_left(done: list[Acts | int], killed: str) -> None:
    story = Story(most_frames=100, most_bytes=100_000)
    for one in done:
        if isinstance(one, int):
            story.begin_anew(one)
        else:
            story.tell(one)

    story.tell([("killed", killed, 0, 1)])

    left = read(story.ring, story.ring.begin, most_bytes=1 << 20)
    assert left is not None
    assert f"words of {killed}".encode() not in left
    assert f"note of {killed}".encode() not in left


@given(doings)
def test_a_ring_is_bounded_and_counts_right(done: list[Acts | int]) -> None:
    story = Story()
    for one in done:
        if isinstance(one, int):
            story.begin_anew(one)
        else:
            story.tell(one)

        held = read(story.ring, story.ring.begin, most_bytes=1 << 20)
        assert held is not None
        assert len(held) == story.ring.size_bytes <= 2000
        assert held.count(b"\n\n") <= 8


def test_a_kill_in_the_very_batch_of_its_publication_leaves_nothing() -> None:
    ring = Ring(0)

    ring.extend([change(1, 0), change(2, 1, "killed")])

    assert ring.since(0) == (frame_of(_bare(change(1, 0))).data + frame_of(change(2, 1, "killed")).data, 2)


def test_a_change_that_does_not_follow_on_the_last_begins_the_ring_anew() -> None:
    ring = Ring(3)
    ring.extend([change(4, 3)])

    ring.extend([change(7, 6)])

    assert (ring.begin, ring.seq, ring.anew) == (7, 7, 7)
    assert ring.since(4) is None


def test_what_is_known_is_not_taken_in_twice() -> None:
    ring = Ring(0)
    ring.extend([change(1, 0), change(2, 1)])

    ring.extend([change(1, 0), change(2, 1), change(3, 2)])

    assert ring.since(0) == (b"".join(frame_of(change(n, n - 1)).data for n in (1, 2, 3)), 3)


def test_a_client_that_has_read_further_than_the_ring_keeps_its_place() -> None:
    ring = Ring(3)

    assert ring.since(5) == (b"", 5)


def test_a_page_holds_at_least_one_change_however_large() -> None:
    ring = Ring(0)
    ring.extend([change(1, 0, size=5000), change(2, 1)])

    assert ring.since(0, most_bytes=10) == (frame_of(change(1, 0, size=5000)).data, 1)


def _bare(one: PublicChange) -> PublicChange:
    return PublicChange(replace(one.change, note=None), None)


def test_a_frame_is_one_event_of_three_lines() -> None:
    frame: Frame = frame_of(change(7, 5, "killed"))

    lines = frame.data.decode().split("\n")

    assert lines[:2] == ["id: 7", "event: killed"]
    assert lines[2].startswith('data: {"seq":7,"after":5,"kind":"killed","update":"a"')
    assert lines[3:] == ["", ""]
