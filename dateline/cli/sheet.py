"""What the reading commands print on: wrapped lines with a margin, in colour only where that is wanted."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.text import Text
from typing_extensions import override

from dateline.cli.prose import wrap

WIDEST = 80
NARROWEST = 24
_WIDE_ENOUGH = 44


class _Terminal(Console):
    """A console that leaves it to the command what to do about a reader who has gone."""

    @override
    def on_broken_pipe(self) -> None:
        raise  # rich calls this while it handles the error


class Sheet:
    """Collects lines and prints them together. Copy is never read as markup, and no line is cut short.

    Attributes:
        width: Cells in a line, at most a comfortable measure.
        margin: Cells to the left of copy, where the hours stand.
        coloured: Whether styles are seen.
    """

    def __init__(self, file: TextIO | None = None, *, width: int | None = None) -> None:
        file = file or sys.stdout
        if isinstance(file, TextIOWrapper):
            file.reconfigure(errors="replace")  # a terminal that has no such letter shows a question mark
        self._console = _Terminal(file=file, width=width, highlight=False, markup=False, emoji=False)
        self._lines: list[Text] = []
        self.width = max(NARROWEST, min(WIDEST, self._console.width))
        self.margin = 7 if self.width >= _WIDE_ENOUGH else 2
        self.coloured = self._console.is_terminal and self._console.color_system is not None

    def put(self, text: Text | str, *, style: str = "", indent: int = 0, first: str = "", rest: str = "", mark: str = "") -> None:
        """Add `text`, wrapped.

        Args:
            style: Of the whole text.
            indent: Cells to leave free on the left.
            first: Stands before the first line, within the measure; `rest` before the others.
            mark: The style of these two.
        """
        text = Text(text) if isinstance(text, str) else text.copy()
        text.stylize_before(style)
        room = max(10, self.width - indent - max(len(first), len(rest)))
        for at, line in enumerate(wrap(text, room)):
            start = " " * indent + (rest if at else first)
            self._lines.append(Text.assemble((start, mark), line) if line.plain else Text(start.rstrip(), mark))

    def put_whole(self, text: str, *, indent: int = 0) -> None:
        """Add one line as it is, however long: a command to be copied."""
        self._lines.append(Text(" " * indent + text))

    def gap(self) -> None:
        """Add an empty line, unless one is there."""
        if self._lines and self._lines[-1].plain:
            self._lines.append(Text())

    def rule(self, title: str) -> None:
        """Add a line across, with words in it; the words alone where there is no room."""
        shown = Text.assemble(("── ", "dim"), (title, "bold"), " ")
        if shown.cell_len >= self.width:
            self.put(title, style="bold")
            return
        self._lines.append(shown.append("─" * (self.width - shown.cell_len), "dim"))

    def flush(self) -> None:
        """Print what was collected."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._console.print(Text("\n").join(lines), soft_wrap=True)
        self._console.file.flush()
