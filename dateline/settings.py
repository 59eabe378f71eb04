"""The settings: read once, at the edge, from a passed mapping. With nothing set, everything runs on the embedded default.

A frozen dataclass and not a pydantic model: importing pydantic would cost each command a tenth of a second
(docs/decisions/0002-where-pydantic-is-used.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import quote

from dateline.errors import LogUnavailable, Refused

PREFIX = "DATELINE_"


def _setting(variable: str, description: str, default: str, *, secret: bool = False) -> str:
    stored: str = field(default=default, repr=not secret, metadata={"variable": variable, "description": description})
    return stored


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a log's servers want to know of who comes. An empty text means that there is none."""

    username: str = ""
    password: str = field(default="", repr=False)
    key_password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where things are kept and how they are reached; an empty text means the embedded default."""

    data: str = _setting("DATELINE_DATA", "folder that holds log.db, the private Redis's dump and the keys", ".dateline")
    log: str = _setting("DATELINE_LOG", "the log: sqlite:///path or kafka://host:9092[,host…]", "")
    redis: str = _setting(
        "DATELINE_REDIS", "Redis: redis://…, rediss://…, redis+cluster://…; else a private one in the data folder", ""
    )
    search: str = _setting("DATELINE_SEARCH", "OpenSearch: http(s)://…:9200; else SQLite FTS5 in the data folder", "")
    registry: str = _setting("DATELINE_REGISTRY", "URL of a schema registry; else the committed ids", "")
    secret_key: str = _setting(
        "DATELINE_SECRET_KEY", "master key of webhook secrets; else one made in the data folder", "", secret=True
    )
    hooks_allow_loopback: str = _setting("DATELINE_HOOKS_ALLOW_LOOPBACK", "1: webhooks may go to 127.0.0.1, for development", "0")
    kafka_username: str = _setting("DATELINE_KAFKA_USERNAME", "who this is to Kafka (SASL)", "")
    kafka_password: str = _setting("DATELINE_KAFKA_PASSWORD", "the password of that user", "", secret=True)
    kafka_key_password: str = _setting(
        "DATELINE_KAFKA_KEY_PASSWORD", "password of the key in the Kafka URL's ssl_keyfile", "", secret=True
    )
    desk: str = _setting("DATELINE_DESK", "the name that events from this shell carry", "desk")

    @property
    def data_folder(self) -> Path:
        return Path(self.data)

    @property
    def log_url(self) -> str:
        """The log's URL, the embedded default's where none is set."""
        return self.log or f"sqlite:///{quote(str(self.data_folder.absolute() / 'log.db'), errors='surrogateescape')}"

    @property
    def credentials(self) -> Credentials:
        """What opens the log, where it asks."""
        return Credentials(self.kafka_username, self.kafka_password, self.kafka_key_password)

    @property
    def is_embedded(self) -> bool:
        """Whether the private redis-server is to be used."""
        return not self.redis


def make_data_folder(folder: Path) -> None:
    """Make the data folder, for its owner only, if it is not there.

    Raises:
        LogUnavailable: It cannot be; nothing was written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        what = f"Cannot use the data folder {folder} ({error.strerror})"
        raise LogUnavailable(f"{what}; nothing was written. Name another with --data or DATELINE_DATA.") from error


def read_settings(environment: Mapping[str, str], *, data: str | None = None) -> Settings:
    """Return the settings in `environment`.

    Args:
        environment: Usually `os.environ`.
        data: The data folder from the command line, which wins.

    Raises:
        Refused: A `DATELINE_*` name is unknown (`DATELINE_TEST_*` aside), or a value cannot be.
    """
    known = {one.metadata["variable"]: one.name for one in fields(Settings)}
    given = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    for name in given:
        if name not in known and not name.startswith(f"{PREFIX}TEST_"):
            near = get_close_matches(name, known, n=1, cutoff=0.0)
            raise Refused(f"There is no setting {name} (did you mean {near[0]}?). The settings are: {', '.join(known)}.")
    values = {known[name]: value for name, value in given.items() if name in known and value != ""}
    if data is not None:
        values["data"] = data
    settings = Settings(**values)
    if settings.hooks_allow_loopback not in ("0", "1"):
        raise Refused(f"DATELINE_HOOKS_ALLOW_LOOPBACK is {settings.hooks_allow_loopback!r}; it is 0 or 1.")
    return settings
