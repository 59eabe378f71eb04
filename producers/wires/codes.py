"""QCodes of NewsML-G2: short names of concepts, and the URIs that IPTC gives to its own."""

from __future__ import annotations

from typing import Final

_NEWSCODES: Final = {
    "medtop": "mediatopic",
    "subj": "subjectcode",
    "genre": "genre",
    "stat": "pubstatusg2",
    "sig": "signal",
    "ninat": "ninature",
    "cpnat": "cpnature",
    "nprov": "newsprovider",
    "rnd": "rendition",
    "drol": "descriptionrole",
    "hlrole": "headlinerole",
}
"""The aliases that IPTC's catalog gives and agencies keep to; another alias means what the agency's own catalog says."""


def uri_of(qcode: str) -> str | None:
    """Return the URI of one of IPTC's own QCodes, None of any other."""
    alias, colon, code = qcode.partition(":")
    scheme = _NEWSCODES.get(alias)
    return f"http://cv.iptc.org/newscodes/{scheme}/{code}" if colon and scheme and code else None


def code_in(name: str) -> str:
    """Return the last part of a QCode or of a URI: `canceled` of `stat:canceled` and of `…/pubstatusg2/canceled`."""
    return name.strip().rstrip("/").replace("/", ":").rpartition(":")[2]
