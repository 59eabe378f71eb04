"""Who comes with a key: found out before anything is read, and held to a pace."""

from __future__ import annotations

from typing import Final

from consumers.web.answers import Scope
from consumers.web.problems import Problem
from dateline.serving.bodies import header
from producers.api import refuse_beyond
from producers.keys import Act, DeskKey, KeyRing
from producers.pace import Pace

PER_SECOND: Final = 5_000.0
"""Requests of one key in the long run."""

WRONG_PER_SECOND: Final = 0.2
WRONG_AT_ONCE: Final = 20
"""Wrong keys from one address, before it is told to wait. Who has a right one is always let in."""

_CHALLENGE: Final = 'Bearer realm="Dateline"'


class Entrance:
    """Lets those in who have a key."""

    def __init__(self, ring: KeyRing, *, per_second: float = PER_SECOND) -> None:
        self._ring = ring
        self._pace = Pace(per_second=per_second, at_once=max(1, int(2 * per_second)))
        self._wrong = Pace(per_second=WRONG_PER_SECOND, at_once=WRONG_AT_ONCE)

    def admit(self, scope: Scope) -> DeskKey:
        """Return the key that a request comes with.

        Raises:
            Problem: It has none or a wrong one (401), or there were too many (429).
            KeysUnreadable: Nobody can be let in.
        """
        given = header(scope, b"authorization")
        scheme, _, text = (given or "").partition(" ")
        key = self._ring.whose(text.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            raise self._stranger(scope, given)
        if wait := self._pace.wait(key.id):
            raise Problem(429, f"This key has sent more than {PER_SECOND:,.0f} requests a second.", retry_after=wait)
        return key

    def admit_to(self, scope: Scope, act: Act, story: str | None = None) -> DeskKey:
        """Return the key that a request comes with, if it is for this.

        Raises:
            Problem, KeysUnreadable: As for `admit`.
            Forbidden: It is for less.
        """
        key = self.admit(scope)
        refuse_beyond(key, act, story)
        return key

    def _stranger(self, scope: Scope, given: str | None) -> Problem:
        if given is None:
            return Problem(401, "This needs a key: Authorization: Bearer KEY. See: dateline desks add", challenge=_CHALLENGE)
        address = (scope.get("client") or ("", 0))[0]
        if wait := self._wrong.wait(address):
            return Problem(429, "There were too many wrong keys from this address.", retry_after=wait)
        return Problem(
            401, "The key is not one that holds. See: dateline desks list", challenge=f'{_CHALLENGE}, error="invalid_token"'
        )
