"""Where IPTC's own schemas and examples lie, which are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ABSENT = "IPTC's schemas are not in"
"""Why a test is skipped, in CI too: they are published under terms of their own, and not everybody has them."""

_BESIDE = Path(__file__).parents[3] / "shared" / "data" / "iptc"


def iptc() -> Path:
    """Return the folder that DATELINE_TEST_IPTC names, else the one beside the project; skip where there is none."""
    folder = Path(os.environ.get("DATELINE_TEST_IPTC") or _BESIDE)
    if not folder.is_dir():
        pytest.skip(f"{ABSENT} {folder}; set DATELINE_TEST_IPTC to the folder that holds ninjs/ and newsml-g2/")
    return folder
