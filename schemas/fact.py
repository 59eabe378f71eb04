"""What every fact in the log has, whichever topic it is in: an identity, and the time at which it is said to have happened."""

from __future__ import annotations

from dataclasses import Field
from datetime import datetime
from typing import Any, ClassVar, Protocol


class Fact(Protocol):
    """An immutable fact, said in one record: a story's event, a subscription's, or an entry of the ledger. A dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # Any: a field of any type

    @property
    def event_id(self) -> str: ...

    @property
    def occurred_at(self) -> datetime: ...
