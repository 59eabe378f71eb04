"""A Kafka log's address: the brokers and the options in its URL. Secrets are never part of it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

from dateline.errors import Refused
from dateline.settings import Credentials

DEFAULT_PORT = 9092
SESSION_TIMEOUT_MS = 6_000
"""How long a group waits for a member that says nothing: the least that a broker allows by default."""

MAX_POLL_INTERVAL_MS = 60_000
"""How long a member may be busy between two polls before its partitions go to others."""

_WRITE = "kafka://host:9092[,host:9092…][?security_protocol=SASL_SSL&sasl_mechanism=SCRAM-SHA-512]"

Option = str | int | bool


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Kafka log is, and how it is reached.

    Attributes:
        url: As it was given; it holds no secret.
        brokers: Each `host:port`.
        security: What every client of the driver is given, secrets included; never shown.
    """

    url: str
    brokers: Sequence[str]
    security: Mapping[str, Option | None] = field(repr=False)
    session_timeout_ms: int = SESSION_TIMEOUT_MS
    max_poll_interval_ms: int = MAX_POLL_INTERVAL_MS

    @property
    def is_secured(self) -> bool:
        return self.security.get("security_protocol", "PLAINTEXT") != "PLAINTEXT"

    @property
    def shown(self) -> str:
        return ",".join(self.brokers)


def parse_address(url: str, credentials: Credentials) -> Address:
    """Return the address in `url`.

    Raises:
        Refused: It names no broker, holds a secret or an unknown option, or needs credentials that are not there.
    """
    place, _, query = url.removeprefix("kafka://").partition("?")
    if "@" in unquote(place) or "@" in query:
        raise Refused("A Kafka URL holds no user or password. Set DATELINE_KAFKA_USERNAME and DATELINE_KAFKA_PASSWORD instead.")
    options = {name: _option(name, value) for name, value in parse_qsl(query, keep_blank_values=True)}
    brokers = [_broker(name) for name in place.rstrip("/").split(",")]
    session = int(options.pop("session_timeout_ms", SESSION_TIMEOUT_MS))
    poll = int(options.pop("max_poll_interval_ms", max(MAX_POLL_INTERVAL_MS, session)))
    return Address(url, brokers, _secured(options, credentials), session, poll)


_BROKER = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


def _broker(name: str) -> str:
    found = _BROKER.fullmatch(name)
    port = int(found["port"] or DEFAULT_PORT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise Refused(f"A Kafka URL names no broker with {name!r}. Write {_WRITE}.")
    return f"{found['host']}:{port}"


def _one_of(*allowed: str) -> Callable[[str], str | None]:
    return lambda value: value.upper() if value.upper() in allowed else None


def _file(value: str) -> str | None:
    return value if os.access(value, os.R_OK) else None


def _whole(value: str) -> int | None:
    return int(value) if value.isascii() and value.isdigit() and 1_000 <= int(value) <= 1_800_000 else None


_OPTIONS: Mapping[str, tuple[str, Callable[[str], Option | None]]] = {
    "security_protocol": (
        "PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL",
        _one_of("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    ),
    "sasl_mechanism": ("PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", _one_of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")),
    "ssl_cafile": ("a file that can be read, with the certificates that are trusted", _file),
    "ssl_certfile": ("a file that can be read, with this client's certificate", _file),
    "ssl_keyfile": ("a file that can be read, with the certificate's key", _file),
    "ssl_check_hostname": ("true or false", {"true": True, "false": False}.get),
    "session_timeout_ms": ("a whole number from 1000 to 1800000", _whole),
    "max_poll_interval_ms": ("a whole number from 1000 to 1800000", _whole),
}
"""What a URL may say, each with what its value may be."""


def _option(name: str, value: str) -> Option:
    if name in ("sasl_plain_password", "sasl_plain_username", "ssl_password"):
        raise Refused(f"A Kafka URL holds no secret, so not {name}. Set DATELINE_KAFKA_{_SECRETS[name]} instead.")
    if name not in _OPTIONS:
        raise Refused(f"A Kafka URL knows no option {name!r}. Known are {', '.join(_OPTIONS)}.")
    wanted, read = _OPTIONS[name]
    found = read(value)
    if found is None:
        raise Refused(f"The Kafka URL's {name} is {value!r}; it is {wanted}.")
    return found


_SECRETS = {"sasl_plain_username": "USERNAME", "sasl_plain_password": "PASSWORD", "ssl_password": "KEY_PASSWORD"}


def _secured(options: Mapping[str, Option], credentials: Credentials) -> Mapping[str, Option | None]:
    """Return the options with what the environment holds; a mechanism and a protocol that are not given follow from it."""
    found: dict[str, Option | None] = dict(options)
    has_name = bool(credentials.username)
    if "sasl_mechanism" in found or has_name:
        found.setdefault("sasl_mechanism", "PLAIN")
        found.setdefault("security_protocol", "SASL_SSL")
    if str(found.get("security_protocol", "")).startswith("SASL"):
        if not has_name:
            raise Refused("The Kafka URL asks for SASL. Set DATELINE_KAFKA_USERNAME and DATELINE_KAFKA_PASSWORD.")
        found.setdefault("sasl_mechanism", "PLAIN")
        found |= {"sasl_plain_username": credentials.username, "sasl_plain_password": credentials.password}
    if any(name.startswith("ssl_") for name in options):
        found.setdefault("security_protocol", "SSL")
        if credentials.key_password:
            found["ssl_password"] = credentials.key_password
    return found
