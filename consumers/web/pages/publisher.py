"""What all pages of one publisher have in common, and the templates that they are made from."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from consumers.state import Story
from consumers.web.links import Links
from consumers.web.markup import blocks_html, clean, figure_html, text_html, web_address
from consumers.web.pages.assets import asset_name
from consumers.web.pages.languages import direction, language_tag, main_language
from consumers.web.pages.texts import ENGLISH, Texts, texts_for
from consumers.web.pages.times import Times, short_rfc3339

_TEMPLATES = Path(__file__).parent / "templates"


class Publisher(Struct, frozen=True):
    """Who publishes, and where.

    Attributes:
        links: Absolute addresses, as others should know them: canonical ones, for sharing, for machines.
        name: What the publisher's site is called.
    """

    links: Links
    name: str = "Dateline"

    @property
    def local(self) -> Links:
        """The same addresses for use within a page, without scheme and host."""
        return Links(urlsplit(self.links.base).path)


class Voice(Struct, frozen=True):
    """How a page speaks: its texts, its times, the language and direction of what the desk wrote.

    Attributes:
        texts: In the story's language, English where there are none.
        language: The tag of the story's language.
        foreign: The story's language where it is not the texts' own, else None.
    """

    texts: Texts
    times: Times
    language: str
    direction: str
    foreign: str | None


def voice_of(story: Story) -> Voice:
    """Return how the pages of a story speak."""
    return _voice(story.heading.language, story.heading.time_zone)


def plain_voice(language: str = ENGLISH) -> Voice:
    """Return how a page speaks that belongs to no story."""
    return _voice(language, "UTC")


def render(template: str, *, publisher: Publisher, voice: Voice, **values: object) -> str:
    """Return a page; whatever text a template shows is cleaned and escaped, unless it is HTML already."""
    common = {"publisher": publisher, "links": publisher.local, "t": voice.texts, "times": voice.times, "voice": voice}
    return environment().get_template(template).render(**common, **values)


@cache
def environment() -> Environment:
    """Return the templates' environment; a name that a template misspells is an error."""
    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_cleaned,
        auto_reload=False,
    )
    found.filters |= {
        "markdown": text_html,
        "blocks": partial(blocks_html, level=4),
        "figure": figure_html,
        "rfc3339": short_rfc3339,
    }
    found.globals |= {"asset": asset_name, "web_address": web_address, "fragment": fragment}
    return found


def fragment(update: str) -> str:
    """Return `#ID`, the place of an update on the page that one reads."""
    return Links("").anchor("", update).removeprefix("/stories/")


def _voice(language: str, zone: str) -> Voice:
    tag, texts = language_tag(language), texts_for(language)
    foreign = tag if main_language(tag) != texts.language else None
    return Voice(texts, Times(texts, zone), tag, direction(tag), foreign)


def _cleaned(value: object) -> object:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
