"""Changes as the frames of an event stream, and the ring that holds a story's last ones, each encoded once for all who listen."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from consumers.state import Change
from consumers.timeline.answers import PublicChange, change_json

MOST_FRAMES = 2000
MOST_BYTES = 4 * 1024 * 1024


class Frame(Struct, frozen=True, gc=False):
    """One change as it goes over the wire.

    Attributes:
        change: What it tells, without its update's document.
        data: `id`, `event` and `data` lines, and the empty line that ends them.
    """

    change: Change
    data: bytes


def frame_of(public: PublicChange) -> Frame:
    """Return the frame that tells a change."""
    change = public.change
    data = b"id: %d\nevent: %s\ndata: %s\n\n" % (change.seq, change.kind.encode(), change_json(public))
    return Frame(change, data)


def reset_frame(seq: int) -> bytes:
    """Return what tells a client that what it has is not what the story is: to read it anew, and to go on after `seq`."""
    return b'id: %d\nevent: reset\ndata: {"seq":%d}\n\n' % (seq, seq)


LOST = b"event: lost\ndata: {}\n\n"
"""Tells a client that the view cannot be followed for now: what it shows may be old, and its connection does not show that."""

REGAINED = b"event: regained\ndata: {}\n\n"


class Ring:
    """A story's last changes in order, none missing between `begin` and `seq`.

    Attributes:
        begin: Every change after this `seq` is here.
        seq: Of the last change that is known.
    """

    def __init__(self, seq: int, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES) -> None:
        self.begin = self.seq = seq
        self._frames: list[Frame] = []
        self._size_bytes = 0
        self._most_frames = most_frames
        self._most_bytes = most_bytes

    def extend(self, changes: Iterable[PublicChange]) -> bytes:
        """Add changes and return their frames. What told of an update that is gone now tells nothing of it any more."""
        added = [frame_of(one) for one in changes if one.change.seq > self.seq]
        self._purge({one.change.update for one in added if one.change.kind in ("killed", "withheld")})
        self._frames += added
        self._size_bytes += sum(len(one.data) for one in added)
        if added:
            self.seq = added[-1].change.seq
        self._forget()
        return b"".join(one.data for one in added)

    def since(self, seq: int) -> bytes | None:
        """Return the frames after `seq`; None where the ring does not reach back so far."""
        if seq < self.begin:
            return None
        start = bisect_right(self._frames, seq, key=_seq)
        return b"".join(one.data for one in self._frames[start:])

    def begin_anew(self, seq: int) -> None:
        """Forget everything: what was told is not so any more."""
        self._frames.clear()
        self._size_bytes = 0
        self.begin = self.seq = seq

    def _purge(self, gone: set[str | None]) -> None:
        if not gone:
            return
        self._frames = [_emptied(one) if one.change.update in gone else one for one in self._frames]
        self._size_bytes = sum(len(one.data) for one in self._frames)

    def _forget(self) -> None:
        kept: Sequence[Frame] = self._frames
        start, size = max(0, len(kept) - self._most_frames), self._size_bytes
        size -= sum(len(one.data) for one in kept[:start])
        while size > self._most_bytes:
            size -= len(kept[start].data)
            start += 1
        if start:
            self.begin = kept[start - 1].change.seq
            self._frames = list(kept[start:])
            self._size_bytes = size


def _seq(frame: Frame) -> int:
    return frame.change.seq


def _emptied(frame: Frame) -> Frame:
    """Return the frame as Redis tells the change once its update is gone: no document, no note."""
    return frame_of(PublicChange(replace(frame.change, note=None), None))
