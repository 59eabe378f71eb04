"""Search over HTTP: what may be asked, and the document that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from consumers.search.answers import Found
from consumers.search.question import Filters, Question
from consumers.search.told import found_json
from consumers.web.answers import Answer, content_tag
from consumers.web.asked import LIST_CURSOR, STORY, Parameter, boolean, limit, one_of, text, time
from consumers.web.endpoints import Asked, Endpoint, SearchBroken, no_story
from dateline.errors import StoreBroken
from schemas.events import VERIFICATIONS

SORTS: Final = ("relevance", "newest")

_TIME: Final = {"type": "string", "format": "date-time"}
_FLAG: Final = {"type": "string", "enum": ["true", "false", "1", "0", ""], "default": "false"}
_TEXT: Final = {"type": "string"}

Q: Final = Parameter(
    "q",
    'Words, `"side by side"`, `begin*`, `-without`, `one OR other`, `source:name`; see docs/search.md. Any text will do, up to '
    "1,000 characters and 64 words; without it, all that the other parameters let through.",
    {"type": "string", "format": "search", "maxLength": 1000},
    text,
    "",
)
SORT: Final = Parameter(
    "sort",
    "By `relevance`, or the `newest` first: by when readers first had it, as the log recorded it.",
    {"type": "string", "enum": list(SORTS), "default": SORTS[0]},
    one_of(*SORTS),
    SORTS[0],
)
_FILTERS: Final[Sequence[Parameter]] = (
    STORY,
    Parameter("since", "Only what was first published then or later, by the desk's clock: a time with its zone.", _TIME, time),
    Parameter("until", "Only what was first published before then.", _TIME, time),
    Parameter("source", "Only what this source says: the whole name, in capitals or not, with accents or without.", _TEXT, text),
    Parameter("tag", "Only what has this tag.", _TEXT, text),
    Parameter("place", "Only what is about this place.", _TEXT, text),
    Parameter("key_events", "Only key events.", _FLAG, boolean, False),
    Parameter("corrected", "Only what was corrected.", _FLAG, boolean, False),
    Parameter(
        "verification",
        "Only what is marked so.",
        {"type": "string", "enum": list(VERIFICATIONS)},
        one_of(*VERIFICATIONS),
    ),
)


def search(asked: Asked) -> Answer:
    question = Question(asked.given["q"], Filters(**{one.name: asked.given[one.name] for one in _FILTERS}))
    body = found_json(question, read_found(asked, question, limit=asked.given["limit"]))
    return Answer(body, etag=content_tag(body))


def read_found(asked: Asked, question: Question, *, limit: int) -> Found:
    """Return what `question` finds, in the order and from the place that are asked for.

    Raises:
        Missing: There is no such story.
        Refused: The question is too long, or the cursor is none of its own.
        SearchBroken: The index is there, and cannot be read.
    """
    try:
        found = asked.search.search(question, sort=asked.given["sort"], limit=limit, cursor=asked.given["cursor"])
    except StoreBroken as error:
        raise SearchBroken(str(error)) from error
    story = question.filters.story
    if story is not None and not found.total.value and asked.reader.story(story) is None:
        raise no_story(structs.replace(asked, story=story))
    return found


SEARCH_API: Final[Sequence[Endpoint]] = (
    Endpoint(
        "/v1/search",
        "search",
        "Updates that say what is asked for, as they are now: of all stories, or of one.",
        search,
        parameters=(Q, *_FILTERS, SORT, limit(default=20, most=100), LIST_CURSOR),
        document="Found",
        problems=(404,),
        is_kept=False,
        pool="searching",
    ),
)
