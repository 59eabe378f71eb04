"""Names of stories, updates and desks: what they may look like, and the nearest known one to a mistyped one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from dateline.errors import Refused

LONGEST_NAME = 200
_LONGEST_KEY_BYTES = 4 * LONGEST_NAME
_NAME = re.compile(r"[^\W_][\w.~:@-]*")  # \w is str.isalnum() and the underscore
_FOREIGN = re.compile(r"[^\w.~:@-]")
_RULE = f"write 1 to {LONGEST_NAME} letters, digits and - . _ ~ : @, beginning with a letter or digit"


def is_name(value: str) -> bool:
    """Tell whether `value` may name a story, an update or a desk, as it stands (in Unicode's form NFC)."""
    if not _NAME.fullmatch(value) or len(value) > LONGEST_NAME:
        return False
    return value.isascii() or unicodedata.is_normalized("NFC", value)


def normal_name(value: str) -> str:
    """Return `value` in Unicode's form NFC, so that what looks the same is the same name."""
    return value if value.isascii() else unicodedata.normalize("NFC", value)


def name_problem(value: str) -> str | None:
    """Return what is wrong with `value` as a name and what to do, None if nothing is."""
    if is_name(value):
        return None
    if not value:
        return f"is missing; {_RULE}"
    if len(value) > LONGEST_NAME:
        return f"has {len(value)} characters; {_RULE}"
    foreign = _FOREIGN.search(value)
    if foreign:
        return f"holds {foreign[0]!r} (U+{ord(foreign[0]):04X}); {_RULE}"
    if not _NAME.match(value):
        return f"begins with {value[0]!r}; {_RULE}"
    return f"is not in Unicode's form NFC; write it as {normal_name(value)!r}"


def check_name(kind: str, value: str) -> str:
    """Return `value` in its normal form.

    Args:
        kind: What it names (`story`, `update`, `desk`), for the message.
        value: As the user wrote it.

    Raises:
        Refused: It may not be a name.
    """
    name = normal_name(value)
    problem = name_problem(name)
    if problem:
        raise Refused(f"The {kind} name {shortened(name)} {problem}.")
    return name


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the few of `known` that `name` was probably meant to be, the nearest first."""
    from difflib import get_close_matches  # only a mistake needs it, and it slows every start

    by_folded = {other.casefold(): other for other in known}
    return [by_folded[match] for match in get_close_matches(name.casefold()[:LONGEST_NAME], by_folded, n=3, cutoff=0.6)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)`, or nothing where no known name is near."""
    matches = nearest(name, known)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


def shortened(value: object, *, limit: int = 60) -> str:
    """Return `value` as it is shown in a message: quoted, on one line, its middle left out where it is long."""
    if isinstance(value, str) and len(value) > limit:
        value = f"{value[: limit - 20]} … {value[-15:]}"
    text = repr(value)
    return text if len(text) <= 4 * limit else f"{text[: limit - 20]} … {text[-15:]}"


def story_of_key(key: bytes | None) -> str | None:
    """Return the story that a record with this key belongs to; None where the key names none."""
    if not key or len(key) > _LONGEST_KEY_BYTES:
        return None
    return _story_of_key(bytes(key))


@lru_cache(maxsize=16384)
def _story_of_key(key: bytes) -> str | None:
    try:
        name = key.decode()
    except UnicodeDecodeError:
        return None
    return name if is_name(name) else None
