"""Copy as HTML: nothing in it is obeyed, a small safe Markdown is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable

from markupsafe import Markup, escape

from schemas.content import Block, Media
from schemas.markdown import Marked, parse_markdown

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
_TAGS = {"bold": "strong", "italic": "em"}


def clean(text: str) -> str:
    """Return `text` without controls, signs that turn the line around, and surrogates."""
    return _COMMANDS.sub("", text)


def text_html(text: str) -> Markup:
    """Return `text` with bold, italic and links; whatever else it holds is text."""
    return Markup("").join(_part(part) for part in parse_markdown(clean(text)))


def blocks_html(blocks: Iterable[Block]) -> Markup:
    """Return the blocks of a body."""
    return Markup("\n").join(_block(block) for block in blocks)


def figure_html(media: Media) -> Markup:
    """Return a picture, video or sound with its caption and credit."""
    if not media.uri.startswith(("https://", "http://")):
        return Markup("")
    uri = clean(media.uri)
    size = Markup(' width="{}" height="{}"').format(media.width, media.height) if media.width and media.height else ""
    shown = {
        "video": Markup('<video src="{uri}" controls preload="none"{size} aria-label="{alt}"></video>'),
        "audio": Markup('<audio src="{uri}" controls preload="none" aria-label="{alt}"></audio>'),
    }.get(
        media.type,
        Markup('<img src="{uri}" alt="{alt}"{size} loading="lazy" decoding="async" referrerpolicy="no-referrer">'),
    )
    caption = Markup("{} <small>{}</small>").format(text_html(media.caption), clean(media.credit))
    words = Markup("<figcaption>{}</figcaption>").format(caption) if media.caption or media.credit else ""
    return Markup("<figure>{}{}</figure>").format(shown.format(uri=uri, alt=clean(media.alt), size=size), words)


def _part(part: str | Marked) -> Markup:
    if isinstance(part, str):
        return escape(part)
    inner = Markup("").join(_part(one) for one in part.parts)
    if part.kind == "link":
        return Markup('<a href="{}" rel="nofollow noopener" referrerpolicy="no-referrer">{}</a>').format(part.address, inner)
    return Markup("<{0}>{1}</{0}>").format(_TAGS[part.kind], inner)


def _block(block: Block) -> Markup:
    text = text_html(block.text).replace("\n", Markup("<br>"))
    if block.type == "quote":
        said = Markup("<footer>{}</footer>").format(clean(block.speaker)) if block.speaker else ""
        return Markup("<blockquote><p>{}</p>{}</blockquote>").format(text, said)
    if block.type == "heading":
        return Markup("<h4>{}</h4>").format(text)
    if block.type == "list":
        points = Markup("").join(Markup("<li>{}</li>").format(text_html(one)) for one in block.items)
        return Markup("<ul>{}</ul>").format(points)
    shown = Markup("<p>{}</p>").format(text) if block.text else Markup("")
    return shown + (Markup("<p>{}</p>").format(clean(block.uri)) if block.uri else "")
