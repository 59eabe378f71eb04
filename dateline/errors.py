"""What can go wrong, named for what happened. A message says what, with which value, and what to do."""

from __future__ import annotations

from collections.abc import Sequence


class DatelineError(Exception):
    """Something a user or an operator must know about; its text is the whole message.

    Attributes:
        retriable: Whether doing the same again, later, may succeed.
        exit_code: What a command that stops on it exits with.
    """

    retriable = False
    exit_code = 1


class Refused(DatelineError):
    """The input breaks a rule; nothing was written."""


class Unconfirmed(DatelineError):
    """What was written has no verdict yet, or a view has not come so far: no consumer in time."""

    retriable = True
    exit_code = 4


class Conflict(DatelineError):
    """`expects` was not the current revision; the event is in the log and was rejected there."""

    exit_code = 3


class LogUnavailable(DatelineError):
    """The log cannot be reached or written; nothing was written."""

    retriable = True


class TopicMissing(LogUnavailable):
    """The log's server answers, and has no such topic; nothing was written."""


class MaybeWritten(DatelineError):
    """The log gave no answer in time; the records may be there. Sending them again is safe.

    Attributes:
        event_ids: Those whose records may have been written, empty where the log cannot say.
    """

    retriable = True
    exit_code = 4

    def __init__(self, message: str, *, event_ids: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.event_ids = tuple(event_ids)


class LogUnreadable(DatelineError):
    """The file or topic is not one that this release can read (another format, a newer version)."""


class LogChanged(DatelineError):
    """LOG_CHANGED: a view was built from another log, or its cursor lies past the log's end.

    Attributes:
        view: Which.
    """

    def __init__(self, message: str, *, view: str = "timeline") -> None:
        super().__init__(message)
        self.view = view


class LogShortened(LogChanged):
    """LOG_CHANGED: a view's cursor lies past its partition's end."""


class RetentionGap(DatelineError):
    """RETENTION_GAP: the log begins after a view's cursor, so records are gone that the view never saw."""


class OtherVersion(DatelineError):
    """The live generation was made by another version of the fold; this release must not write into it."""


class GenerationGone(DatelineError):
    """The generation that was being written is no longer where it was: it became the live one, or was dropped."""


class StoreUnavailable(DatelineError):
    """Redis cannot be reached or used. What was being written is there whole or not at all; claiming anew tells."""

    retriable = True


class StoreFull(StoreUnavailable):
    """Redis has no memory left for what was to be written; it is whole, and goes on once it has."""


class RegistryUnavailable(DatelineError):
    """The schema registry gives no answer. What it said yes to before stays; doing the same again goes on from there."""

    retriable = True


class StoreBroken(DatelineError):
    """Redis refused a command: a key is of another kind, or a right is missing. Trying again does not help."""


class ContentDamaged(StoreBroken):
    """What a view holds of a story is not what a view writes; something else wrote there.

    Attributes:
        what: What it is, without what to do about it.
    """

    def __init__(self, message: str, *, what: str) -> None:
        super().__init__(message)
        self.what = what

    def of(self, story: str) -> ContentDamaged:
        """Return the error with the name of the story that was asked for, so that what to do can be copied."""
        return ContentDamaged(str(self).replace("--story STORY", f"--story {story}"), what=self.what)


class HalfWritten(StoreBroken):
    """Redis refused a write in the middle of a batch, so a part of it is there; that partition of that generation is given up."""


class TooManyParked(DatelineError):
    """So many stories of a partition are parked that it is no story's fault; nothing more is parked, and nothing is lost."""


class Undecodable(DatelineError):
    """A record's bytes are no event that this release can read."""
