"""The documents that readers get, as JSON Schema: the `components` of the OpenAPI document.

A document of ours holds what is named here and nothing else, so that a new field is noticed by a test and described. What may
grow one day, such as the type of a block, is a text and no list of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.times import FURTHEST_SEQ

Schema = dict[str, Any]  # Any: JSON Schema

_TEXT: Final[Schema] = {"type": "string"}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_FLAG: Final[Schema] = {"type": "boolean"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}


def _said(schema: Schema, meaning: str) -> Schema:
    return {**schema, "description": meaning}


def _or_null(schema: Schema) -> Schema:
    if "type" in schema:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(name: str) -> Schema:
    return {"type": "array", "items": _ref(name)}


def _object(meaning: str, fields: Mapping[str, Schema], *, optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of a document that holds each of `fields`, maybe one of `optional`, and nothing else."""
    return {
        "type": "object",
        "description": meaning,
        "properties": {**fields, **(optional or {})},
        "required": list(fields),
        "additionalProperties": False,
    }


_NAME: Final = _said({"type": "string", "minLength": 1, "maxLength": 200}, "Its id, which never changes.")
_STORY_NAME: Final = _said(_NAME, "The id of its story.")
_UPDATE_NAME: Final = _said(_NAME, "The id of the update.")
_SEQ: Final = {"type": "integer", "minimum": 0, "maximum": FURTHEST_SEQ}
_NEXT: Final = _said(_or_null({"type": "string", "minLength": 1}), "The cursor of the page after this one; null at the end.")
_SEVERITY: Final = {"type": "string", "enum": ["substantive", "minor"]}
_NOTE: Final = _said(_or_null(_TEXT), "What the desk says about it, such as what was wrong.")
_REVISION: Final = {"type": "integer", "minimum": 1}

_KINDS: Final = (
    "published",
    "revised",
    "corrected",
    "withheld",
    "released",
    "killed",
    "marked",
    "story_opened",
    "story_revised",
    "story_closed",
    "story_reopened",
)

_HEADING: Final[Mapping[str, Schema]] = {
    "id": _NAME,
    "title": _TEXT,
    "summary": _TEXT,
    "status": {"type": "string", "enum": ["open", "closed"]},
    "language": _said(_TEXT, "A language tag, such as `en`."),
    "time_zone": _said(_TEXT, "A name of the IANA time zone database, such as `Europe/Lisbon`."),
    "topics": _TEXTS,
    "opened_at": _said(_or_null(_TIME), "When coverage began; null while nothing says so."),
    "closed_at": _said(_or_null(_TIME), "When it ended; null while the story is open."),
}

_WORDS: Final[Mapping[str, Schema]] = {
    "headline": _TEXT,
    "body": _list("Block"),
    "media": _list("Media"),
    "sources": _list("Source"),
    "places": _TEXTS,
    "tags": _TEXTS,
}

_UPDATE: Final[Mapping[str, Schema]] = {
    "id": _NAME,
    "story": _STORY_NAME,
    "seq": _said(_SEQ, "Of its last change."),
    "revision": _said(_REVISION, "1 when published, one more each time its content changes."),
    **_WORDS,
    "urgency": _said({"type": "integer", "minimum": 1, "maximum": 9}, "1 is a flash."),
    "key_event": _FLAG,
    "pinned": _said(_FLAG, "To be shown on top; its place in the list stays."),
    "verification": _said(_or_null(_TEXT), "`unverified`, `verified`, `disputed` or `debunked`; null if nobody said."),
    "from_story": _said(_or_null(_TEXT), "The neighbouring story that it was taken over from."),
    "published_at": _said(_TIME, "By the desk's clock."),
    "updated_at": _said(_TIME, "When it last changed, by the desk's clock."),
    "corrections": _list("Correction"),
}

_HTML: Final = _said(_TEXT, "Safe HTML: text, and `<mark>` around what was asked for.")

SCHEMAS: Final[Mapping[str, Schema]] = {
    "Story": _object("What readers see of a story itself.", _HEADING),
    "ListedStory": _object(
        "A story as it stands in a list.",
        {
            **_HEADING,
            "seq": _said(_SEQ, "How many records of it there are: the one position in it."),
            "updates": _said(_COUNT, "How many of its updates are public."),
            "record": _ref("Record"),
        },
    ),
    "Record": _object(
        "What binds everything that was ever said of a story; see docs/the-record.md.",
        {"seq": _SEQ, "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"}},
    ),
    "Stories": _object("Stories, the last changed first.", {"stories": _list("ListedStory"), "next": _NEXT}),
    "Timeline": _object(
        "A page of a story, newest first.",
        {"story": _ref("Story"), "seq": _said(_SEQ, "What the page shows."), "next": _NEXT, "updates": _list("Update")},
    ),
    "Update": _object("An update as readers have it.", _UPDATE),
    "Block": _object(
        "A piece of a body; what it does not use is left out.",
        {"type": _said(_TEXT, "`paragraph`, `quote`, `heading`, `list` or `embed`; take what you do not know for a paragraph.")},
        optional={
            "text": _said(_TEXT, "A small Markdown: `*emphasis*`, `**strong**`, `[links](https://…)`."),
            "speaker": _said(_TEXT, "Who is quoted."),
            "items": _said(_TEXTS, "The points of a list."),
            "uri": _said(_TEXT, "What an embed shows."),
        },
    ),
    "Media": _object(
        "A picture, video or sound.",
        {
            "type": _said(_TEXT, "`image`, `video` or `audio`."),
            "uri": _TEXT,
            "caption": _TEXT,
            "credit": _TEXT,
            "alt": _said(_TEXT, "What it shows, for who cannot see it."),
            "width": _said(_or_null(_COUNT), "In pixels."),
            "height": _said(_or_null(_COUNT), "In pixels."),
        },
    ),
    "Source": _object(
        "Who says so.",
        {
            "name": _TEXT,
            "kind": _said(_TEXT, "`agency`, `official`, `broadcaster`, `eyewitness`, `social`, `own`, or empty."),
            "uri": _or_null(_TEXT),
        },
    ),
    "Correction": _object(
        "An error put right.",
        {
            "revision": _said(_REVISION, "The revision that put it right."),
            "note": _said(_TEXT, "What was wrong."),
            "severity": _SEVERITY,
            "corrected_at": _TIME,
        },
    ),
    "Changes": _object(
        "What changed after a `seq`, in order.",
        {
            "since": _SEQ,
            "seq": _said(_SEQ, "Ask for what changed after this one next."),
            "more": _said(_FLAG, "Whether there is more already."),
            "next_poll": _said({"type": "number", "minimum": 0}, "In how many seconds to ask again."),
            "changes": _list("Change"),
        },
    ),
    "Change": _object(
        "What one record means to a reader; also the `data` of each event of the stream.",
        {
            "seq": _SEQ,
            "after": _said(_SEQ, "The `seq` of the change before it: proof that none is missing between."),
            "kind": {"type": "string", "enum": list(_KINDS)},
            "update": _said(_or_null(_TEXT), "The id of the update; null for a change of the story itself."),
            "revision": _said(_COUNT, "Of the update after it; 0 for a change of the story itself."),
            "note": _NOTE,
            "document": _said(_or_null(_ref("Update")), "The update as it is now; null if it is to be taken off the page."),
        },
    ),
    "History": _object(
        "What readers were told of an update, the oldest first.",
        {
            "story": _STORY_NAME,
            "update": _UPDATE_NAME,
            "revision": _REVISION,
            "history": _list("HistoryEntry"),
            "record": _ref("Record"),
        },
    ),
    "HistoryEntry": _object(
        "One thing that readers were told. Late copy, whose `kind` is `late`, was never shown.",
        {
            "seq": _SEQ,
            "kind": {"type": "string", "enum": [*_KINDS, "late"]},
            "revision": _said(_or_null(_COUNT), "Null for late copy."),
            "note": _NOTE,
            "severity": _or_null(_TEXT),
            "occurred_at": _said(_TIME, "By the desk's clock."),
            "recorded_at": _said(_TIME, "When the log recorded it."),
            "document": _said(_or_null(_ref("Update")), "The update as it then was; null where it was taken off."),
        },
        optional={
            "copy": _ref("LateCopy"),
            "diff": _said(_TEXTS, "How its words differ from those before: the lines of a unified diff."),
        },
    ),
    "LateCopy": _object("What late copy said.", {"version": _said(_or_null({"type": "integer"}), "The wire's."), **_WORDS}),
    "Corrections": _object("What was put right, newest first.", {"corrections": _list("ListedCorrection"), "next": _NEXT}),
    "ListedCorrection": _object(
        "A correction in a list over updates.",
        {
            "story": _STORY_NAME,
            "update": _UPDATE_NAME,
            "headline": _said(_TEXT, "The update's as it is now."),
            "revision": _REVISION,
            "note": _said(_TEXT, "What was wrong."),
            "severity": _SEVERITY,
            "corrected_at": _TIME,
        },
    ),
    "Found": _object(
        "What a search found.",
        {
            "query": _said(_TEXT, "What was asked for, as it was typed."),
            "total": _object(
                "How many updates there are.",
                {"value": _COUNT, "exact": _said(_FLAG, "Whether these are all; else there are more than `value`.")},
            ),
            "did_you_mean": _said(_or_null(_TEXT), "What to ask instead, if a word is in no update but one like it is."),
            "next": _NEXT,
            "results": _list("FoundUpdate"),
        },
    ),
    "FoundUpdate": _object(
        "An update that was found.",
        {
            **_UPDATE,
            "story_title": _said(_TEXT, "The title of its story."),
            "corrected_at": _said(_or_null(_TIME), "When an error in it was last put right; null if never."),
            "snippets": _object("What to show of it.", {"headline": _HTML, "body": _HTML}),
        },
    ),
    "Killed": _object(
        "What is left of an update that was recalled; nothing of it may be used.",
        {"id": _UPDATE_NAME, "status": {"type": "string", "const": "killed"}, "killed_at": _TIME},
    ),
    "Problem": _object(
        "What is wrong with a request, and what to do (RFC 9457).",
        {
            "type": {"type": "string", "const": "about:blank"},
            "title": _TEXT,
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": _said(_TEXT, "For a person."),
        },
        optional={
            "instance": _said(_TEXT, "The path that was asked for."),
            "seq": _said(_SEQ, "Where the story stands, if `since` lies past it."),
        },
    ),
    "Status": _object("How this process is.", {"status": _TEXT}),
}
