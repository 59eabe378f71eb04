"""The read API: the view's documents as the bytes they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import json

from consumers.timeline.answers import change_json, listed_json
from consumers.timeline.told import corrections_json, history_json
from consumers.web.answers import Answer, content_tag, spread
from consumers.web.asked import AS_OF, CURSOR, KEY_EVENTS, LIST_CURSOR, SINCE, STORY, limit
from consumers.web.endpoints import Asked, Endpoint, no_longer, no_story
from consumers.web.problems import Problem
from consumers.web.reading import read_corrections, read_page

_POLL_S: Final = 10.0
_POLL_CLOSED_S: Final = 60.0
"""Seconds until a client that polls should ask again: on a closed story only corrections come."""


def stories(asked: Asked) -> Answer:
    found = asked.reader.stories(limit=asked.given["limit"], cursor=asked.given["cursor"])
    body = json.encode({"stories": [listed_json(one) for one in found], "next": found.next})
    return _polled(Answer(body, etag=content_tag(body)), is_closed=False)


def story(asked: Asked) -> Answer:
    found = asked.reader.listed(asked.story)
    if found is None:
        raise no_story(asked)
    body = json.encode(listed_json(found))
    return _polled(Answer(body, etag=content_tag(body)), is_closed=found.story.is_closed)


def updates(asked: Asked) -> Answer:
    page = read_page(asked, limit=asked.given["limit"], key_events=asked.given["key_events"])
    body = page.json()
    # What a page of the past leaves out is known today only, and a story may be built anew at the same seq.
    etag = f"{page.generation}.{page.seq}.{content_tag(body)}"
    return _polled(Answer(body, etag=etag), is_closed=page.story.is_closed)


def update(asked: Asked) -> Answer:
    found = asked.reader.found(asked.story, asked.update)
    if found is None:
        raise no_story(asked)
    kept, state, document = found
    if document is None:
        raise no_longer(asked, kept, state)
    return _polled(Answer(document, etag=content_tag(document)), is_closed=kept.is_closed)


def history(asked: Asked) -> Answer:
    found = asked.reader.found(asked.story, asked.update)
    if found is None:
        raise no_story(asked)
    told = asked.reader.history(asked.story, asked.update)
    if told is None:
        raise no_longer(asked, *found[:2])
    body = history_json(found[0], asked.update, told)
    return Answer(body, etag=content_tag(body))


def changes(asked: Asked) -> Answer:
    since, most = asked.given["since"], asked.given["limit"]
    found = asked.reader.changes(asked.story, since=since, limit=most + 1)
    if found is None:
        raise no_story(asked)
    kept, after = found
    if since > kept.seq:
        raise Problem(400, f"since: {since} lies past the end; story {kept.id!r} is at seq {kept.seq}. Begin anew.", seq=kept.seq)
    more, shown = len(after) > most, after[:most]
    next_poll = 0.0 if more else round(spread(_poll(is_closed=kept.is_closed)), 1)
    seq = shown[-1].change.seq if more else kept.seq
    head = json.encode({"since": since, "seq": seq, "more": more, "next_poll": next_poll})
    listed = b",".join(map(change_json, shown))
    answer = Answer(head[:-1] + b',"changes":[' + listed + b"]}", etag=f"{seq}.{content_tag(listed)}")
    return answer if more else _polled(answer, is_closed=kept.is_closed)


def corrections(asked: Asked) -> Answer:
    found = read_corrections(asked)
    body = corrections_json(found)[:-1] + b',"next":' + json.encode(found.next) + b"}"
    return _polled(Answer(body, etag=content_tag(body)), is_closed=False)


def _polled(answer: Answer, *, is_closed: bool) -> Answer:
    answer.next_poll = _poll(is_closed=is_closed)
    return answer


def _poll(*, is_closed: bool) -> float:
    return _POLL_CLOSED_S if is_closed else _POLL_S


_STORY = "/v1/stories/{story}"
_UPDATE = f"{_STORY}/updates/{{update}}"

READ_API: Final[Sequence[Endpoint]] = (
    Endpoint(
        "/v1/stories",
        "stories",
        "The stories, the last changed first.",
        stories,
        parameters=(limit(default=50, most=500), LIST_CURSOR),
        document="Stories",
    ),
    Endpoint(_STORY, "story", "One story, without its updates.", story, document="ListedStory", problems=(404,)),
    Endpoint(
        f"{_STORY}/updates",
        "updates",
        "A story's updates, newest first: a page neither skips nor repeats one while copy comes in.",
        updates,
        parameters=(limit(default=20, most=500), CURSOR, KEY_EVENTS, AS_OF),
        document="Timeline",
        problems=(404,),
    ),
    Endpoint(_UPDATE, "update", "One update as it is now.", update, document="Update", problems=(404, 410)),
    Endpoint(
        f"{_UPDATE}/history",
        "history",
        "What readers were told of an update, the oldest first, each with how its words differ from those before.",
        history,
        document="History",
        problems=(404, 410),
    ),
    Endpoint(
        f"{_STORY}/changes",
        "changes",
        "What changed after a `seq`, in order. A change with no document takes its update off the page.",
        changes,
        parameters=(SINCE, limit(default=100, most=500)),
        document="Changes",
        problems=(404,),
    ),
    Endpoint(
        "/v1/corrections",
        "corrections",
        "What was put right, newest first: of one story, or of all.",
        corrections,
        parameters=(STORY, limit(default=50, most=500), LIST_CURSOR),
        document="Corrections",
        problems=(404,),
    ),
)
