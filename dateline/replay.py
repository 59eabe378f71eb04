"""Builds a generation of a view anew from the log, compares it with the live one, and puts it in its place.

Readers go on reading meanwhile. The build keeps its own cursor, so a replay that was stopped goes on when it is run again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread

from msgspec import Struct

from consumers.generations import POINTERS, Comparison, Generation, Generations, Pointer
from consumers.runner import Runner
from consumers.story import FOLD_VERSION
from dateline.errors import DatelineError, GenerationGone, Refused, StoreUnavailable
from dateline.log.base import Log
from schemas.codec import Codec
from schemas.topics import EVENTS_TOPIC

BATCH = 32
"""Records that one step of a build writes: larger ones gain no speed, since Redis writes while the next is folded, and keep
readers waiting for longer."""

_NEAR = 1000
"""Records that the log may have grown by while it was read; those are caught up with while the stories are compared."""

_BEAT = 0.25
_FLIP_PATIENCE = 30.0
_PATIENCE = 10.0
"""Seconds within which a build that has begun has begun in every partition."""

_NAMED = 5
"""Stories that a refusal names."""

Progress = Callable[[int, int], None]
"""Told how many records the build has seen, and how many there are."""


class Replayed(Struct):
    """What a replay did.

    Attributes:
        generation: What it built.
        records: How many records the log holds.
        read: How many of them this run read; fewer than `records` where it went on with what another had begun.
        seconds: How long the build took.
        compared: Stories that both generations hold at the same record.
        different: Those of them that readers see otherwise now.
        uncompared: Stories of which the two never stood at the same record.
        flipped: Partitions that read the new generation now.
        flip_seconds: How long the flip took, over all of them.
    """

    generation: str
    records: int = 0
    read: int = 0
    seconds: float = 0.0
    compared: int = 0
    different: list[Comparison] = []
    uncompared: list[str] = []
    flipped: int = 0
    flip_seconds: float = 0.0


class Replay:
    """One replay of one view, step by step: `begin`, `build`, then, while it is `following` the log, `compare` and `flip`."""

    def __init__(self, log: Log, generations: Generations, *, codec: Codec) -> None:
        self._log = log
        self._generations = generations
        self._codec = codec
        self._partitions = log.partitions(EVENTS_TOPIC)
        self.result = Replayed("")

    def begin(self, *, check_room: Callable[[], None]) -> str:
        """Find the build to go on with, or begin one; return its name. What was kept to go back to makes room for it.

        Args:
            check_room: Called before anything is dropped for a new one; raises if a second generation has no room.
        """
        log_id = self._log.id(EVENTS_TOPIC)
        standing = {pointer: self._generations.standing(pointer) for pointer in POINTERS}
        name = self._begun(standing, log_id)
        if name is None:
            check_room()
            self._generations.drop("shadow", "previous")
            numbers = [int(re.sub(r"\D", "", one.name) or 0) for found in standing.values() for one in found.values()]
            name = f"g{max(numbers, default=0) + 1}"
        self.result.generation = name
        missing = self._unflipped() - self._generations.standing("shadow").keys()
        if missing:
            self._make(name, missing, log_id)
        return name

    def _make(self, name: str, partitions: set[int], log_id: str) -> None:
        """Begin the build in some partitions, in place of what a drop that was stopped has left of it."""
        self._generations.drop()
        view = self._generations.view("shadow", new=name)
        for partition in sorted(partitions):
            view.claim(partition, log_id=log_id)
        view.reset()

    def _begun(self, standing: Mapping[Pointer, Mapping[int, Generation]], log_id: str) -> str | None:
        """Return the name of a build that can be gone on with: this log's, this fold's, and nowhere gone back from."""
        shadow = standing["shadow"].values()
        names = {one.name for one in shadow}
        left = {one.name for one in standing["previous"].values()}
        fits = all((one.log_id, one.fold_version) == (log_id, FOLD_VERSION) for one in shadow)
        return names.pop() if fits and len(names) == 1 and not names & left else None

    def build(self, *, progress: Progress, stay: Callable[[], None]) -> None:
        """Read the log up to its end, alone or with others that build the same."""
        began = time.monotonic()
        begins, ends = self._log.begin_offsets(EVENTS_TOPIC), self._log.end_offsets(EVENTS_TOPIC)
        started, todo = self._seen(begins), self._unflipped()
        for story in self._generations.parked("shadow"):  # what failed may be mended by now
            self._generations.retry("shadow", story)
        with self._running() as runner:
            while True:
                self.result.records = sum(ends.values()) - sum(begins.values())
                while not runner.run_until({p: ends[p] for p in todo}, deadline=time.monotonic() + _BEAT):
                    stay()
                    progress(self._seen(begins), self.result.records)
                before, ends = ends, self._log.end_offsets(EVENTS_TOPIC)
                if sum(ends[p] - before[p] for p in todo) <= _NEAR:
                    break
        progress(self.result.records, self.result.records)
        self.result.read = self._seen(begins) - started
        self.result.seconds = time.monotonic() - began

    @contextmanager
    def following(self) -> Iterator[Callable[[], None]]:
        """Keep the build at the end of the log for as long as the block runs.

        Yields:
            What raises if it no longer follows.
        """
        failed: list[BaseException] = []
        stopped = Event()

        def follow() -> None:
            try:
                with self._running() as runner:
                    runner.run(stopped=stopped.is_set, timeout=0.02)
            except BaseException as error:
                failed.append(error)

        def check() -> None:
            if failed:
                raise failed[0]

        thread = Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield check
        finally:
            stopped.set()
            thread.join()

    def compare(self, *, check: Callable[[], None]) -> None:
        """Compare what readers see of each story, in every partition that is not flipped yet."""
        for partition in self._unflipped() & self._generations.standing("live").keys():
            for found in self._generations.compare(partition):
                check()
                if found.same is None:
                    self.result.uncompared.append(found.story)
                else:
                    self.result.compared += 1
                if found.same is False:
                    self.result.different.append(found)

    def flip(self, *, home: Callable[[str], int], check: Callable[[], None]) -> None:
        """Put the build in the live one's place, partition by partition, each once it is not behind.

        Args:
            home: Tells a story's partition.

        Raises:
            Refused: Stories could not be built that readers have.
        """
        self._refuse_parked()
        began = time.monotonic()
        changed = [found.story for found in self.result.different] + self.result.uncompared
        for partition in sorted(self._unflipped()):
            reset = [story for story in changed if home(story) == partition]
            self._flip_one(partition, reset, check=check)
            self.result.flipped += 1
        self.result.flip_seconds = time.monotonic() - began

    def _refuse_parked(self) -> None:
        """Refuse to take from readers what could not be built; a story that is parked in the live one too loses nothing."""
        parked = self._generations.parked("shadow")
        lost = sorted(parked.keys() - self._generations.parked("live").keys())
        if lost:
            stories = "1 story" if len(lost) == 1 else f"{len(lost):,} stories"
            names = ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
            raise Refused(
                f"{stories} could not be built: {names} ({parked[lost[0]].error}). Readers keep what they have. Mend the cause "
                "and run the same command again, which tries them again. See: dateline parked list"
            )

    def _flip_one(self, partition: int, reset: Sequence[str], *, check: Callable[[], None]) -> None:
        deadline = time.monotonic() + _FLIP_PATIENCE
        name = self.result.generation
        while (wanted := self._generations.flip(partition, "shadow", name, reset=reset)) is not None:
            while (found := self._generations.standing("shadow").get(partition)) and found.offset < wanted:
                check()
                if time.monotonic() > deadline:
                    what = f"Partition {partition} of {name} does not come up with the live one"
                    raise Refused(f"{what}. Run the same command again; it goes on.")
                time.sleep(0.001)

    def _unflipped(self) -> set[int]:
        live = self._generations.standing("live")
        return {p for p in range(self._partitions) if p not in live or live[p].name != self.result.generation}

    def _seen(self, begins: Mapping[int, int]) -> int:
        """Return how many records the build has seen, those of partitions that are flipped already included."""
        shadow, live = self._generations.standing("shadow"), self._generations.standing("live")
        done = {p: one for p, one in live.items() if one.name == self.result.generation} | dict(shadow)
        return sum(max(0, one.offset - begins[p]) for p, one in done.items())

    @contextmanager
    def _running(self) -> Iterator[Runner]:
        runner = _runner(self._log, self._generations, self._codec, "shadow", self.result.generation)
        try:
            yield runner
        finally:
            runner.close()


def help_build(log: Log, generations: Generations, *, codec: Codec, progress: Progress) -> tuple[str, bool]:
    """Build what another process replays, a share of the partitions, until it is live or was dropped.

    Returns:
        Its name, and whether it is live.

    Raises:
        Refused: Nothing is being built, or not from this log by this fold.
    """
    name = _joinable(log, generations)
    begins, ends = log.begin_offsets(EVENTS_TOPIC), log.end_offsets(EVENTS_TOPIC)
    total = sum(ends.values()) - sum(begins.values())
    runner = _runner(log, generations, codec, "shadow", name)
    try:
        while shadow := generations.standing("shadow"):
            beat = time.monotonic() + _BEAT
            runner.run(stopped=lambda until=beat: time.monotonic() > until, timeout=_BEAT)  # type: ignore[misc]  # a default
            seen = sum(max(0, one.offset - begins[p]) for p, one in shadow.items())
            progress(min(seen, total), total)
    except GenerationGone:
        pass
    finally:
        runner.close()
    live = generations.standing("live")
    return name, bool(live) and all(one.name == name for one in live.values())


def _joinable(log: Log, generations: Generations) -> str:
    """Return the name of what is being built, once it has begun in every partition."""
    deadline, partitions = time.monotonic() + _PATIENCE, log.partitions(EVENTS_TOPIC)
    while time.monotonic() < deadline:
        shadow, live = generations.standing("shadow"), generations.standing("live")
        names = {one.name for one in shadow.values()}
        if not names:
            break
        name = min(names)
        if any((one.log_id, one.fold_version) != (log.id(EVENTS_TOPIC), FOLD_VERSION) for one in shadow.values()):
            raise Refused(f"Generation {name} is being built from another log or by another release; this one cannot help.")
        if len(shadow.keys() | {p for p, one in live.items() if one.name == name}) == partitions:
            return name
        time.sleep(0.01)
    raise Refused("Nothing is being built that could be joined. Begin with: dateline replay timeline")


def roll_back(log: Log, generations: Generations, *, codec: Codec, patience: float) -> tuple[str, int]:
    """Flip back to the generation that was live before, once it has caught up; return its name and how far it was behind.

    One that was stopped on the way is gone on with, and so is a flip that a replay did not finish taken back.

    Raises:
        Refused: There is none, or it was made by another version of the fold.
    """
    previous, live = generations.standing("previous"), generations.standing("live")
    name = target_of(live, previous)
    todo = {p for p in live if live[p].name != name}
    version = previous[min(todo)].fold_version
    if version != FOLD_VERSION:
        raise Refused(
            f"Generation {name} was made by fold version {version}, and this release has {FOLD_VERSION}. "
            "Let the older release roll back, and run it from then on."
        )
    behind = sum(max(0, live[p].offset - previous[p].offset) for p in todo)
    runner = _runner(log, generations, codec, "previous", name)
    deadline = time.monotonic() + patience
    try:
        _reach(runner, {p: live[p].offset for p in todo}, name, deadline)
        for partition in sorted(todo):
            while (wanted := generations.flip(partition, "previous", name)) is not None:
                _reach(runner, {partition: wanted}, name, deadline)
    finally:
        runner.close()
    return name, behind


def target_of(live: Mapping[int, Generation], previous: Mapping[int, Generation]) -> str:
    """Return the name of what can be gone back to everywhere: previous, or live again where a rollback was stopped.

    Partitions are flipped in order, so of two that have changed places the one that is live in the first is the target.
    """
    everywhere = {p: {found[p].name for found in (live, previous) if p in found} for p in live}
    names = set.intersection(*everywhere.values()) if everywhere else set()
    names -= {name for name in names if all(one.name == name for one in live.values())}
    if not names:
        raise Refused("There is no previous generation to go back to. See: dateline generations")
    first = live[min(live)].name
    return first if first in names else names.pop()


def _reach(runner: Runner, ends: Mapping[int, int], name: str, deadline: float) -> None:
    if not runner.run_until(ends, deadline=deadline):
        raise StoreUnavailable(f"Generation {name} did not catch up in time. Run the same command again; it goes on.")


def _runner(log: Log, generations: Generations, codec: Codec, pointer: Pointer, name: str) -> Runner:
    """Return a runner of generation `name`, which lets a partition go where that is live by now."""

    def stopped(partition: int, error: DatelineError) -> None:
        live = generations.standing("live").get(partition)
        if live is None or live.name != name:
            raise error

    view = generations.view(pointer)
    return Runner(log, view, topic=EVENTS_TOPIC, codec=codec, on_stopped=stopped, batch=BATCH)
