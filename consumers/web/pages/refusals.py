"""The pages for what cannot be shown: taken back for good, not there, not now, or asked for in a way that makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from consumers.state import Story
from consumers.web.pages.publisher import Publisher, Voice, plain_voice, render, voice_of

RETRY_AFTER_S = 5
"""Seconds after which the page for Redis being away asks again by itself."""


def gone_page(story: Story, *, killed_at: datetime, publisher: Publisher) -> str:
    """Return the page in the place of an update that was killed (410): nothing of what it said, and no name that could say it."""
    voice = voice_of(story)
    text = voice.texts("gone_text", when=voice.times.moment(killed_at))
    return _refusal("gone_title", text, publisher=publisher, voice=voice, story=story)


def not_found_page(*, publisher: Publisher, story: Story | None = None, nearest: Sequence[Story] = ()) -> str:
    """Return the page for an address with nothing behind it (404).

    Args:
        story: The story in which no such update is.
        nearest: The stories that may have been meant.
    """
    voice = voice_of(story) if story is not None else plain_voice()
    text = voice.texts("not_found_text")
    return _refusal("not_found_title", text, publisher=publisher, voice=voice, story=story, nearest=nearest)


def unavailable_page(*, publisher: Publisher, retry_after_s: int = RETRY_AFTER_S, language: str = "en") -> str:
    """Return the page for a time when the timeline cannot be read (503); it asks again by itself, without a script."""
    voice = plain_voice(language)
    text = voice.texts("unavailable_text", n=retry_after_s)
    return _refusal("unavailable_title", text, publisher=publisher, voice=voice, retry_after_s=retry_after_s)


def error_page(message: str, *, publisher: Publisher) -> str:
    """Return the page for a request that makes no sense (400) or failed (500); `message` says what to do."""
    return _refusal("error_title", message, publisher=publisher, voice=plain_voice())


def _refusal(
    title: str,
    text: str | Markup,
    *,
    publisher: Publisher,
    voice: Voice,
    story: Story | None = None,
    nearest: Sequence[Story] = (),
    retry_after_s: int | None = None,
) -> str:
    return render(
        "refusal.html",
        publisher=publisher,
        voice=voice,
        title=voice.texts(title),
        text=text,
        story=story,
        nearest=nearest,
        retry_after_s=retry_after_s,
    )
