"""Where the pages are, what each is made of, and what is shown instead where something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import structs

from consumers.search.question import Filters, Question
from consumers.state import Story, Update
from consumers.timeline.answers import HistoryEntry, Page, Part
from consumers.timeline.reader import TimelineReader
from consumers.timeline.shown import Shown, read_document
from consumers.web.answers import FRESH, HTML, Answer, content_tag
from consumers.web.asked import AS_OF, CURSOR, LIST_CURSOR, Parameter, name_of_story, whole
from consumers.web.endpoints import Asked, Endpoint, Killed, Missing, no_longer, no_story
from consumers.web.pages.assets import static_files
from consumers.web.pages.front import front_page
from consumers.web.pages.publisher import Publisher
from consumers.web.pages.refusals import error_page, gone_page, not_found_page, unavailable_page
from consumers.web.pages.search import SearchView, search_page
from consumers.web.pages.security import content_security_policy
from consumers.web.pages.story import StoryView, entry_fragment, head_fragment, story_page
from consumers.web.pages.update import update_page
from consumers.web.problems import Problem, problem_caching, problem_headers
from consumers.web.reading import coverage_of, read_page
from consumers.web.searching import SORT, Q, read_found
from schemas.times import FURTHEST_SEQ

PER_PAGE: Final = 20
_KEY_EVENTS: Final = 100
_STORIES: Final = 200
_FOR_EVER: Final = "public, max-age=31536000, immutable"

_SEQ: Final = Parameter(
    "seq",
    "Of the change that is to be seen.",
    {"type": "integer", "minimum": 0, "maximum": FURTHEST_SEQ},
    whole(least=0, most=FURTHEST_SEQ),
)


_IN: Final = Parameter(
    "story",
    "Only of this story; empty for all.",
    {"type": "string"},
    lambda given: given and name_of_story(given),
)


def page_endpoints(name: str) -> Sequence[Endpoint]:
    """Return the pages of a site that is called `name`."""

    def page(show: Callable[[Asked, Publisher], str]) -> Callable[[Asked], Answer]:
        return lambda asked: _page(show(asked, Publisher(asked.links, name)))

    missing, gone = (404,), (404, 410)
    story, update = "/stories/{story}", "/stories/{story}/updates/{update}"
    searched = page(_search)
    of_story, seq, asking = (CURSOR, AS_OF), (_SEQ,), (Q, _IN, SORT, LIST_CURSOR)
    return (
        _endpoint("/", "frontPage", "The stories.", page(_front)),
        _endpoint("/search", "searchPage", "What a search found.", searched, parameters=asking, problems=missing, is_search=True),
        _endpoint(story, "storyPage", "A story's live page.", page(_story), parameters=of_story, problems=missing),
        _endpoint(f"{story}/head", "storyHead", "The page's head, as it is now.", page(_head), parameters=seq, problems=missing),
        _endpoint(update, "updatePage", "One update's own page.", page(_update), problems=gone),
        _endpoint(f"{update}/entry", "updateEntry", "An update on its page.", page(_entry), parameters=seq, problems=gone),
    )


def show_problem(error: Exception, problem: Problem, *, publisher: Publisher) -> Answer:
    """Return the page for what went wrong."""
    if isinstance(error, Killed):
        text = gone_page(error.story, killed_at=error.killed_at, publisher=publisher)
    elif isinstance(error, Missing):
        text = not_found_page(publisher=publisher, story=error.story, nearest=error.nearest)
    elif problem.status == 503:
        text = unavailable_page(publisher=publisher)
    else:
        text = error_page(problem.detail, publisher=publisher)
    shown = _page(text)
    shown.status, shown.etag = problem.status, ""
    shown.caching = problem_caching(problem)
    shown.headers = {**shown.headers, **problem_headers(problem)}
    return shown


def static_answers() -> Mapping[str, Answer]:
    """Return what pages load, by its name; the name changes with the content, so it is kept for ever."""
    return {name: Answer(body, kind, caching=_FOR_EVER) for name, (body, kind) in static_files().items()}


def _endpoint(
    path: str,
    name: str,
    meaning: str,
    read: Callable[[Asked], Answer],
    *,
    parameters: Sequence[Parameter] = (),
    problems: Sequence[int] = (),
    is_search: bool = False,
) -> Endpoint:
    found = Endpoint(path, name, meaning, read, parameters=parameters, media_type=HTML, problems=problems, is_strict=False)
    return structs.replace(found, is_kept=False, pool="searching") if is_search else found


def _page(text: str) -> Answer:
    body = text.encode()
    headers = {
        "content-security-policy": content_security_policy(),
        "referrer-policy": "strict-origin-when-cross-origin",
        "permissions-policy": "interest-cohort=()",
    }
    return Answer(body, HTML, etag=content_tag(body), caching=FRESH, headers=headers)


def _front(asked: Asked, publisher: Publisher) -> str:
    return front_page(asked.reader.stories(limit=_STORIES), publisher=publisher)


def _search(asked: Asked, publisher: Publisher) -> str:
    text, story, sort, cursor = (asked.given[name] for name in ("q", "story", "sort", "cursor"))
    within = asked.reader.story(story) if story else None
    if story and within is None:
        raise no_story(structs.replace(asked, story=story))
    question = Question(text, Filters(story=story or None))
    if not text.strip():
        return search_page(SearchView(question, story=within), publisher=publisher)
    found = read_found(asked, question, limit=PER_PAGE)
    kept = {name: asked.reader.story(name) for name in {hit.story for hit in found.hits}}
    zones = {name: one.heading.time_zone for name, one in kept.items() if one is not None}
    return search_page(SearchView(question, found, within, zones, sort, cursor), publisher=publisher)


def _story(asked: Asked, publisher: Publisher) -> str:
    cursor, as_of = asked.given["cursor"], asked.given["as_of"]
    coverage = coverage_of(Part(read_page(asked, limit=PER_PAGE)))
    if as_of is not None:
        return story_page(StoryView(coverage, cursor=cursor, as_of=as_of), publisher=publisher)
    key_events, pinned = ([], []) if cursor else _above(asked.reader, asked.story)
    histories = _histories(asked.reader, asked.story, [*coverage.updates, *pinned])
    view = StoryView(coverage, key_events=key_events, pinned=pinned, histories=histories, cursor=cursor)
    return story_page(view, publisher=publisher)


def _head(asked: Asked, publisher: Publisher) -> str:
    page = asked.reader.page(asked.story, limit=1)
    if page is None:
        raise no_story(asked)
    key_events, pinned = _above(asked.reader, asked.story)
    histories = _histories(asked.reader, asked.story, pinned)
    view = StoryView(coverage_of(Part(page)), key_events=key_events, pinned=pinned, histories=histories)
    return head_fragment(view, publisher=publisher)


def _update(asked: Asked, publisher: Publisher) -> str:
    story, _, shown = _found(asked)
    return update_page(shown, story=story, history=asked.reader.history(asked.story, asked.update) or (), publisher=publisher)


def _entry(asked: Asked, publisher: Publisher) -> str:
    story, update, shown = _found(asked)
    history = (asked.reader.history(asked.story, asked.update) or ()) if shown.corrections else ()
    return entry_fragment(shown, place=update.place, story=story, history=history, publisher=publisher)


def _found(asked: Asked) -> tuple[Story, Update, Shown]:
    found = asked.reader.found(asked.story, asked.update)
    if found is None:
        raise no_story(asked)
    story, update, document = found
    if update is None or document is None:
        raise no_longer(asked, story, update)
    return story, update, read_document(document)


def _above(reader: TimelineReader, story: str) -> tuple[Sequence[Shown], Sequence[Shown]]:
    """Return a story's key events and what is pinned, the newest first."""
    key_events = reader.page(story, limit=_KEY_EVENTS, key_events=True)
    pinned = reader.pinned(story)
    return _read(key_events), _read(pinned)


def _read(page: Page | None) -> Sequence[Shown]:
    return [read_document(document) for document in page.documents] if page is not None else []


def _histories(reader: TimelineReader, story: str, updates: Sequence[Shown]) -> Mapping[str, Sequence[HistoryEntry]]:
    corrected = {one.id for one in updates if one.corrections}
    return {name: reader.history(story, name) or () for name in sorted(corrected)}
