"""What libraries, and the threads of consumers, report by `logging`, said in lines of our own."""

from __future__ import annotations

import logging

from typing_extensions import override

from dateline.cli.lines import say


class Reported(logging.Handler):
    """Says each report in a line."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        about = {"error": logging.Formatter().formatException(record.exc_info)} if record.exc_info else {}
        say(record.getMessage().strip(), level=record.levelname.lower(), **about)
