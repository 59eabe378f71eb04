"""The laws of kept answers: never one that was begun before a change of which it tells, never more bytes than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.web.answers import Answer
from consumers.web.kept import KeptAnswers

STORIES = ("apollo-13", "apollo-14")

Doing = tuple[str, str]


class Making:
    """Answers that end when they are told to; each holds its story's version as it was when it was begun."""

    def __init__(self) -> None:
        self.versions = dict.fromkeys(STORIES, 0)
        self.is_up = True
        self.kept = KeptAnswers(lambda: self.is_up)
        self.made = 0
        self._ends: list[asyncio.Event] = []
        self._asking: list[asyncio.Task[Answer]] = []

    def ask(self, story: str) -> None:
        self._asking.append(asyncio.create_task(self.kept.make(story.encode(), story, lambda: self._make(story))))

    def change(self, story: str) -> None:
        self.versions[story] += 1
        self.kept.changed([story])

    def lose(self) -> None:
        self.is_up = not self.is_up
        self.kept.changed(None)

    async def end(self) -> None:
        """Let the answer that was begun first come."""
        if self._ends:
            self._ends.pop(0).set()
        await self.turns()

    async def turns(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def close(self) -> None:
        while self._ends:
            await self.end()
        await asyncio.gather(*self._asking)

    async def _make(self, story: str) -> Answer:
        self.made += 1
        version, end = self.versions[story], asyncio.Event()
        self._ends.append(end)
        await end.wait()
        return Answer(f"{version}".encode())


doings = st.lists(st.tuples(st.sampled_from(("ask", "change", "end", "lose")), st.sampled_from(STORIES)), max_size=30)


@given(doings)
def test_what_is_kept_was_begun_after_the_last_change_that_was_told(done: list[Doing]) -> None:
    async def live() -> None:
        making = Making()
        for doing, story in done:
            if doing == "ask":
                making.ask(story)
                await making.turns()
            elif doing == "change":
                making.change(story)
            elif doing == "end":
                await making.end()
            else:
                making.lose()
            for each in STORIES:
                found = making.kept.get(each.encode())
                assert found is None or (int(found.body) == making.versions[each] and making.is_up)
        await making.close()

    asyncio.run(live())


def test_all_who_ask_meanwhile_get_one_answer() -> None:
    async def live() -> int:
        making = Making()
        for _ in range(50):
            making.ask("apollo-13")
        await making.turns()
        await making.close()
        return making.made

    assert asyncio.run(live()) == 1


def test_who_asks_after_a_change_does_not_get_an_answer_begun_before_it() -> None:
    async def live() -> list[bytes]:
        making = Making()
        making.ask("apollo-13")
        await making.turns()
        making.change("apollo-13")
        making.ask("apollo-13")
        await making.turns()
        while making._ends:
            await making.end()
        return [one.body for one in await asyncio.gather(*making._asking)]

    assert asyncio.run(live()) == [b"0", b"1"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4000)), max_size=30))
def test_no_more_is_kept_than_may_be(answers: list[tuple[int, int]]) -> None:
    async def live() -> None:
        kept = KeptAnswers(lambda: True, most_bytes=20_000)
        for target, size in answers:
            await kept.make(b"%d" % target, STORIES[target % 2], _answering(b"x" * size))
            assert 0 <= kept.size_bytes <= 20_000
        kept.changed(STORIES)
        assert kept.size_bytes == 0

    asyncio.run(live())


def test_an_error_reaches_all_who_asked_and_is_not_kept() -> None:
    tries = count()

    async def fail() -> Answer:
        next(tries)
        raise ValueError("once")

    async def live() -> None:
        kept = KeptAnswers(lambda: True)
        asked = [asyncio.create_task(kept.make(b"t", None, fail)) for _ in range(3)]
        assert [str(one) for one in await asyncio.gather(*asked, return_exceptions=True)] == ["once"] * 3
        with pytest.raises(ValueError, match="once"):
            await kept.make(b"t", None, fail)

    asyncio.run(live())
    assert next(tries) == 2


@pytest.mark.parametrize("status", [404, 410, 500])
def test_only_what_was_found_is_kept(status: int) -> None:
    async def live() -> Answer | None:
        kept = KeptAnswers(lambda: True)
        await kept.make(b"t", "apollo-13", _answering(b"no", status=status))
        return kept.get(b"t")

    assert asyncio.run(live()) is None


def _answering(body: bytes, *, status: int = 200) -> Callable[[], Awaitable[Answer]]:
    async def make() -> Answer:
        return Answer(body, status=status)

    return make
