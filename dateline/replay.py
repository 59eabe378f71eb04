"""Builds a generation of a view anew from the log, compares it with the live one, and puts it in its place.

Readers go on reading meanwhile. The build keeps its own cursor, so a replay that was stopped goes on when it is run again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from threading import Event, Thread

from msgspec import Struct

from consumers.fit import Extent
from consumers.generations import POINTERS, Comparison, Generation, Generations, Pointer
from consumers.runner import Runner
from consumers.story import FOLD_VERSION
from dateline.errors import DatelineError, GenerationGone, Refused
from dateline.log.base import Log
from dateline.losses import may_lose, refuse_losses, refuse_short_log, refuse_standing_still, standing_still, unequal
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
        parked: Stories that stand still in what readers have now.
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
    parked: list[str] = []
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

    def check_log(self) -> None:
        """See that the log has what the live generation was built from.

        Raises:
            Refused: It has not; a build would be less than what readers have.
        """
        live = self._generations.standing("live")
        refuse_short_log(live, Extent.of(self._log, EVENTS_TOPIC), view=self._generations.view_name)

    def begin(self, *, check_room: Callable[[], None]) -> str:
        """Find the build to go on with, or begin one; return its name. What was kept to go back to makes room for it.

        Args:
            check_room: Called before anything is dropped for a new one; raises if a second generation has no room.
        """
        standing = {pointer: self._generations.standing(pointer) for pointer in POINTERS}
        extent = Extent.of(self._log, EVENTS_TOPIC)
        name = self._begun(standing, extent)
        if name is None:
            check_room()
            self._generations.drop("shadow", "previous")
            numbers = [int(re.sub(r"\D", "", one.name) or 0) for found in standing.values() for one in found.values()]
            name = f"g{max(numbers, default=0) + 1}"
        self.result.generation = name
        missing = self._unflipped() - self._generations.standing("shadow").keys()
        if missing:
            self._make(name, missing, extent)
        return name

    def _make(self, name: str, partitions: set[int], extent: Extent) -> None:
        """Begin the build in some partitions, in place of what a drop that was stopped has left of it."""
        self._generations.drop()
        view = self._generations.view("shadow", new=name, first=extent.begins)
        for partition in sorted(partitions):
            view.claim(partition, log_id=extent.log_id)
        view.reset()

    def _begun(self, standing: Mapping[Pointer, Mapping[int, Generation]], extent: Extent) -> str | None:
        """Return the name of a build that can be gone on with: of this log as it is, by this fold, and nowhere gone back from."""
        names = {one.name for one in standing["shadow"].values()}
        left = {one.name for one in standing["previous"].values()}
        fits = all(_can_go_on(one, extent, partition) for partition, one in standing["shadow"].items())
        return names.pop() if fits and len(names) == 1 and not names & left else None

    def build(self, *, progress: Progress, stay: Callable[[], None]) -> None:
        """Read the log up to its end, alone or with others that build the same."""
        began = time.monotonic()
        begins, ends = self._log.begin_offsets(EVENTS_TOPIC), self._log.end_offsets(EVENTS_TOPIC)
        started, todo = self._seen(begins), self._unflipped()
        for story in self._generations.parked("shadow"):  # what failed may be mended by now
            self._generations.retry("shadow", story)
        with closing(self._runner()) as runner:
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
                with closing(self._runner()) as runner:
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
        compared = self._unflipped() & self._generations.standing("live").keys()
        unlike = self._unequal(compared, check=check)
        self.result.compared += len(unlike)
        self.result.different += unlike.values()
        for partition in compared:
            for found in self._generations.compare(partition, but=unlike):
                check()
                if found.same is None:
                    self.result.uncompared.append(found.story)
                else:
                    self.result.compared += 1
                if found.same is False:
                    self.result.different.append(found)
        self._count_again()

    def _unequal(self, compared: set[int], *, check: Callable[[], None]) -> dict[str, Comparison]:
        """Return the stories that never come to stand at one record, since the two are built from other records."""
        live = self._generations.standing("live")
        extent = Extent.of(self._log, EVENTS_TOPIC)
        apart = {partition for partition in compared if may_lose(live[partition], extent, partition)}
        if not apart:
            return {}
        theirs = self._seqs("live", apart)
        live = self._generations.standing("live")
        for partition in apart:
            seen = live[partition].offset if live[partition].log_id == extent.log_id else 0
            self._wait_for(partition, min(seen, extent.ends[partition]), check=check)
        return unequal(theirs, self._seqs("shadow", range(self._partitions)))  # another log may have a story elsewhere

    def _seqs(self, pointer: Pointer, partitions: Iterable[int]) -> dict[str, int]:
        return {story: seq for partition in partitions for story, seq in self._generations.seqs(pointer, partition).items()}

    def flip(self, *, home: Callable[[str], int], check: Callable[[], None], accept_loss: bool = False) -> None:
        """Put the build in the live one's place, partition by partition, each once it is not behind.

        Args:
            home: Tells a story's partition.
            accept_loss: Whether readers may lose something by it.

        Raises:
            Refused: Readers would lose stories, or what comes later of them.
        """
        if not accept_loss:
            view = self._generations.view_name
            refuse_standing_still(standing_still(self._generations, "shadow"), "shadow", view=view)
            lost = [one for one in self.result.different if one.is_lost]
            refuse_losses(self.result.generation, lost, Extent.of(self._log, EVENTS_TOPIC), view=view)
        began = time.monotonic()
        changed = [found.story for found in self.result.different] + self.result.uncompared
        for partition in sorted(self._unflipped()):
            reset = [story for story in changed if home(story) == partition]
            self._flip_one(partition, reset, check=check)
            self.result.flipped += 1
        self.result.flip_seconds = time.monotonic() - began
        self._count_again()
        self.result.parked = sorted(self._generations.parked("live"))

    def _flip_one(self, partition: int, reset: Sequence[str], *, check: Callable[[], None]) -> None:
        name, enough = self.result.generation, self._enough(partition)
        while (wanted := self._generations.flip(partition, "shadow", name, reset=reset, enough=enough)) is not None:
            self._wait_for(partition, wanted, check=check)

    def _enough(self, partition: int) -> int | None:
        """Return where the log ends, if the live generation has seen more: what is past the end nobody can come up with."""
        live = self._generations.standing("live").get(partition)
        end = self._log.end_offsets(EVENTS_TOPIC)[partition]
        return end if live is not None and live.log_id == self._log.id(EVENTS_TOPIC) and live.offset > end else None

    def _wait_for(self, partition: int, wanted: int, *, check: Callable[[], None]) -> None:
        """Wait until the build has come to an offset."""
        deadline = time.monotonic() + _FLIP_PATIENCE
        while (found := self._generations.standing("shadow").get(partition)) and found.offset < wanted:
            check()
            if time.monotonic() > deadline:
                what = f"Partition {partition} of {self.result.generation} does not come up with the live one"
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

    def _count_again(self) -> None:
        """Count what it has caught up with since it came to the end of the log."""
        caught_up = self._seen(self._log.begin_offsets(EVENTS_TOPIC)) - self.result.records
        if caught_up > 0:
            self.result.records += caught_up
            self.result.read += caught_up

    def _runner(self) -> Runner:
        names = dict.fromkeys(range(self._partitions), self.result.generation)
        return runner_of(self._log, self._generations, "shadow", names, codec=self._codec)


def _can_go_on(one: Generation, extent: Extent, partition: int) -> bool:
    is_ours = (one.log_id, one.fold_version, one.torn) == (extent.log_id, FOLD_VERSION, "")
    return is_ours and one.first <= extent.begins[partition] <= one.offset <= extent.ends[partition]


def help_build(log: Log, generations: Generations, *, codec: Codec, progress: Progress) -> tuple[str, bool]:
    """Build what another process replays, a share of the partitions, until it is live or was dropped.

    Returns:
        Its name, and whether it is live.

    Raises:
        Refused: Nothing is being built, or not from this log by this fold.
    """
    name = _joinable(log, generations)
    names = dict.fromkeys(range(log.partitions(EVENTS_TOPIC)), name)
    begins, ends = log.begin_offsets(EVENTS_TOPIC), log.end_offsets(EVENTS_TOPIC)
    total = sum(ends.values()) - sum(begins.values())
    with suppress(GenerationGone), closing(runner_of(log, generations, "shadow", names, codec=codec)) as runner:
        while shadow := generations.standing("shadow"):
            beat = time.monotonic() + _BEAT
            runner.run(stopped=lambda until=beat: time.monotonic() > until, timeout=_BEAT)  # type: ignore[misc]  # a default
            seen = sum(max(0, one.offset - begins[p]) for p, one in shadow.items())
            progress(min(seen, total), total)
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
    raise Refused(f"Nothing is being built that could be joined. Begin with: dateline replay {generations.view_name}")


def runner_of(log: Log, generations: Generations, pointer: Pointer, names: Mapping[int, str], *, codec: Codec) -> Runner:
    """Return a runner of the generations `names`, which lets a partition go where its own is live; the caller closes it."""

    def stopped(partition: int, error: DatelineError) -> None:
        live = generations.standing("live").get(partition)
        if live is None or live.name != names.get(partition):
            raise error

    view = generations.view(pointer)
    return Runner(log, view, topic=EVENTS_TOPIC, codec=codec, on_stopped=stopped, batch=BATCH)
