"""Copy that wants to do harm, put wherever a page says something; made past the rules, as a foreign producer may."""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec.json import encode

from consumers.search.answers import Found, Hit, Total
from consumers.search.question import Filters, Question
from consumers.state import Change, Correction, Heading, Story
from consumers.timeline.answers import HistoryEntry, Listed
from consumers.timeline.shown import Shown
from consumers.web.coverage import Coverage
from consumers.web.links import Links
from consumers.web.pages.front import front_page
from consumers.web.pages.publisher import Publisher
from consumers.web.pages.refusals import error_page, gone_page, not_found_page
from consumers.web.pages.search import SearchView, search_page
from consumers.web.pages.story import StoryView, entry_fragment, head_fragment, story_page
from consumers.web.pages.update import update_page
from schemas.content import BLOCK_TYPES, MEDIA_TYPES, Block, Media, Source

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
PUBLISHER = Publisher(Links("http://page.test"))

VECTORS = {
    "script": "<script>window.harmed=1;alert(1)</script>",
    "image": "<img src=x onerror=window.harmed=1;alert(1)>",
    "attribute": "\" onmouseover=alert(1) autofocus onfocus=window.harmed=1 x=\"' onload='alert(1)",
    "javascript": "javascript:window.harmed=1",
    "javascript link": "[here](javascript:alert(1)) [there](JaVaScRiPt&colon;alert(1)) <javascript:alert(1)>",
    "data": "data:text/html,<script>window.harmed=1</script>",
    "svg": "<svg onload=window.harmed=1><script>alert(1)</script></svg>",
    "frame": "<iframe srcdoc='<script>parent.harmed=1</script>'></iframe><base href=//evil.test><meta http-equiv=refresh>",
    "style": "<style>body{background:url(http://evil.test/)}</style><link rel=stylesheet href=http://evil.test/>",
    "template": "{{ 7*7 }} {% for x in y %} ${7*7} {0.__class__} {n} {when}",
    "end of script": "</script><script>window.harmed=1</script> <!--<script> ]]> --> \u2028 \u2029",
    "end of text": "</title></textarea></noscript></article></main><plaintext><form><button formaction=javascript:alert(1)>",
    "markdown": '**<b onclick=alert(1)>** [<img src=x onerror=alert(1)>](http://page.test/"onclick=alert(1)) _a_ `b`',
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#x3c;script&#x3e;",
    "bidi": "Safe \u202etxt.exe\u202c \u2066\u2067\u2068 \u061c\u200e end",
    "homoglyphs": "аррӏе.com ⅼive ⁠ \u200b \ufeff zero",
    "controls": "nul \x00 esc \x1b[31m bell \x07 \x85 \x9b del \x7f",
    "surrogates": "half \ud83d and \ude00 and \udcff",
    "zalgo": "Z" + "\u0334\u0335\u0336" * 200,
    "no space": "W" * 5000,
}


def shown(text: str, update: str = "one", *, blocks: int = 1) -> Shown:
    """An update that says `text` wherever something can be said."""
    body = tuple(Block(kind, text, text, (text,), text) for kind in (*BLOCK_TYPES, text)) * blocks
    media = tuple(Media(kind, text, text, text, text) for kind in (*MEDIA_TYPES, text))
    told = Correction(2, text, text, NOON)
    sources = (Source(text, text, text), Source(text, "own", None))
    return Shown(
        update, "flood", 3, 2, text, body, media, sources, (text,), (text,), 1, True, False, text, text, NOON, NOON, (told,)
    )  # fmt: skip


def history(text: str) -> list[HistoryEntry]:
    """What readers were told of such an update: without its words, which no log could have kept in this form."""
    kinds = ("published", "corrected", "marked", "late", text)
    return [HistoryEntry(Change(n, n - 1, kind, "one", n, text, text, NOON, 0), None) for n, kind in enumerate(kinds, 1)]


def story(text: str) -> Story:
    return Story("flood", Heading(text, text, text, text, (text,), NOON), seq=3)


def view(text: str, *, blocks: int = 1) -> StoryView:
    one = shown(text, blocks=blocks)
    pinned = shown(text, "two")
    coverage = Coverage(story(text), 3, "g1", [one, pinned], [2, 1], (), text)
    return StoryView(coverage, [one] * 7, [pinned])


def found(text: str) -> SearchView:
    """What a search for `text` found: an update and a story that say nothing else, and what may have been meant."""
    written = text.encode(errors="replace").decode()  # half a character is in no document
    asked = Question(written[:1000], Filters(story="flood"))
    hit = Hit("flood", "one", text, text, encode(shown(written)))
    return SearchView(asked, Found(Total(1, True), [hit, hit], text, text), story(text), {"flood": text}, cursor=text)


def pages(text: str) -> dict[str, str]:
    """Every page and fragment, saying `text`."""
    told, one = story(text), shown(text)
    return {
        "story": story_page(view(text), publisher=PUBLISHER),
        "head": head_fragment(view(text), publisher=PUBLISHER),
        "entry": entry_fragment(one, place=2, story=told, history=history(text), publisher=PUBLISHER),
        "update": update_page(one, story=told, history=history(text), publisher=PUBLISHER),
        "front": front_page([Listed(told, 2)], publisher=PUBLISHER),
        "gone": gone_page(told, killed_at=NOON, publisher=PUBLISHER),
        "not found": not_found_page(publisher=PUBLISHER, story=told, nearest=[told]),
        "found": search_page(found(text), publisher=PUBLISHER),
        "error": error_page(text, publisher=PUBLISHER),
    }
