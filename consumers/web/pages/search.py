"""The page of what a search found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup
from msgspec import Struct

from consumers.local_time import LocalTime
from consumers.search.answers import Found, Hit, Sort, Total
from consumers.search.question import Question
from consumers.search.snippets import as_html
from consumers.search.told import snippets_of
from consumers.state import Story
from consumers.timeline.shown import Shown, read_document
from consumers.web.links import Links
from consumers.web.markup import cut_at_word, one_line
from consumers.web.pages.languages import language_tag
from consumers.web.pages.publisher import Publisher, Voice, plain_voice, render, voice_of
from consumers.web.pages.texts import Texts
from consumers.web.pages.times import Times

_LONGEST_NOTE = 200


class SearchView(Struct, frozen=True):
    """What the page of a search shows.

    Attributes:
        found: None where nothing was asked for yet.
        story: The only one that was looked in; None for all.
        zones: The time zone of each story in which something was found.
        cursor: Where the part of the results begins; None at their head.
    """

    question: Question
    found: Found | None = None
    story: Story | None = None
    zones: Mapping[str, str] = {}
    sort: Sort = "relevance"
    cursor: str | None = None


class Result(Struct, frozen=True):
    """An update that was found.

    Attributes:
        language: The tag of what it is written in.
        headline, body: What is shown of it, the words found marked.
        when: When it was published, in its story's zone.
        corrected: When an error in it was last put right; None if never. `note` says what was wrong.
    """

    update: Shown
    story_title: str
    language: str
    headline: Markup
    body: Markup
    when: Markup
    corrected: Markup | None = None
    note: str = ""


def search_page(view: SearchView, *, publisher: Publisher) -> str:
    """Return the page where one asks, and what was found."""
    voice = voice_of(view.story) if view.story is not None else plain_voice()
    found, texts = view.found, voice.texts
    return render(
        "search.html",
        publisher=publisher,
        voice=voice,
        title=texts("search_title"),
        query=one_line(view.question.text),
        story=view.story,
        found=found,
        sort=view.sort,
        cursor=view.cursor,
        results=[_result(view, hit, voice) for hit in found.hits] if found is not None else [],
        total=total_in_words(found.total, texts) if found is not None else "",
        meant=_meant(view, publisher.local),
        address=_address(view, publisher.local),
    )


def total_in_words(total: Total, texts: Texts) -> Markup:
    """Return how many updates were found, in words."""
    if total.exact:
        return texts("updates", n=total.value)
    return texts("more_than", n=f"{total.value:,}".replace(",", texts.mark("thousands")))


def _result(view: SearchView, hit: Hit, voice: Voice) -> Result:
    update, shown = read_document(hit.document), snippets_of(view.question, hit)
    zone = view.zones.get(hit.story, "UTC")
    times = Times(voice.texts, zone)
    put_right = update.corrections[-1] if update.corrections else None
    return Result(
        update,
        one_line(hit.story_title),
        language_tag(hit.language),
        as_html(shown.headline),
        as_html(shown.body),
        Markup("{} {}").format(times.moment(update.published_at), LocalTime(zone).local(update.published_at).tzname()),
        voice.texts("corrected", when=times.near(put_right.corrected_at, update.published_at)) if put_right else None,
        _cut(one_line(put_right.note)) if put_right else "",
    )


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_NOTE else cut_at_word(line, length=_LONGEST_NOTE)


def _meant(view: SearchView, links: Links) -> Markup | None:
    """Return what may have been meant, as a link to what it finds."""
    if view.found is None or view.found.did_you_mean is None:
        return None
    meant = view.found.did_you_mean
    return Markup('<a href="{}" dir="auto">{}</a>').format(_address(view, links)(q=meant), one_line(meant))


def _address(view: SearchView, links: Links) -> Callable[..., str]:
    """Return what makes the address of this search; what it is called with is said of it instead."""
    story = view.story.id if view.story is not None else None
    sort = view.sort if view.sort != "relevance" else None
    asked: dict[str, Any] = {"q": view.question.text, "story": story, "sort": sort}  # Any: what a query takes

    def address(**other: str | None) -> str:
        return links.search(**(asked | other))

    return address
