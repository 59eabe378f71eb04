"""A schema registry behind Confluent's HTTP API, reached by Confluent's own client; what goes wrong is said in our errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

from dateline.errors import DatelineError, Refused, RegistryUnavailable
from schemas.catalog import Schema
from schemas.names import shortened

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import SchemaRegistryClient
    from confluent_kafka.schema_registry.error import SchemaRegistryError

T = TypeVar("T")

TIMEOUT = 5.0
"""Seconds for one answer; nothing is asked twice."""

NO_CLIENT = "DATELINE_REGISTRY needs a client that is not installed. Get it with: pip install 'dateline[registry]'"
NO_ADDRESS = (
    "DATELINE_REGISTRY is no address of a schema registry. One looks like http://host:8081 or https://user:password@host."
)

_UNLIKE_THE_API = (TypeError, KeyError, ValueError, AttributeError)
"""What the client stumbles with over an answer that has another shape than Confluent's."""


@dataclass(frozen=True, slots=True)
class Found:
    """A subject's version in the registry: its id, and the schema as JSON text."""

    id: int
    text: str


class Registry:
    """A schema registry with Confluent's HTTP API.

    Each method raises `RegistryUnavailable` where no answer comes, and `Refused` where the answer is no.

    Attributes:
        shown: Its host and port, which may be printed; the rest of the URL may hold a password.
    """

    def __init__(self, url: str) -> None:
        scheme, self.shown, path, user_info = _parts(url)
        try:
            from confluent_kafka.schema_registry import SchemaRegistryClient
        except ImportError as error:
            raise Refused(NO_CLIENT) from error
        settings: dict[str, Any] = {  # Any: numbers and texts
            "url": urlunsplit((scheme, self.shown, path, "", "")),
            "timeout": TIMEOUT,
            "max.retries": 0,
        }
        if user_info:
            settings["basic.auth.user.info"] = user_info  # in the URL, the client's HTTP library would log it
        if scheme == "https" and (authorities := _system_authorities()):
            settings["ssl.ca.location"] = authorities
        self._client: SchemaRegistryClient = SchemaRegistryClient(settings)

    def close(self) -> None:
        self._client.close()

    def versions(self, subject: str) -> list[int]:
        """Return the versions of `subject` that are not deleted."""
        return self._ask("a subject's versions", lambda: self._client.get_versions(subject)) or []

    def version(self, subject: str, version: int, *, deleted: bool = False) -> Found | None:
        """Return one version of `subject`, None where there is none; one that is marked as deleted if `deleted`."""
        found = self._ask("a subject's version", lambda: self._client.get_version(subject, version, deleted=deleted))
        return None if found is None else Found(found.schema_id or 0, found.schema.schema_str or "")

    def schema(self, id: int) -> str | None:
        """Return the schema with this id as JSON text, None where there is none."""
        found = self._ask("a schema", lambda: self._client.get_schema(id))
        return None if found is None else found.schema_str

    def owners(self, id: int) -> list[str]:
        """Return which subjects' versions have this id, in words."""
        found = self._ask("a schema's versions", lambda: self._client.get_schema_versions(id, deleted=True))
        return [f"{one.subject} version {one.version}" for one in found or []]

    def mode(self, subject: str) -> str | None:
        """Return the mode of `subject`, None where it has none of its own."""
        return self._ask("a subject's mode", lambda: self._client.get_mode(subject))

    def set_mode(self, subject: str, mode: str) -> None:
        """Set the mode of `subject`, also where it has schemas already: what is there was looked at before."""
        if self._ask("a subject's mode", lambda: self._client.update_mode(subject, mode, force=True)) != mode:
            raise Refused(f"The schema registry at {self.shown} did not set the mode of {subject} to {mode}.")

    def compatibility(self, subject: str) -> str | None:
        """Return the compatibility of `subject`, None where it has none of its own."""
        return self._ask("a subject's compatibility", lambda: self._client.get_compatibility(subject))

    def set_compatibility(self, subject: str, level: str) -> None:
        self._ask("a subject's compatibility", lambda: self._client.set_compatibility(subject, level))

    def add(self, schema: Schema) -> None:
        """Write `schema` into its subject, which is in IMPORT mode, under its own id and version.

        Raises:
            Refused: The registry does not say so afterwards; it may have written the schema elsewhere.
        """
        self._ask("a new schema", lambda: self._client.register_schema(schema.subject, _placed(schema)))
        found = self.version(schema.subject, schema.version)
        if found is None or found.id != schema.id:
            there = "nowhere" if found is None else f"under {found.id}"
            raise Refused(
                f"The schema registry at {self.shown} was told to keep {schema.subject} version {schema.version} under the id "
                f"{schema.id} and has it {there}: its IMPORT mode is none. Delete the subject there, and use another registry."
            )

    def _ask(self, what: str, ask: Callable[[], T]) -> T | None:
        """Return the registry's answer, None if it says that there is no such thing."""
        from confluent_kafka.schema_registry.error import SchemaRegistryError

        try:
            return ask()
        except SchemaRegistryError as error:
            if _is_missing(error):
                return None
            if error.http_status_code == 404:
                raise self._unlike(what) from error
            raise self._translated(error) from error
        except _UNLIKE_THE_API as error:
            raise self._unlike(what) from error
        except Exception as error:  # the client passes on whatever its HTTP library raises
            words = shortened(str(error) or type(error).__name__)
            raise RegistryUnavailable(
                f"Cannot reach the schema registry at {self.shown}: {words}. Check DATELINE_REGISTRY, or try again."
            ) from error

    def _unlike(self, what: str) -> Refused:
        return Refused(
            f"The schema registry at {self.shown} does not answer for {what} as Confluent's API does. "
            "Does DATELINE_REGISTRY name its whole address, and does it have modes, IMPORT among them?"
        )

    def _translated(self, error: SchemaRegistryError) -> DatelineError:
        status = error.http_status_code
        if status in (401, 403):
            return Refused(f"The schema registry at {self.shown} refuses the user or password in DATELINE_REGISTRY ({status}).")
        said = f"The schema registry at {self.shown} answers {status}: {shortened(str(error.error_message), limit=200)}."
        if status in (408, 429) or status >= 500:
            return RegistryUnavailable(f"{said} Try again.")
        return Refused(said)


def _is_missing(error: SchemaRegistryError) -> bool:
    """Whether there is no such subject, version, schema or setting: 404 alone is also what a wrong address answers."""
    return error.http_status_code == 404 and error.error_code in range(40400, 40500)


@contextmanager
def open_registry(url: str) -> Iterator[Registry]:
    """Yield the registry that DATELINE_REGISTRY names; connect only when it is asked something.

    Raises:
        Refused: The URL cannot be one, or the client is not installed.
    """
    registry = Registry(url)
    try:
        yield registry
    finally:
        registry.close()


def _placed(schema: Schema) -> Any:  # Any: the client is imported only where it is used
    """Return `schema` as the client sends it, with the id and the version that its own class has no place for."""
    from confluent_kafka.schema_registry import Schema as Sent

    class Placed(Sent):
        def to_dict(self) -> dict[str, Any]:
            return super().to_dict() | {"id": schema.id, "version": schema.version}

    return Placed(schema.text)


def _parts(url: str) -> tuple[str, str, str, str]:
    """Return a URL's scheme, host and port, path, and `user:password` (empty where there is none)."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        fits = False
    if not fits:
        raise Refused(NO_ADDRESS)  # without the value: it may hold a password
    user_info = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), user_info


def _system_authorities() -> str | None:
    """Return where the system keeps the certificates that it trusts, which the client would pass over."""
    import ssl

    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath
