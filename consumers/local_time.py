"""A story's own clock: its time zone's hours and days, in words that do not depend on this machine's language."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


class LocalTime:
    """Says times in one zone. `name` is the zone's; UTC where there is no such zone, which a foreign producer may have named."""

    def __init__(self, name: str) -> None:
        found = _zone(name)
        self._zone = found or UTC
        self.name = name if found else "UTC"

    def local(self, when: datetime) -> datetime:
        return when.astimezone(self._zone)

    def hour(self, when: datetime) -> str:
        """Return `21:16`."""
        return f"{self.local(when):%H:%M}"

    def season(self, when: datetime) -> str:
        """Return `CDT` or `CST` in the hour that comes twice when summer time ends, else nothing."""
        local = self.local(when)
        twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
        return local.tzname() or "" if twice else ""

    def day(self, when: datetime) -> str:
        """Return `Monday 13 April 1970`."""
        local = self.local(when)
        return f"{local:%A} {local.day} {local:%B} {local.year}"

    def moment(self, when: datetime, *, near: datetime | None = None, zoned: bool = False) -> str:
        """Return `13 April 1970, 21:16`; without the year or the day if `near` has the same; `zoned` adds `CST`."""
        local = self.local(when)
        close = self.local(near) if near is not None else None
        zone = local.tzname() if zoned else self.season(when)
        hour = f"{local:%H:%M} {zone}".rstrip()
        if close is not None and close.date() == local.date():
            return hour
        year = "" if close is not None and close.year == local.year else f" {local.year}"
        return f"{local.day} {local:%B}{year}, {hour}"


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # no such zone, no name at all, a folder of zones
        return None
