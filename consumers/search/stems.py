"""The stems of words, by the language that they are in. Stemmers are Snowball's."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import Final

import Stemmer

from consumers.search.folding import lowered, token

STEMMERS_VERSION: Final = Stemmer.version()

MARK: Final = "·"
"""What a stem's token begins with. No word's token holds it."""

_NAMES: Final = {
    **{"ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english"},
    **{"eo": "esperanto", "es": "spanish", "et": "estonian", "eu": "basque", "fa": "persian", "fi": "finnish", "fr": "french"},
    **{"ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian"},
    **{"lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian", "pl": "polish", "pt": "portuguese"},
    **{"ro": "romanian", "ru": "russian", "sr": "serbian", "st": "sesotho", "sv": "swedish", "ta": "tamil", "tr": "turkish"},
    **{"yi": "yiddish"},
}
_SAME: Final = {"nb": "no", "nn": "no", "in": "id", "ji": "yi"}
_lock: Final = Lock()  # a stemmer may not be used by two threads at once


@lru_cache(maxsize=1024)
def stemmed_as(language: str) -> str:
    """Return the primary subtag by which the stems of a BCP-47 language are marked; empty if it has no stemmer."""
    primary = language.replace("_", "-").partition("-")[0].lower()
    code = _SAME.get(primary, primary)
    return code if _stemmer(code) is not None else ""


@lru_cache(maxsize=2**16)
def stem_tokens(word: str, language: str) -> tuple[str, ...]:
    """Return the tokens of a word's stems: of it as it is written and, where that is another, of it without accents.

    Args:
        language: As `stemmed_as` gives it.
    """
    stemmer = _stemmer(language)
    if stemmer is None or word.isdecimal():
        return ()
    with _lock:
        stems = [stemmer.stemWord(form) for form in dict.fromkeys((lowered(word), token(word)))]
    tokens = dict.fromkeys(token(stem) for stem in stems)
    return tuple(f"{MARK}{language}{MARK}{stem}" for stem in tokens if stem)


@lru_cache(maxsize=256)
def _stemmer(language: str) -> Stemmer.Stemmer | None:
    name = _NAMES.get(language)
    return Stemmer.Stemmer(name, 0) if name in Stemmer.algorithms() else None
