"""Changes as the frames of an event stream, and the ring that holds a story's last ones, each encoded once for all who listen."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from consumers.state import Change
from consumers.timeline.answers import PublicChange, change_json

MOST_FRAMES = 2000
MOST_BYTES = 1024 * 1024
AT_ONCE = 256 * 1024
"""Bytes after which a client has to take what it was given before it gets more of what it has missed."""


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


def come_back(spread: float) -> bytes:
    """Return what tells a client to come back, each at another time within so many seconds. No event: its line ends, not more."""
    return b"retry: %d\n" % random.randint(500, 500 + int(spread * 1000))


LOST = b"event: lost\ndata: {}\n\n"
"""Tells a client that the view cannot be followed for now: what it shows may be old, and its connection does not show that."""

REGAINED = b"event: regained\ndata: {}\n\n"


class Ring:
    """A story's last changes in order, none missing between `begin` and `seq`.

    Attributes:
        begin: Every change after this `seq` is here.
        seq: Of the last change that is known.
        anew: Where the story was begun anew: who has less than this, or just this, may hold what is not so any more. -1 if never.
    """

    def __init__(self, seq: int, *, most_frames: int = MOST_FRAMES, most_bytes: int = MOST_BYTES) -> None:
        self.begin = self.seq = seq
        self.anew = -1
        self._frames: list[Frame] = []
        self._size_bytes = 0
        self._most_frames = most_frames
        self._most_bytes = most_bytes

    def extend(self, changes: Iterable[PublicChange]) -> None:
        """Add changes; those that are known are left out. What told of an update that is gone now tells nothing of it any more.

        A change that does not follow on the last that is known shows that one was missed: the ring begins anew after them.
        """
        added = [one for one in changes if one.change.seq > self.seq]
        if not added:
            return
        if added[0].change.after != self.seq:
            self.begin_anew(added[-1].change.seq)
            return
        frames = [frame_of(one) for one in added]
        self._frames += frames
        self._size_bytes += sum(len(one.data) for one in frames)
        self.seq = added[-1].change.seq
        self._purge(added)
        self._forget()

    def since(self, seq: int, *, most_bytes: int = AT_ONCE) -> tuple[bytes, int] | None:
        """Return the frames after `seq`, up to about so many bytes and at least one, and the `seq` of the last of them.

        None where the ring does not reach back so far.
        """
        if seq < self.begin:
            return None
        found, size, last = [], 0, max(seq, self.seq)
        for frame in self._frames[bisect_right(self._frames, seq, key=_seq) :]:
            found.append(frame.data)
            size += len(frame.data)
            if size >= most_bytes:
                last = frame.change.seq
                break
        return b"".join(found), last

    def begin_anew(self, seq: int) -> None:
        """Forget everything: what was told is not so any more."""
        self._frames.clear()
        self._size_bytes = 0
        self.begin = self.seq = self.anew = seq

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def _purge(self, added: Iterable[PublicChange]) -> None:
        gone = {one.change.update: one.change.seq for one in added if one.change.kind in ("killed", "withheld")}
        if not gone:
            return
        self._frames = [_emptied(one) if one.change.seq <= gone.get(one.change.update, -1) else one for one in self._frames]
        self._size_bytes = sum(len(one.data) for one in self._frames)

    def _forget(self) -> None:
        """Forget the oldest until the rest is within bounds; a change too large for them is not kept at all."""
        start = max(0, len(self._frames) - self._most_frames)
        size = self._size_bytes - sum(len(one.data) for one in self._frames[:start])
        while size > self._most_bytes:
            size -= len(self._frames[start].data)
            start += 1
        if start:
            self.begin = self._frames[start - 1].change.seq
            del self._frames[:start]
            self._size_bytes = size


def _seq(frame: Frame) -> int:
    return frame.change.seq


def _emptied(frame: Frame) -> Frame:
    """Return the frame as Redis tells the change once its update is gone: no document, no note."""
    return frame_of(PublicChange(replace(frame.change, note=None), None))
