"""The log: one contract (`base`), and a backend for each URL scheme."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote

from dateline.errors import Refused
from dateline.log.base import Log
from dateline.settings import Credentials

MAX_PARTITIONS = 1024
_NOBODY = Credentials()


def open_log(url: str, *, credentials: Credentials = _NOBODY, names: Path | None = None) -> Log:
    """Open the log at `url`. An SQLite log is made if there is none yet; a Kafka log's topics have to be there.

    Args:
        url: `sqlite:///relative/path` or `sqlite:////absolute/path`, where `?partitions=N` counts only when
            a topic is first used; it keeps that many. Or `kafka://host:9092[,host…][?options]`.
        credentials: For Kafka: never part of the URL.
        names: For Kafka: the folder in which consumers keep their names, so that one that is started again goes on at once;
            the temporary folder if None.

    Raises:
        Refused: The URL names no log that this release knows.
        LogUnreadable: What is there is no log, or one of a newer release.
        LogUnavailable: The log cannot be opened.
    """
    scheme, _, rest = url.partition("://")
    if scheme == "sqlite":
        return _open_sqlite(url, rest)
    if scheme == "kafka":
        return _open_kafka(url, credentials, names)
    raise Refused(
        f"{_shown(url)} names no log. Known are sqlite:///relative/path, sqlite:////absolute/path and kafka://host:port."
    )


def _open_sqlite(url: str, rest: str) -> Log:
    place, _, query = rest.partition("?")
    if not place.startswith("/") or place.endswith("/"):
        raise Refused(f"{_shown(url)} names no file. Write sqlite:///relative/path or sqlite:////absolute/path.")
    options = dict(parse_qsl(query, keep_blank_values=True))
    count = options.pop("partitions", "4")
    if options:
        raise Refused(f"{_shown(url)} has an unknown option {min(options)!r}; an SQLite log knows only 'partitions'.")
    if not (count.isascii() and count.isdigit() and 1 <= int(count) <= MAX_PARTITIONS):
        raise Refused(f"{_shown(url)} asks for {count!r} partitions; give a number from 1 to {MAX_PARTITIONS}.")
    from dateline.log.sqlite import SQLiteLog  # each backend is loaded only where it is used

    return SQLiteLog(Path(unquote(place[1:], errors="surrogateescape")), partitions=int(count))


def _shown(url: str) -> str:
    """Return a URL as an error may show it: without what may be a secret that stands in the wrong place."""
    return "The log's URL" if "@" in url else repr(url.partition("?")[0])


def _open_kafka(url: str, credentials: Credentials, names: Path | None) -> Log:
    from dateline.log.kafka_address import parse_address

    address = parse_address(url, credentials)  # a bad URL is refused before the driver is loaded
    from dateline.log.kafka import KafkaLog

    return KafkaLog(address, names=names)
