"""What agencies write where a format has no field, or where they do not use it: how they say that something is a correction."""

from __future__ import annotations

import re
from collections.abc import Set
from datetime import datetime
from typing import Final

from producers.wires.codes import code_in
from producers.wires.item import CANCELED, STATUSES, USABLE, WITHHELD, Unusable
from schemas.names import did_you_mean, shortened

_WORDS: Final = (
    r"correct(?:ion|ed|s|ing|ive)\b(?! answer)"  # Reuters, AP, PA
    r"|corrects?\b"
    r"|rectificati(?:f|on)\b|correctif\b"  # AFP, Belga
    r"|berichtig(?:ung|t)\b|korrektur\b|korrigiert\b"  # dpa, APA, Keystone-SDA
    r"|correcci[oó]n\b|corrige\b"  # EFE
    r"|corre[çc][ãa]o\b|rettifica\b|corregge\b|corrett[oa]\b"  # Lusa, ANSA
    r"|rättelse\b|rettelse\b|korrigering\b|korjaus\b"  # TT, NTB, Ritzau, STT
)
_AT_START = re.compile(rf"[\W_]*(?:(?:eds|editors|note|achtung|attention)\b[\W_]*)?(?:{_WORDS})", re.IGNORECASE)
_SHOUTED = re.compile(
    r"\b(?<!NO )(?<!NOT A )"
    r"(?:CORRECTS|CORRECTION|CORRECTED|CORRIGE|RECTIFICATIF|BERICHTIGUNG|BERICHTIGT|CORRECCIÓN|CORREGGE|RETTIFICA|RÄTTELSE)\b"
)
_TOLD = re.compile(
    r"\b(?:(?:has|have) been (?:re)?corrected|wurden? (?:berichtigt|korrigiert)|a été (?:corrigée?|rectifiée?)"
    r"|ha sido corregid[oa]|è stat[oa] corrett[oa]|har rättats)\b",
    re.IGNORECASE,
)
_IN_HEADLINE = re.compile(
    rf"[\W_]*(?:(?:update|wrapup|rpt|refile)\b\s*\d*\s*[-:]\s*)?(?:{_WORDS})\s*(?:[-–—:/)\]]|\()", re.IGNORECASE
)
_AFTER_HEADLINE = re.compile(rf"[(\[]\s*(?:{_WORDS})[^\w()\[\]]*[)\]]\W*$", re.IGNORECASE)
_COUNTED_BY_BBC = re.compile(r"(https?://www\.bbc\.(?:com|co\.uk)/[^#]+)#\d{1,4}")
_ASKED_OF_AP = re.compile(r"(https?://api\.ap\.org/[^?]+)\?.*")

_LOOKED_AT: Final = 4000
_CORRECTING: Final = frozenset(("correction", "corrected", "corrects", "corrective", "correctionshort", "correctionlong"))
_STATUSES: Final = {
    **dict.fromkeys(("cancelled", "killed", "kill", "recalled"), CANCELED),
    **dict.fromkeys(("withhold", "hold"), WITHHELD),
    "published": USABLE,
}
"""Statuses as some write them, and what they are by IPTC."""

NO_NOTE: Final = "The wire sent this version as a correction, without saying what was wrong."


def is_correction(signals: Set[str], note: str, headline: str) -> bool:
    """Tell whether a version puts an error right: by what it is sent as, by its note to editors or by its headline.

    Args:
        signals: The last parts of its signals' codes, as `correction` of `sig:correction`.
    """
    return bool(signals & _CORRECTING) or is_correction_note(note) or is_correction_headline(headline)


def status_of(code: str, *, embargo_until: datetime | None) -> str:
    """Return the status that a code names, `USABLE` where it is empty. What is embargoed without an end is held back.

    Raises:
        Unusable: It names none.
    """
    name = code_in(code).lower()
    if name == "embargoed":
        return USABLE if embargo_until is not None else WITHHELD
    status = _STATUSES.get(name, name) or USABLE
    if status not in STATUSES:
        hint = did_you_mean(status, STATUSES)
        raise Unusable(f"pubStatus {shortened(code)}: no such status{hint}; it is {', '.join(STATUSES)}.")
    return status


def is_correction_note(note: str) -> bool:
    """Tell whether a note to editors says that this version puts an error right: one of its lines begins so, or shouts it."""
    begins = any(_AT_START.match(row[:200]) for row in note[:_LOOKED_AT].split("\n"))
    return begins or any(words.search(note[:_LOOKED_AT]) for words in (_SHOUTED, _TOLD))


def is_correction_headline(headline: str) -> bool:
    """Tell whether a headline begins or ends as an agency marks a correction: by a word and a sign, as `CORRECTED-` does."""
    return _IN_HEADLINE.match(headline[:200]) is not None or _AFTER_HEADLINE.search(headline[-60:]) is not None


def steady_guid(guid: str) -> str:
    """Return a guid without what its publisher changes with every version or request, so that an edit is no new item."""
    for habit in (_COUNTED_BY_BBC, _ASKED_OF_AP):
        if found := habit.fullmatch(guid):
            return found[1]
    return guid
