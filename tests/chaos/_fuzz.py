"""`python -m tests.chaos._fuzz FORMAT CORPUS OPTION…`: what the fuzzer runs; see `tests.chaos.fuzz`."""

from __future__ import annotations

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["producers"]):
    from dateline.errors import Refused
    from producers.wires import atom, newsml_g2, ninjs, rss  # noqa: F401 - read_items loads them too late to be followed
    from producers.wires.events import meaning_of
    from producers.wires.formats import read_items
    from producers.wires.item import Item
    from schemas.rules import check
    from tests.support.wires import NOW


def main() -> None:
    form = sys.argv.pop(1)

    def one(data: bytes) -> None:
        with suppress(Refused):
            for item in read_items(data, form):
                if isinstance(item, Item):
                    _mean(item)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


def _mean(item: Item) -> None:
    for event in meaning_of(item, None, desk="desk", story="s", now=NOW).events:
        with suppress(Refused):
            check(event, now=NOW)


if __name__ == "__main__":
    main()
