"""A coverage of any size whose words are as uneven as those of a language: the work that searches are measured on.

The words are made of syllables, with the endings of English so that stemming has its work; how often each comes falls with
its rank, as Zipf has it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, product
from uuid import UUID

from consumers.held import Held, Steps
from consumers.intake import Intake
from consumers.memory import Memory
from consumers.search.question import Filters, Question
from consumers.view import View
from dateline.log.base import Batch, NewRecord, Record
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.content import Block, Content, Source
from schemas.events import StoryOpened, UpdatePublished

STORIES = 1_000
SOURCES = 20
WORDS = 200_000

_BATCH = 2_000
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_SYLLABLES = ["".join(parts) for parts in product("bdfgklmnprstv", "aeiou", ["", "n", "r", "s"])]
_ENDINGS = ("", "", "s", "ed", "ing", "er")
_EXPONENT = 1.05
_DRAWN = 1 << 16
"""How many words are drawn at once."""


class Coverage:
    """Updates that are the same at each run: of each, its headline and its paragraphs.

    Attributes:
        words: The vocabulary, the most frequent first.
    """

    def __init__(self) -> None:
        dice = random.Random(13)
        found: dict[str, None] = {}
        while len(found) < WORDS:
            length = 1 + min(len(found) // 200, 1) + (dice.random() < 0.4)
            found["".join(dice.choices(_SYLLABLES, k=length)) + dice.choice(_ENDINGS)] = None
        self.words = list(found)
        self._heights = list(accumulate(1 / (rank + 2.7) ** _EXPONENT for rank in range(WORDS)))

    def texts(self, count: int) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield the headlines and paragraphs of so many updates: 8 words, then 12 to 60 more."""
        dice = random.Random(7)
        words: list[str] = []
        for _ in range(count):
            if len(words) < 68:
                words += dice.choices(self.words, cum_weights=self._heights, k=_DRAWN)
            headline, words = _cut(words, 8)
            length = dice.randrange(6, 31)
            first, words = _cut(words, length)
            second, words = _cut(words, length)
            yield headline, (f"{first}.", f"{second}.")

    def records(self, count: int, *, start: int = 0) -> Iterator[NewRecord]:
        """Yield the records of all stories, each opened in English, then of so many updates over them."""
        for number in range(STORIES):
            yield record_of(_opened(number), timestamp=_ms(0))
        for number, (headline, texts) in enumerate(self.texts(count), start):
            yield record_of(_published(number, headline, texts), timestamp=_ms(number))

    def questions(self, count: int) -> Mapping[str, Sequence[Question]]:
        """Return `count` questions of each class, by what the class is called."""
        dice = random.Random(5)
        said = [" ".join(texts).replace(".", "").split() for _, texts in self.texts(2_000)]

        def word(low: int, high: int) -> str:
            return self.words[dice.randrange(low, high)]

        def phrase() -> str:
            words = dice.choice(said)
            at = dice.randrange(len(words) - 1)
            return f'"{words[at]} {words[at + 1]}"'

        def some(make: object) -> Sequence[Question]:
            assert callable(make)
            return [made if isinstance(made := make(), Question) else Question(made) for _ in range(count)]

        return {
            "common word": some(lambda: word(2, 50)),
            "rare word": some(lambda: word(20_000, 60_000)),
            "two words": some(lambda: f"{word(20, 200)} {word(200, 2_000)}"),
            "two common words": some(lambda: f"{word(2, 50)} {word(2, 50)}"),
            "phrase": some(phrase),
            "prefix": some(lambda: f"{word(500, 5_000)[:4]}*"),
            "common word + filter": some(lambda: Question(word(2, 50), Filters(source=source_of(dice.randrange(SOURCES))))),
        }


def feed(view: View, records: Iterator[NewRecord], *, is_enough: Callable[[], bool] = lambda: False) -> int:
    """Write records into a view as the runner does, but without a log, until there are enough; return how many."""
    held = Held.by(view.claim(0, log_id="synthetic"), Memory())
    steps = Steps(view, Intake(committed_codec(), partitions=1))
    count = held.applied
    while not is_enough() and (
        batch := [_numbered(record, count + at) for at, record in zip(range(_BATCH), records, strict=False)]
    ):
        count += len(batch)
        prepared = steps.prepare(held, Batch(0, batch, count))
        applied = view.apply(held.claim, steps.fold(prepared)).result()
        if applied.status != "OK":
            raise SystemExit(f"a batch was not applied: {applied.status}")
        held.sent = count
        held.memory.trim(())
    return count


def _numbered(record: NewRecord, offset: int) -> Record:
    return Record(0, offset, record.timestamp or 0, record.key, record.value, record.headers)


def _cut(words: list[str], length: int) -> tuple[str, list[str]]:
    said = " ".join(words[-length:])
    del words[-length:]
    return said, words


def story_of(number: int) -> str:
    """Return the story of an update."""
    return _story(number * 7 % STORIES)


def source_of(number: int) -> str:
    """Return the source of an update."""
    return f"Source {number % SOURCES}"


def _story(number: int) -> str:
    return f"story-{number}"


def _at(number: int) -> datetime:
    return _BEGIN + timedelta(seconds=number)


def _ms(number: int) -> int:
    return int(_at(number).timestamp() * 1000)


def _opened(number: int) -> StoryOpened:
    story = _story(number)
    return StoryOpened(
        event_id=str(UUID(int=1 << 80 | number)),
        story=story,
        desk="bench",
        occurred_at=_at(0),
        title=f"Story {number}",
        language="en",
    )


def _published(number: int, headline: str, texts: Sequence[str]) -> UpdatePublished:
    body = tuple(Block(text=text) for text in texts)
    content = Content(headline, body, (), (Source(source_of(number), "official"),), (), ())
    return UpdatePublished(
        event_id=str(UUID(int=number)),
        story=story_of(number),
        desk="bench",
        occurred_at=_at(number),
        update=f"u-{number}",
        content=content,
    )
