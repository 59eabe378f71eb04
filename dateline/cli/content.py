"""The content options of the writing commands, and what they say."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import click
from typing_extensions import override

from dateline.cli.writing import WritingCommand
from dateline.errors import Refused

if TYPE_CHECKING:
    from typing import BinaryIO

    from dateline.merging import Picture
    from producers.options import Said
    from schemas.content import Content

F = TypeVar("F", bound=Callable[..., Any])  # Any: a command takes options of every type

KINDS = ("agency", "official", "broadcaster", "eyewitness", "social", "own")
"""`schemas.content.SOURCE_KINDS`, which takes long to load."""

BODY_HELP = """\b
In --body, an empty line parts paragraphs. "## " begins a heading, "- " an
item of a list, "> " a quote, whose last line may be "> — Speaker"; an address
alone in <https://…> is an embed. Text takes **bold** *italic* [link](url)."""

PARTS = ("body", "image", "sources", "places", "tags")


class ContentCommand(WritingCommand):
    """A writing command that takes content: its help says how a body is written."""

    @override
    def format_help_text(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        super().format_help_text(context, formatter)
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(BODY_HELP)


class ContentGiven(TypedDict):
    """The content options, as click gives them."""

    headline: str | None
    body: str | None
    body_file: str | None
    image: str | None
    caption: str | None
    credit: str | None
    alt: str | None
    source: tuple[str, ...]
    place: tuple[str, ...]
    tag: tuple[str, ...]


def content_options(function: F) -> F:
    """Give a command the options that say what an update's content is, the headline aside."""
    for option in (
        click.option("--tag", metavar="T", multiple=True, help="A tag; repeatable."),
        click.option("--place", metavar="P", multiple=True, help="Where; repeatable."),
        click.option(
            "--source", metavar="NAME[:KIND]", multiple=True, help=f"Who says so; repeatable. KIND: {', '.join(KINDS)}."
        ),
        click.option("--alt", metavar="TEXT", help="What it shows, for those who cannot see it."),
        click.option("--credit", metavar="TEXT", help="Whose picture it is."),
        click.option("--caption", metavar="TEXT", help="The picture's caption."),
        click.option("--image", metavar="URL", help="A picture, in place of the first one."),
        click.option("--body-file", metavar="FILE", help="The text from a file, or from stdin: -"),
        click.option("--body", metavar="TEXT", help="The text, written as said above."),
    ):
        function = option(function)
    return function


@dataclass(frozen=True, slots=True)
class Draft:
    """What was given of a content: the parts in whole, something about the first picture, the parts to leave out."""

    said: Said
    picture: Picture
    without: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.said or self.picture or self.without)

    def onto(self, current: Content) -> Content:
        """Return `current` with what this draft says.

        Raises:
            Refused: It says something about a picture, and there is none.
        """
        from dateline.merging import merged, with_picture, without_picture

        left: Said = {}
        for part in self.without:
            if part == "image":
                left["media"] = without_picture(current.media)
            else:
                left[part] = ()  # type: ignore[literal-required]  # the other parts bear the names of PARTS
        content = merged(current, {**left, **self.said})
        if not self.picture:
            return content
        media = with_picture(content.media, self.picture)
        if media is None:
            raise Refused(f"There is no picture that --{min(self.picture)} could say something about. Give one with --image.")
        return merged(content, {"media": media})


def draft_of(given: ContentGiven, *, without: tuple[str, ...] = ()) -> Draft:
    """Return what the options say; a body file is read.

    Raises:
        Refused: The body cannot be read, or is empty.
    """
    said: Said = {}
    if given["headline"] is not None:
        said["headline"] = given["headline"]
    body = _body(given["body"], given["body_file"])
    if body is not None:
        said["body"] = body
    if given["source"]:
        said["sources"] = given["source"]
    if given["place"]:
        said["places"] = given["place"]
    if given["tag"]:
        said["tags"] = given["tag"]
    return Draft(said, _picture(given), without)


def _picture(given: ContentGiven) -> Picture:
    picture: Picture = {}
    if given["image"] is not None:
        picture["uri"] = given["image"]
    if given["caption"] is not None:
        picture["caption"] = given["caption"]
    if given["credit"] is not None:
        picture["credit"] = given["credit"]
    if given["alt"] is not None:
        picture["alt"] = given["alt"]
    return picture


def _body(text: str | None, file: str | None) -> str | None:
    from schemas.body import parse_body

    if text is not None and file is not None:
        raise click.UsageError("Give --body or --body-file, not both.")
    if file is not None:
        text = _decoded(_read(file), _name(file))
    if text is not None and not parse_body(text):
        raise Refused(f"{'--body' if file is None else _name(file)} holds no text. Write some, or leave the option out.")
    return text


def _read(file: str) -> bytes:
    try:
        if file != "-":
            with Path(file).open("rb") as stream:
                return _read_stream(stream, _name(file))
        if sys.stdin is None:
            raise Refused("Stdin is closed, so there is no body to be read from it.")
        return _read_stream(sys.stdin.buffer, _name(file))
    except FileNotFoundError:
        raise Refused(f"{_name(file)} is not there. Check --body-file.") from None
    except (OSError, ValueError) as error:  # ValueError: the path holds a null character
        why = getattr(error, "strerror", None) or str(error)
        raise Refused(f"{_name(file)} cannot be read ({why}). Check --body-file.") from None


def _read_stream(stream: BinaryIO, name: str) -> bytes:
    """Return what a stream holds; of one that is too long, never more than shows it."""
    from schemas.rules import MOST_TEXT_BYTES

    size_bytes = os.fstat(stream.fileno()).st_size
    size = f"{size_bytes:,}"
    if size_bytes <= MOST_TEXT_BYTES:
        data = stream.read(MOST_TEXT_BYTES + 1)
        if len(data) <= MOST_TEXT_BYTES:
            return data
        size = f"more than {MOST_TEXT_BYTES:,}"
    raise Refused(f"{name} has {size} bytes; an update may have {MOST_TEXT_BYTES:,}. Shorten it or split it.")


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        found = f"byte 0x{data[error.start]:02x} at {error.start:,}"
        raise Refused(f"{name} is not UTF-8 ({found}). Save it as UTF-8.") from None


def _name(file: str) -> str:
    from schemas.names import shortened

    return "Stdin" if file == "-" else f"The body file {shortened(file)}"
