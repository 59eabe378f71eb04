"""What the index holds of an update to find it by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

from consumers.search.analyser import words_of
from consumers.search.marks import marks_of
from consumers.search.plan import Indexed
from consumers.search.stems import MARK, stem_tokens, stemmed_as
from consumers.state import Update
from consumers.web.markup import clean, plain_text
from schemas.content import Block, Content

_GAP: Final = f" {MARK} "
"""Between texts that no phrase may cross."""

_Chunk = tuple[str, tuple[str, ...], str]


def indexed(story: str, update: Update, language: str) -> Indexed:
    """Return what `update` is found by.

    Args:
        language: Its story's.
    """
    content = update.content
    stemming = stemmed_as(language)
    texts = {name: [clean(text) for text in said] for name, said in _texts(content).items()}
    texts["body"] = body_texts(content)
    texts["note"] = [clean(correction.note) for correction in update.corrections]
    fields = {name: _field(said, stemming) for name, said in texts.items() if said}
    return Indexed({name: text for name, text in fields.items() if text}, marks_of(story, update, content))


def body_texts(content: Content) -> list[str]:
    """Return the texts of a body in order, without the signs of their Markdown."""
    return [text for text in map(_plain, chain.from_iterable(map(_written, content.body))) if text]


def _texts(content: Content) -> dict[str, Sequence[str]]:
    """Return the texts that are no Markdown."""
    media = content.media
    return {
        "headline": (content.headline,),
        "caption": [text for shown in media for text in (shown.caption, shown.alt)],
        "credit": [shown.credit for shown in media],
        "speaker": [block.speaker for block in content.body if block.speaker],
        "source": [source.name for source in content.sources],
        "place": content.places,
        "tag": content.tags,
    }


def _written(block: Block) -> Iterable[str]:
    return (block.text, *block.items) if block.items else (block.text,)


def _plain(text: str) -> str:
    if "*" in text or "_" in text or "[" in text or "\\" in text:
        return plain_text(text)
    return clean(text)


def _field(texts: Iterable[str], language: str) -> str:
    """Return the tokens of a field: the words of each text in order, then what stands beside them, then their stems."""
    orderly: list[str] = []
    beside: list[str] = []
    stems: list[str] = []
    for text in texts:
        said: list[str] = []
        for chunk in text.split():
            tokens, others, chunk_stems = _remembered(chunk, language) if len(chunk) <= 40 else _chunk(chunk, language)
            if tokens:
                said.append(tokens)
                if others:
                    beside.extend(others)
                if chunk_stems:
                    stems.append(chunk_stems)
        if said:
            orderly.append(" ".join(said))
    tokens = _GAP.join(chain(orderly, dict.fromkeys(beside)))
    return f"{tokens}{_GAP}{' '.join(stems)}" if stems else tokens


def _chunk(chunk: str, language: str) -> _Chunk:
    """Return what a text without spaces is found by: tokens in order, what stands beside them, stems."""
    found = words_of(chunk)
    orderly = " ".join(token for word in found for token in word.tokens)
    stems = " ".join(stem for word in found for form in word.forms for stem in stem_tokens(form, language))
    return orderly, tuple(word.beside for word in found if word.beside), stems


_remembered = lru_cache(maxsize=2**16)(_chunk)
