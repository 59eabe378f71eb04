"""What people are told, by kind and language: fixed texts with a few words put in, which no headline can change."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from consumers.notifications.people import Words

ENGLISH: Final = "en"

_FOLDER = Path(__file__).parent / "texts"
_LONGEST = {"headline": 300, "story": 200, "note": 600, "link": 2048, "revision": 20}
_SOFT = "\u2060"  # keeps an @ from calling anybody, and is not seen
_HARMLESS = str.maketrans({"<": "‹", ">": "›", "@": f"@{_SOFT}", "`": "'", "\\": "/"})


class Told(Struct, frozen=True, kw_only=True):
    """What a person is to be told.

    Attributes:
        kind: Of the change, as in `CHANGE_KINDS`.
        story: The story's title.
        headline: The update's; None where its words are gone, as of a killed one.
        note: What was wrong, or why.
        link: To the update, or to the story; empty where there is none.
        revision: Which revision of it this person was told of before; None where of none.
    """

    kind: str
    story: str
    headline: str | None = None
    note: str | None = None
    link: str = ""
    revision: int | None = None


def words_of(told: Told, language: str) -> Words:
    """Return the message: a title, then what was wrong, what it refers to, and a link."""
    texts = texts_in(language)
    said = {
        "story": harmless(told.story, limit=_LONGEST["story"]),
        "headline": harmless(told.headline or told.story, limit=_LONGEST["headline"]),
        "note": harmless(told.note or "", limit=_LONGEST["note"]),
        "revision": str(told.revision),
    }
    title = _put(texts.get(told.kind, texts["other"]), said)
    lines = [_put(texts["in_story"], said)]
    if said["note"]:
        lines.append(_put(texts["what_was_wrong" if told.kind == "corrected" else "why"], said))
    if told.revision is not None:
        lines.append(_put(texts["refers"], said))
    if told.link:
        lines.append(told.link)
    return Words(title, "\n".join(lines))


def harmless(text: str, *, limit: int) -> str:
    """Return a text of a desk's as one line that means nothing to a mail program, a chat or a template: words alone."""
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split()).translate(_HARMLESS)
    line = line.replace("](", "] (").replace("://", ":/" + _SOFT + "/")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _put(text: str, said: Mapping[str, str]) -> str:
    """Put words into a text once; braces in them stay as they are."""
    return text.format_map(said)


def texts_in(language: str) -> Mapping[str, str]:
    """Return the texts in a language, English where there are none in it."""
    main = language.lower().replace("_", "-").partition("-")[0]
    return _read(main if main in languages() else ENGLISH)


@cache
def languages() -> frozenset[str]:
    """Return the languages that there are texts in."""
    return frozenset(file.stem for file in _FOLDER.glob("*.toml"))


@cache
def _read(language: str) -> Mapping[str, str]:
    return tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8"))
