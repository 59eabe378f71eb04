"""`make chaos`: kill -9 of the consumer at random moments while events flow; each time the view is what the log says.

The short form of this law is `tests/integration/test_chaos.py`.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from consumers.timeline.audit import Auditor
from consumers.timeline.reader import TimelineReader
from dateline.log import open_log
from dateline.log.base import Log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE

STORIES = 40


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kills", type=int, default=200)
    arguments.add_argument("--events", type=int, default=20_000)
    arguments.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    given = arguments.parse_args()
    print(f"seed {given.seed}: {given.kills} kills while {given.events:,} events are published")
    start = time.monotonic()
    with TemporaryDirectory() as folder:
        moved = kill_consumers(Path(folder), kills=given.kills, events=given.events, seed=given.seed)
    print(
        f"{given.kills} of {given.kills} times the view was what the log said, no update twice; {moved} of the kills came while "
        f"the cursor moved ({time.monotonic() - start:.0f} s)"
    )


def kill_consumers(folder: Path, *, kills: int, events: int, seed: int) -> int:
    """Kill a consumer `kills` times at random moments while `events` events are published, and compare after each.

    Returns:
        How many kills came when the consumer had moved the cursor and was not done yet.
    """
    dice = random.Random(seed)
    moved = 0
    private = PrivateRedis(folder)
    with private, open_log(f"sqlite:///{folder}/log.db") as log:
        store = Store(private.url)
        reader = TimelineReader(store, partitions=log.partitions(EVENTS_TOPIC))
        auditor = Auditor(log, store, topic=EVENTS_TOPIC, codec=committed_codec())
        with _publishing(log, events=events, bursts=2 * kills, seed=seed) as next_burst:
            for kill in range(kills):
                before = _cursor(reader)
                next_burst.set()
                with _consumer(folder) as consumer:
                    _wait_until_it_works(reader, before)
                    next_burst.set()
                    time.sleep(dice.uniform(0, 0.04))
                    consumer.send_signal(signal.SIGKILL)
                _compare(auditor, f"after kill {kill + 1} (seed {seed})")
                moved += before < _cursor(reader) < sum(log.end_offsets(EVENTS_TOPIC).values())
        _finish(folder, log, reader)
        _compare(auditor, f"at the end (seed {seed})")
        _no_update_twice(reader)
        store.close()
    private.wait_gone()
    return moved


@contextmanager
def _publishing(log: Log, *, events: int, bursts: int, seed: int) -> Iterator[threading.Event]:
    """Publish a share of the events at each signal, in the background; all of them before it ends."""
    signalled = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            desks = _Desks(log, seed)
            for burst in range(bursts):
                signalled.wait(30)
                signalled.clear()
                for _ in range(events * (burst + 1) // bursts - desks.said):
                    desks.say_something()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield signalled
    while thread.is_alive():
        signalled.set()
        thread.join(0.1)
    if failed:
        raise failed[0]


class _Desks:
    """Says what desks say: mostly new copy, then everything else, some of it twice, some of it wrong."""

    def __init__(self, log: Log, seed: int) -> None:
        self._desk = Desk(log, name="houston")
        self._dice = random.Random(seed + 1)
        self._updates: list[tuple[str, str]] = []
        self.said = 0

    def say_something(self) -> None:
        self.said += 1
        story = f"story-{self._dice.randrange(STORIES)}"
        if not self._updates or self._dice.random() < 0.6:
            receipt = self._desk.publish(story, headline=f"Update {self.said}", body="Text. " * self._dice.randrange(40))
            self._updates.append((story, receipt.update or ""))
            return
        story, update = self._dice.choice(self._updates)
        act = self._dice.choice(["correct", "correct", "revise", "withhold", "release", "kill", "mark", "again"])
        desk = self._desk
        if act == "correct":
            desk.correct(story, update, note="It was wrong.", headline=f"Corrected {self.said}", body="Better text.")
        elif act == "revise":
            desk.revise(story, update, headline=f"Revised {self.said}", body="More text.", expects=self._dice.randrange(1, 3))
        elif act == "withhold":
            desk.withhold(story, update, reason="in doubt")
        elif act == "release":
            desk.release(story, update)
        elif act == "kill" and self._dice.random() < 0.2:
            desk.kill(story, update, reason="false")
        elif act == "mark":
            desk.mark(story, update, key_event=self._dice.random() < 0.5, pinned=self._dice.random() < 0.1)
        else:
            desk.publish(story, update=update, headline="Once more", idempotency_key=f"again {update}")


@contextmanager
def _consumer(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "DATELINE_DATA": str(folder)}
    with subprocess.Popen([DATELINE, "consume", "timeline"], env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def _wait_until_it_works(reader: TimelineReader, before: int) -> None:
    """Wait until the consumer moves the cursor."""
    deadline = time.monotonic() + 30
    while _cursor(reader) == before:
        assert time.monotonic() < deadline, "the consumer does nothing"
        time.sleep(0.001)


def _cursor(reader: TimelineReader) -> int:
    return sum(position.offset for position in reader.positions())


def _compare(auditor: Auditor, when: str) -> None:
    found = auditor.audit()
    assert not found.differences, f"{when}: {found.differences[:5]}"


def _finish(folder: Path, log: Log, reader: TimelineReader) -> None:
    """Let a consumer come to the end of the log."""
    end = sum(log.end_offsets(EVENTS_TOPIC).values())
    deadline = time.monotonic() + 60
    with _consumer(folder):
        while _cursor(reader) < end:
            assert time.monotonic() < deadline, f"the view stands at {_cursor(reader)} of {end}"
            time.sleep(0.01)


def _no_update_twice(reader: TimelineReader) -> None:
    """Each update is published to readers once, and stands in its timeline once."""
    for listed in reader.stories():
        story, published, since = listed.story.id, Counter[str](), 0
        while (found := reader.changes(story, since=since, limit=1000)) and found[1]:
            published.update(one.change.update or "" for one in found[1] if one.change.kind == "published")
            since = found[1][-1].change.seq
        assert max(published.values(), default=0) <= 1, f"{story}: {published.most_common(3)}"
        documents = list(_documents(reader, story))
        assert len(set(documents)) == len(documents) == listed.updates, story


def _documents(reader: TimelineReader, story: str) -> Iterator[bytes]:
    cursor = None
    while page := reader.page(story, limit=500, cursor=cursor):
        yield from page.documents
        cursor = page.next
        if cursor is None:
            return


if __name__ == "__main__":
    main()
