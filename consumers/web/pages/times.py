"""Times on a page: in the story's zone, each with its exact moment, for the script that knows the reader's zone."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from markupsafe import Markup

from consumers.local_time import LocalTime
from consumers.web.pages.texts import Texts
from schemas.times import rfc3339

Form = Literal["hour", "day", "short", "moment"]
"""How a time is shown: `21:08`; `Monday 13 April 1970`; `13 April, 21:08`; `13 April 1970, 21:08`."""


class Times:
    """Says times in one zone and one language.

    Attributes:
        zone: The zone's name; UTC where the story names none that there is.
    """

    def __init__(self, texts: Texts, zone: str) -> None:
        self._texts = texts
        self._clock = LocalTime(zone)
        self.zone = self._clock.name

    def day(self, when: datetime) -> str:
        return self._said("day", when)

    def hour(self, when: datetime) -> Markup:
        return self._time(when, "hour", f"{self._clock.hour(when)} {self._clock.season(when)}".rstrip())

    def moment(self, when: datetime) -> Markup:
        return self._time(when, "moment", self._said("moment", when, date=self._said("date", when)))

    def short(self, when: datetime) -> Markup:
        """Return it without the year, for where that is clear."""
        return self._time(when, "short", self._said("short", when))

    def near(self, when: datetime, near: datetime) -> Markup:
        """Return the hour alone if `near` is on the same day."""
        same = self._clock.local(when).date() == self._clock.local(near).date()
        return self.hour(when) if same else self.moment(when)

    def day_heading(self, when: datetime) -> Markup:
        return self._time(when, "day", self.day(when))

    def _said(self, form: str, when: datetime, **more: str) -> str:
        local = self._clock.local(when)
        weekday, month = self._texts.names("weekdays")[local.weekday()], self._texts.names("months")[local.month - 1]
        parts = {"weekday": weekday, "day": local.day, "month": month, "year": local.year, "hour": f"{local:%H:%M}"}
        return str(self._texts(form, **parts, **more))

    def _time(self, when: datetime, form: Form, shown: str) -> Markup:
        return Markup('<time datetime="{}" title="{}" data-t="{}">{}</time>').format(
            short_rfc3339(when), self._exact(when), form, shown
        )

    def _exact(self, when: datetime) -> str:
        local = self._clock.local(when)
        zone = self.zone if local.tzname() == self.zone else f"{local.tzname()}, {self.zone}"
        return f"{self.day(when)}, {local:%H:%M:%S} ({zone})"


def short_rfc3339(when: datetime) -> str:
    """Return a moment as RFC 3339, without a fraction of a second that is nought."""
    return rfc3339(when).replace(".000000Z", "Z")
