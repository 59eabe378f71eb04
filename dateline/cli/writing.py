"""What every writing command shares: its common options, and how it looks before it speaks and says what happened."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click

from dateline.cli.common import unknown_story, unknown_update
from dateline.errors import DatelineError, Refused, StoreUnavailable, Unconfirmed

if TYPE_CHECKING:
    from datetime import datetime

    from consumers.state import Story, Update
    from dateline.deployment import Deployment
    from dateline.verdicts import Told
    from producers.desk import Desk, Receipt
    from producers.options import About

F = TypeVar("F", bound=Callable[..., Any])  # Any: a command takes options of every type
_PATHS = ("body_file",)
_FRACTION = re.compile(r"(\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+Z")


class WritingCommand(click.Command):
    """A command whose words go into the log: it takes none that are not UTF-8."""

    def invoke(self, context: click.Context) -> Any:  # Any: as click has it
        for param in self.params:
            value = context.params.get(param.name or "")
            for text in value if isinstance(value, tuple) else (value,):
                if isinstance(text, str) and param.name not in _PATHS and not _is_utf8(text):
                    name = param.opts[0] if isinstance(param, click.Option) else param.make_metavar(context)
                    raise Refused(f"{name} holds bytes that are not UTF-8: {_shown(text)}. Write it in UTF-8.")
        return super().invoke(context)


def moment(context: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read a time (a click callback)."""
    from schemas.times import parse_time

    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, param) from None


def whole_number(low: int, high: int = 2**31 - 1) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """Return what reads a whole number in this range (a click callback)."""

    def read(context: click.Context, param: click.Parameter, value: str | None) -> int | None:
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and low <= int(value[:20]) <= high):
            raise click.BadParameter(f"{_shown(value)} is no whole number from {low} to {high}.", context, param)
        return int(value)

    return read


class AboutGiven(TypedDict):
    """The options of every writing command, as click gives them."""

    desk: str | None
    author: str | None
    at: datetime | None
    event_id: str | None
    idempotency_key: str | None
    as_json: bool


def about_options(function: F) -> F:
    """Give a command the options that go with any event."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON."),
        click.option("--idempotency-key", metavar="KEY", help="The same key again is the same event."),
        click.option("--event-id", metavar="ID", help="The same id again is the same event."),
        click.option("--at", metavar="TIME", callback=moment, help="When it happened; now if not given."),
        click.option("--author", metavar="NAME", help="Who at the desk says it."),
        click.option("--desk", metavar="NAME", help="The desk; DATELINE_DESK if not given."),
    ):
        function = option(function)
    return function


class Writer:
    """Carries out one writing command: looks first, sends one event, waits for its verdict and says what happened.

    Attributes:
        about: What goes with the event.
    """

    def __init__(self, deployment: Deployment, given: AboutGiven) -> None:
        self._deployment = deployment
        self._given = given
        self._blind: DatelineError | None = None
        self._remarks: list[str] = []
        self.about = _about(given)

    def look(self) -> bool:
        """Bring the view up to date. Tell whether it can be had: without it, nothing can be checked before it is sent."""
        try:
            self._deployment.warm_up()
            self._deployment.timeline.check()
            self._deployment.timeline.catch_up()
        except (StoreUnavailable, Unconfirmed) as error:
            self._blind = error
        return self._blind is None

    def must_look(self) -> None:
        """Bring the view up to date, for a command that builds on what is there.

        Raises:
            StoreUnavailable: The view cannot be had; nothing was written.
        """
        if not self.look():
            raise StoreUnavailable(f"Nothing was written, as what there is now cannot be looked up: {self._blind}")

    def find_story(self, name: str) -> Story:
        """Return the story of this name, or raise the error that says which there is."""
        from schemas.names import check_name

        name = check_name("story", name)
        story = self._deployment.reader.story(name)
        if story is None:
            raise unknown_story(self._deployment, name)
        return story

    def find_update(self, story: str, update: str) -> Update:
        """Return the update of this name, public or not, or raise the error that says which there is."""
        from schemas.names import check_name

        story, update = check_name("story", story), check_name("update", update)
        found = self._deployment.reader.update(story, update)
        if found is None:
            self.find_story(story)
            raise unknown_update(self._deployment, story, update)
        return found

    def remark(self, text: str) -> None:
        """Have the user warned of something once the event is accepted."""
        self._remarks.append(text)

    def send(self, act: Callable[[Desk], Receipt], say: Callable[[Told], str]) -> int:
        """Let a desk do `act`, and say what became of it.

        Args:
            say: Gives the line for the user if it was accepted.

        Raises:
            Refused: The event breaks a rule, or was rejected.
            Conflict: It expected another revision.
            Unconfirmed: It is written, or may be, and there is no verdict.
        """
        from dateline.cli import sending  # after the private redis-server was started: it loads what takes long

        desk = self._given["desk"]
        name = self._deployment.settings.desk if desk is None else desk
        event, told = sending.send(self._deployment, act, desk=name, blind=self._blind, key=self._given["idempotency_key"])
        return sending.report(event, told, as_json=self._given["as_json"], say=say, remarks=self._remarks)

    def standing(self, told: Told) -> str:
        """Return what keeps readers from seeing an update, as a sentence to add; empty if they see it."""
        try:
            update = self._deployment.reader.update(told.story, told.update or "")
        except StoreUnavailable:
            return ""  # what was to be done is done; this was an extra
        if update is None or update.is_public:
            return ""
        if update.withheld:
            return " It is withheld, so readers do not see it."
        return f" It is under embargo until {shown_time(update.embargo_until)}." if update.embargo_until else ""


def shown_time(when: datetime) -> str:
    """Return a time for the eye, in UTC."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC"


def for_people(text: str) -> str:
    """Return a message with the times in it to the second: where the log has more, it is for machines."""
    return _FRACTION.sub(r"\1Z", text)


def _about(given: AboutGiven) -> About:
    if given["event_id"] is not None and given["idempotency_key"] is not None:
        raise click.UsageError("Give --event-id or --idempotency-key, not both.")
    if given["idempotency_key"] is not None and not given["idempotency_key"].strip():
        raise click.UsageError("--idempotency-key is empty. Write a key that is this request's own, or leave it out.")
    about: About = {}
    if given["author"] is not None:
        about["author"] = given["author"]
    if given["at"] is not None:
        about["occurred_at"] = given["at"]
    if given["event_id"] is not None:
        about["event_id"] = given["event_id"]
    if given["idempotency_key"] is not None:
        about["idempotency_key"] = given["idempotency_key"]
    return about


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(text: str) -> str:
    from schemas.names import shortened

    return shortened(text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")).replace("\\\\", "\\")
