"""What agencies write where a format has no field, or where they do not use it: how they say that something is a correction."""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = (
    r"correct(?:ion|ed|s|ing)\b(?! answer)"  # Reuters, AP, PA
    r"|corrects?\b"
    r"|rectificati(?:f|on)\b|correctif\b"  # AFP, Belga
    r"|berichtig(?:ung|t)\b|korrektur\b|korrigiert\b"  # dpa, APA, Keystone-SDA
    r"|correcci[oó]n\b|corrige\b"  # EFE
    r"|corre[çc][ãa]o\b|rettifica\b|corregge\b"  # Lusa, ANSA
    r"|rättelse\b|rettelse\b|korrigering\b|korjaus\b"  # TT, NTB, Ritzau, STT
)
_AT_START = re.compile(rf"[\W_]*(?:{_WORDS})", re.IGNORECASE)
_IN_HEADLINE = re.compile(rf"[\W_]*(?:{_WORDS})\s*(?:[-–—:/)\]]|\()", re.IGNORECASE)

NO_NOTE: Final = "The wire sent this version as a correction, without saying what was wrong."


def is_correction_note(note: str) -> bool:
    """Tell whether a note to editors begins by saying that this version puts an error right."""
    return _AT_START.match(note[:200]) is not None


def is_correction_headline(headline: str) -> bool:
    """Tell whether a headline begins as an agency marks a correction, as `CORRECTED-` or `(Berichtigung)`: a word and a sign."""
    return _IN_HEADLINE.match(headline[:200]) is not None
