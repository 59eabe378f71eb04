"""What users wrote, as HTML that is safe wherever it stands: in a page, in a feed, within XML.

All text is escaped, and no tag, attribute or scheme comes from it but links to `http:`, `https:` and `mailto:`. What
comes out is HTML and well-formed XML alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from html import escape
from typing import Final
from urllib.parse import urlsplit

from markupsafe import Markup

from schemas.content import Block, Media
from schemas.markdown import Marked, parse_markdown

_HARMFUL: Final = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f"  # controls, which XML forbids
    "\x7f-\x84\x86-\x9f"  # more of them
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates: they turn round what stands after the text too
    "\ufff9-\ufffb"  # marks of annotations
    "\ud800-\udfff"  # half a character
    "\ufdd0-\ufdef" + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)) + "]"
)
_BREAKS: Final = re.compile("\r\n?|\x85")
_WEB: Final = re.compile(r"https?://[^\s/?#\\<>\"]+[^\s\\<>\"]*", re.IGNORECASE)
_REL: Final = 'rel="nofollow noopener noreferrer"'


def clean(text: str) -> str:
    """Return `text` without what is no text: controls, half characters, and signs that change the direction of what follows.

    What is left may stand in XML 1.0, in JSON and in a page. Marks that shape a word (joiners, direction marks) stay.
    """
    if text.isascii() and text.isprintable():
        return text  # nearly all text is, and is looked at several times on its way out
    return _HARMFUL.sub("", _BREAKS.sub("\n", text))


def web_address(uri: str | None) -> str | None:
    """Return `uri` if it is an address on the web that may be linked and loaded, else None."""
    address = clean(uri or "")
    if not _WEB.fullmatch(address):
        return None
    try:
        return address if urlsplit(address).hostname else None
    except ValueError:  # brackets that hold no address
        return None


def escaped(text: str) -> Markup:
    """Return `text` as it stands, as HTML."""
    return Markup(escape(clean(text)))  # escaped just now


def lines_html(text: str) -> Markup:
    """Return a text that is no Markdown, such as a note or a caption, as HTML; its line breaks are kept."""
    return Markup(_text(text).replace("\n", "<br/>"))  # escaped just now


def text_html(text: str) -> Markup:
    """Return a text of the small Markdown as HTML of a line: bold, italic, links; its line breaks are kept."""
    return Markup(_inline(text))  # built of escaped parts


def plain_text(text: str) -> str:
    """Return a text of the small Markdown without its signs."""
    return "".join(_plain(part) for part in parse_markdown(clean(text)))


def one_line(text: str) -> str:
    """Return a text that is no Markdown on one line."""
    return " ".join(clean(text).split())


def cut_at_word(line: str, *, length: int) -> str:
    """Return the beginning of a line that is longer than `length`, and a sign that it goes on."""
    cut = line[:length]
    return f"{cut.rpartition(' ')[0] or cut} …"


def blocks_html(blocks: Iterable[Block], *, level: int = 3) -> Markup:
    """Return the blocks of a body as HTML, one element each.

    Args:
        level: Of the body's own headings: 3 for `<h3>`.
    """
    written = (_heading(block, level) if block.type == "heading" else _WRITE.get(block.type, _other)(block) for block in blocks)
    return Markup("\n".join(html for html in written if html))  # each is built of escaped parts


def figure_html(media: Media) -> Markup:
    """Return a picture, video or sound as a figure with caption and credit; what is not on the web is named, not loaded."""
    address = web_address(media.uri)
    shown = _SHOW.get(media.type, _linked)(media, address) if address is not None else f"<p>{_text(media.uri)}</p>"
    credit = f'<span class="credit">{_text(media.credit)}</span>' if media.credit.strip() else ""
    caption = " ".join(part for part in (lines_html(media.caption.strip()), credit) if part)
    return Markup(f"<figure>{shown}{f'<figcaption>{caption}</figcaption>' if caption else ''}</figure>")  # escaped parts


def link_html(address: str | None, words: str) -> Markup:
    """Return `words` as a link, or as they are where `address` is not on the web."""
    safe = web_address(address)
    return Markup(f'<a href="{escape(safe)}" {_REL}>{_text(words)}</a>' if safe else _text(words))  # escaped parts


def _text(text: str) -> str:
    return escape(clean(text))


def _inline(text: str) -> str:
    return "".join(_part(part) for part in parse_markdown(clean(text)))


def _part(part: str | Marked) -> str:
    if isinstance(part, str):
        return escape(part).replace("\n", "<br/>")
    inside = "".join(map(_part, part.parts))
    if part.kind == "link":
        is_safe = part.address.startswith("mailto:") or web_address(part.address)
        return f'<a href="{escape(part.address)}" {_REL}>{inside}</a>' if is_safe else inside
    tag = "strong" if part.kind == "bold" else "em"
    return f"<{tag}>{inside}</{tag}>"


def _plain(part: str | Marked) -> str:
    return part if isinstance(part, str) else "".join(map(_plain, part.parts))


def _paragraph(block: Block) -> str:
    html = _inline(block.text).strip()
    return f"<p>{html}</p>" if html else ""


def _heading(block: Block, level: int) -> str:
    html = _inline(block.text).strip()
    return f"<h{level}>{html}</h{level}>" if html else ""


def _quote(block: Block) -> str:
    speaker = f"<footer>— {_text(block.speaker)}</footer>" if block.speaker else ""
    said = _paragraph(block) + speaker
    return f"<blockquote>{said}</blockquote>" if said else ""


def _list(block: Block) -> str:
    points = "".join(f"<li>{_inline(item)}</li>" for item in block.items)
    return f"<ul>{points}</ul>" if points else ""


def _embed(block: Block) -> str:
    link = link_html(block.uri, block.uri or "")
    return _paragraph(block) + (f'<p class="embed">{link}</p>' if link else "")


def _other(block: Block) -> str:
    """Show what is in a block of a type that this release does not know, as far as it is text."""
    return _paragraph(block) + _list(block) + (_embed(Block(uri=block.uri)) if block.uri else "")


_WRITE: Final[dict[str, Callable[[Block], str]]] = {
    "paragraph": _paragraph,
    "quote": _quote,
    "list": _list,
    "embed": _embed,
}


def _image(media: Media, address: str) -> str:
    about = f'alt="{_attribute(media.alt)}"{_size(media)}'
    return f'<img src="{escape(address)}" {about} loading="lazy" decoding="async" referrerpolicy="no-referrer"/>'


def _video(media: Media, address: str) -> str:
    return f'<video src="{escape(address)}" controls="" preload="none"{_size(media)}{_label(media)}></video>'


def _audio(media: Media, address: str) -> str:
    return f'<audio src="{escape(address)}" controls="" preload="none"{_label(media)}></audio>'


def _linked(media: Media, address: str) -> str:
    return f"<p>{link_html(address, media.alt or address)}</p>"


def _attribute(text: str) -> str:
    return " ".join(_text(text).split())


def _label(media: Media) -> str:
    return f' aria-label="{_attribute(media.alt)}"' if media.alt.strip() else ""


def _size(media: Media) -> str:
    sides = (("width", media.width), ("height", media.height))
    return "".join(f' {name}="{pixels}"' for name, pixels in sides if pixels)


_SHOW: Final[dict[str, Callable[[Media, str], str]]] = {"image": _image, "video": _video, "audio": _audio}
