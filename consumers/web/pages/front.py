"""The page of all stories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup
from msgspec import Struct

from consumers.timeline.answers import Listed
from consumers.web.pages.publisher import Publisher, Voice, plain_voice, render, voice_of
from schemas.times import from_ms


class Teaser(Struct, frozen=True):
    """A story on the front page, in its own language.

    Attributes:
        updates: How many are public.
        changed_at: When its last record came.
    """

    listed: Listed
    voice: Voice
    updates: Markup
    changed_at: datetime


def front_page(stories: Sequence[Listed], *, publisher: Publisher, language: str = "en") -> str:
    """Return the page of all stories: those that run above those that have ended, each in the order given.

    Args:
        language: The language of the site itself.
    """
    voice = plain_voice(language)
    teasers = [_teaser(one, voice) for one in stories]
    running = [one for one in teasers if not one.listed.story.is_closed]
    ended = [one for one in teasers if one.listed.story.is_closed]
    return render("front.html", publisher=publisher, voice=voice, running=running, ended=ended, title=publisher.name)


def _teaser(listed: Listed, site_voice: Voice) -> Teaser:
    return Teaser(
        listed, voice_of(listed.story), site_voice.texts("updates", n=listed.updates), from_ms(listed.story.recorded_at)
    )
