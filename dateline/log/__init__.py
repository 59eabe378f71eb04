"""The log: one contract (`base`), and a backend for each URL scheme."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote

from dateline.errors import Refused
from dateline.log.base import Log

MAX_PARTITIONS = 1024


def open_log(url: str) -> Log:
    """Open the log at `url`, and make it if there is none yet.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`. A `?partitions=N` counts only when
            a topic is first used; it keeps that many.

    Raises:
        Refused: The URL names no log that this release knows.
        LogUnreadable: What is there is no log, or one of a newer release.
        LogUnavailable: The log cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return _open_sqlite(url, rest)
    if scheme == "kafka":
        raise Refused(f"{url} names a Kafka log; that arrives with the Kafka backend. Use sqlite:///path until then.")
    raise Refused(f"{url!r} names no log. Known are sqlite:///relative/path, sqlite:////absolute/path and kafka://host:port.")


def _open_sqlite(url: str, rest: str) -> Log:
    place, _, query = rest.partition("?")
    if not place.startswith("/") or place.endswith("/"):
        raise Refused(f"{url!r} names no file. Write sqlite:///relative/path or sqlite:////absolute/path.")
    options = dict(parse_qsl(query, keep_blank_values=True))
    count = options.pop("partitions", "4")
    if options:
        raise Refused(f"{url!r} has an unknown option {min(options)!r}; an SQLite log knows only 'partitions'.")
    if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MAX_PARTITIONS):
        raise Refused(f"{url!r} asks for {count!r} partitions; give a number from 1 to {MAX_PARTITIONS}.")
    from dateline.log.sqlite import SQLiteLog  # each backend is loaded only where it is used

    return SQLiteLog(Path(unquote(place[1:], errors="surrogateescape")), partitions=int(count))
