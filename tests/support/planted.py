"""A small coverage in a log, a view of it, and what can be planted in the view."""

from __future__ import annotations

import time
from typing import Any

from consumers.runner import Runner
from consumers.timeline.view import TimelineView
from dateline.log.base import Log
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC

STORY = "apollo-13"

PLANTED: dict[str, tuple[list[str | int], str]] = {
    "a changed headline": (["HSET", "docs", "launch", '{"headline":"Changed"}'], "the document of update launch differs in "),
    "a lost place": (["ZREM", "index", "launch"], "the place in the timeline of update launch is missing"),
    "a swapped order": (["ZADD", "index", 2, "problem", 3, "launch"], "the place in the timeline of update launch differs"),
    "a lost key": (["DEL", "changes"], "the change 1-0 is missing"),
    "a key of another kind": (["SET", "key", "a text"], "the place among the key events of update"),
    "a lost state": (["HDEL", "state", "rumour"], "the state of update rumour is missing"),
    "a verdict too many": (["HSET", "events", "ghost", "[]"], "the verdict on event ghost should not be there"),
    "a history of nobody": (["ZADD", "history/{story}/ghost", 3, "…"], "the history of update ghost should not be there"),
    "a lost story": (["HDEL", "stories", "{story}"], "the state of story apollo-13 is missing"),
    "an unlisted story": (["ZREM", "recent", "{story}"], "the last change of story apollo-13 is missing"),
    "an unlisted correction": (["DEL", "corrections"], "the listed correction apollo-13/problem/0000000002 is missing"),
}
"""What is planted: a command on one of the story's keys (`docs` stands for `docs/STORY`), and what is said of it."""

_SHARED = ("stories", "recent")


def cover(log: Log, story: str = STORY) -> None:
    """A small coverage with something of everything."""
    desk = Desk(log, name="houston")
    desk.open_story(story, title="Apollo 13")
    desk.publish(story, update="launch", headline="Lift-off", body="On time.", key_event=True)
    desk.publish(story, update="problem", headline="Houston, we have a problem", body="Lovell reports.", pinned=True)
    desk.correct(story, "problem", note="Swigert spoke first.", headline="Houston, we've had a problem", body="Swigert reports.")
    desk.publish(story, update="rumour", headline="A meteorite", body="Perhaps.")
    desk.withhold(story, "rumour", reason="nobody is named")
    desk.publish(story, update="wrong", headline="Fifteen minutes of air", body="No.")
    desk.kill(story, "wrong", reason="false")
    desk.mark(story, "launch", verification="verified")


def catch_up(log: Log, store: Store) -> None:
    """Bring the view to the end of the log."""
    runner = Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())
    try:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
    finally:
        runner.reset()
        runner.close()


def prefix_of(raw: Any, story: str = STORY) -> str:  # Any: redis-py types an answer as all that it could ever be
    """Return what the keys of the story's generation begin with."""
    suffix = f"events/{story}"
    found: list[str] = [key for key in raw.keys(f"*:g*:{suffix}") if "rebuild/" not in key]
    return found[0].removesuffix(suffix)


def plant(raw: Any, what: str, story: str = STORY) -> str:  # Any: as above
    """Plant a difference, and return what must be said of it."""
    (command, key, *arguments), said = PLANTED[what]
    name = str(key).format(story=story)
    if "/" not in name and name not in _SHARED:
        name = f"{name}/{story}"
    given = [one.format(story=story) if isinstance(one, str) and "{story}" in one else one for one in arguments]
    raw.execute_command(command, f"{prefix_of(raw, story)}{name}", *given)
    return said if f"of story {story}" in said else f"story {story}: {said}"
