"""How schemathesis makes texts of our formats. It loads this module by its name."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime

import schemathesis
from hypothesis import strategies as st
from msgspec import json

from schemas.times import EARLIEST, LATEST

_TIMES = st.datetimes(EARLIEST.replace(tzinfo=None), LATEST.replace(tzinfo=None))


def _cursor(place: tuple[int, str]) -> str:
    return urlsafe_b64encode(json.encode(place)).decode().rstrip("=")


def _written(when: datetime) -> str:
    return f"{when.isoformat()}Z"


# Few enough words; of signs that are no words there may be as many as there is room for.
schemathesis.openapi.format("search", st.lists(st.text(max_size=12), max_size=12).map(" ".join))
schemathesis.openapi.format("cursor", st.tuples(st.integers(0, 2**53), st.text(max_size=20)).map(_cursor))
schemathesis.openapi.format("date-time", _TIMES.map(_written))
