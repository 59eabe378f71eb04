"""What the pages say of their own, by language: one file each in `texts/`, English where there is none."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from markupsafe import Markup, escape

from consumers.web.markup import clean
from consumers.web.pages.languages import language_tag, main_language

ENGLISH = "en"
_FOLDER = Path(__file__).parent / "texts"
_ONE_BELOW_TWO = frozenset(("fr", "pt"))

Said = str | Sequence[str] | Mapping[str, str]


class Texts:
    """The texts in one language.

    Attributes:
        language: Theirs, which is English where a story's language has none.
    """

    def __init__(self, language: str, said: Mapping[str, Said]) -> None:
        self.language = language
        self._said = said

    def __call__(self, key: str, **values: object) -> Markup:
        """Return a text with `values` put in, escaped unless they are HTML; `n` chooses among the forms of a number."""
        said = self._said[key]
        text = said[plural_form(self.language, int(str(values["n"])))] if isinstance(said, Mapping) else str(said)
        shown = {name: clean(value) if type(value) is str else value for name, value in values.items()}
        return escape(text).format(**shown)

    def mark(self, key: str) -> str:
        """Return the word for a mark or a kind, as it is where it is none that we know."""
        said = self._said.get(key)
        return said if isinstance(said, str) else clean(key)

    def forms(self, key: str) -> Mapping[str, str]:
        """Return a text in all its forms, for the script."""
        said = self._said[key]
        return said if isinstance(said, Mapping) else {"other": str(said)}

    def names(self, key: str) -> Sequence[str]:
        """Return a list of names, of days or months."""
        said = self._said[key]
        assert not isinstance(said, str | Mapping)
        return said

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._said)


def texts_for(language: str) -> Texts:
    """Return the texts for a story in `language`."""
    main = main_language(language_tag(language))
    return _read(main if main in languages() else ENGLISH)


@cache
def languages() -> frozenset[str]:
    """Return the languages that there are texts in."""
    return frozenset(file.stem for file in _FOLDER.glob("*.toml"))


def plural_form(language: str, n: int) -> str:
    """Return the form that a number asks for, by CLDR's rules, for the languages in `texts/`."""
    if language == "zh":
        return "other"
    if language == "ar":
        return _arabic_form(n)
    return "one" if n == 1 or (n == 0 and language in _ONE_BELOW_TWO) else "other"


def _arabic_form(n: int) -> str:
    if n <= 2:
        return ("zero", "one", "two")[n]
    if 3 <= n % 100 <= 10:
        return "few"
    return "many" if n % 100 >= 11 else "other"


@cache
def _read(language: str) -> Texts:
    return Texts(language, tomllib.loads((_FOLDER / f"{language}.toml").read_text(encoding="utf-8")))
