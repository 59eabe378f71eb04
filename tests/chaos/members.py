"""Members of the consumers' group that come, go, are killed, paused or cut off from Redis, while events flow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.chaos.kills import kafka_newsroom
from tests.chaos.mortal_redis import mortal_redis
from tests.chaos.newsroom import Consumer, Newsroom
from tests.chaos.scenario import Durations, Scenario
from tests.chaos.slow_line import slow_line

TAKES_OVER = 6.0
"""Seconds within which another member on the same machine goes on where one was killed."""

TAKES_OVER_APART = 7.0
"""The same where they are on different machines: the least session that a broker allows by default, 6 s, and the sharing out."""

MOST_MEMBERS = 3
_SESSION = 6.0
_STALL = "session_timeout_ms=6000&max_poll_interval_ms=8000"


class Group:
    """The members there are and were; the context manager kills those that still run.

    Attributes:
        members: Those that run.
    """

    def __init__(self, room: Newsroom, machines: Path, *, apart: bool) -> None:
        """Begin with no member.

        Args:
            machines: A folder for machines' temp folders.
            apart: Whether each member is on a machine of its own.
        """
        self._room = room
        self._machines = machines
        self._apart = apart
        self._open = ExitStack()
        self._joined = 0
        self.members: list[Consumer] = []

    def join(self, *, redis_url: str | None = None) -> Consumer:
        self._joined += 1
        tmp = self._machines / str(self._joined) if self._apart else None
        member = self._open.enter_context(self._room.consumer(tmp=tmp, redis_url=redis_url))
        self.members.append(member)
        return member

    def held_by(self, member: Consumer) -> set[int]:
        """Return the partitions that nobody has claimed since `member` did."""
        return {p for p, at in member.claims.items() if all(other.claims.get(p, 0.0) <= at for other in self.members)}

    def wait_for_claim(self, member: Consumer, *, since: float = 0.0) -> None:
        """Wait until `member` has claimed something and still has it."""
        self._room.wait(
            lambda: any(member.claims[p] > since for p in self.held_by(member)), f"a claim of member {member.process.pid}"
        )

    def take_over(self, partitions: Iterable[int], gone: Consumer, *, end: Callable[[], object]) -> float:
        """Call `end`, and wait until the others have claimed `partitions` and moved their cursors.

        Returns:
            The seconds that it took since `end` was called.
        """
        others = [member for member in self.members if member is not gone]
        since, before = time.monotonic(), self._room.cursor()
        end()

        def is_done() -> bool:
            moved = self._room.cursor()
            claimed = {p for one in others for p, at in one.claims.items() if at > since}
            return claimed.issuperset(partitions) and all(moved.get(p, 0) > before.get(p, 0) for p in partitions)

        self._room.wait(is_done, f"that another member goes on with partitions {sorted(partitions)}")
        return time.monotonic() - since

    def remove(self, member: Consumer) -> None:
        self.members.remove(member)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self._open.close()


def come_and_go(room: Newsroom, machines: Path, *, times: int, apart: bool) -> tuple[list[float], list[float]]:
    """Let members join, leave and be killed in random order.

    Returns:
        Seconds until others went on with all that a member had: of those killed, and of those that left in order.
    """
    killed: list[float] = []
    left: list[float] = []
    with Group(room, machines, apart=apart) as group, room.publishing(pause=0.01):
        group.wait_for_claim(group.join())
        for step in range(1, times + 1):
            act = _choose(room, len(group.members))
            if act == "join":
                group.join()
                time.sleep(room.dice.uniform(0.0, 2.0))  # into its start, or past it
            else:
                member = room.dice.choice(group.members)
                if room.dice.random() < 0.8:
                    group.wait_for_claim(member)
                held = group.held_by(member)
                took = group.take_over(held, member, end=member.kill if act == "kill" else member.stop)
                group.remove(member)
                if held:
                    (killed if act == "kill" else left).append(took)
            room.check(f"step {step}, {act}, {len(group.members)} members {'apart' if apart else 'on one machine'}")
    return killed, left


def _choose(room: Newsroom, count: int) -> str:
    if count == 1:
        return "join"
    acts = ["kill", "kill", "leave"]
    return room.dice.choice(acts if count == MOST_MEMBERS else [*acts, "join", "join"])


def pause_members(room: Newsroom, machines: Path, *, times: int) -> str:
    """Stop one of two members in its tracks, mostly for longer than its session; it goes on as a zombie, and is fenced."""
    taken: list[float] = []
    woken: list[float] = []
    with Group(room, machines, apart=False) as group, room.publishing(pause=0.01):
        for _ in range(2):
            group.join()
        for time_ in range(1, times + 1):
            for member in group.members:
                group.wait_for_claim(member)
            member = room.dice.choice(group.members)
            time.sleep(room.dice.uniform(0.0, 0.3))
            held = group.held_by(member)
            is_long = time_ == 1 or room.dice.random() < 0.7
            if is_long:
                taken.append(group.take_over(held, member, end=member.pause))
            else:
                member.pause()
            time.sleep(room.dice.uniform(0.0, _SESSION / 2))
            resumed = time.monotonic()
            member.resume()
            if is_long:
                group.wait_for_claim(member, since=resumed)
                woken.append(time.monotonic() - resumed)
            room.check(f"pause {time_}, {'past' if is_long else 'within'} its session")
            assert all(one.runs for one in group.members), f"pause {time_}: a member has ended"
    return f"{Durations('taken over', taken)}; {Durations('woken to claim', woken)}"


def stall_members(room: Newsroom, machines: Path, redis_port: int, *, times: int) -> str:
    """Hold up what one of two members says to Redis for longer than it may be busy; its late writes find another's claim."""
    taken: list[float] = []
    with slow_line(redis_port) as line, Group(room, machines, apart=True) as group:
        slow = group.join(redis_url=f"redis://127.0.0.1:{line.port}")
        group.join()
        with room.publishing(pause=0.01):
            for time_ in range(1, times + 1):
                group.wait_for_claim(slow)
                held = group.held_by(slow)
                taken.append(group.take_over(held, slow, end=line.hold))
                time.sleep(room.dice.uniform(0.0, 1.0))
                released = time.monotonic()
                line.release()
                group.wait_for_claim(slow, since=released)
                room.check(f"stall {time_}")
                assert all(one.runs for one in group.members), f"stall {time_}: a member has ended"
    return str(Durations("taken over", taken))


def _members(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        near, left = come_and_go(room, folder / "near", times=times - times // 2, apart=False)
        far, left_far = come_and_go(room, folder / "far", times=times // 2, apart=True)
    on_one, apart = Durations("killed: taken over on one machine", near), Durations("on another", far)
    on_one.check(TAKES_OVER)
    apart.check(TAKES_OVER_APART)
    return f"{on_one}, {apart}; {Durations('SIGTERM: taken over', left + left_far)}"


def _pauses(folder: Path, times: int, seed: int) -> str:
    with mortal_redis(folder / "redis") as server, kafka_newsroom(folder, seed=seed, redis_url=server.url) as room:
        return pause_members(room, folder / "machines", times=times)


def _stalls(folder: Path, times: int, seed: int) -> str:
    with (
        mortal_redis(folder / "redis") as server,
        kafka_newsroom(folder, seed=seed, redis_url=server.url, options=_STALL) as room,
    ):
        return stall_members(room, folder / "machines", server.port, times=times)


SCENARIOS = (
    Scenario("kafka-members", "two and three members join, leave and are killed", _members, 40, 20.0),
    Scenario("kafka-pause", "SIGSTOP of one of two members, mostly past its session", _pauses, 10, 40.0),
    Scenario("kafka-stall", "Redis answers one of two members after it was given up", _stalls, 4, 60.0),
)
