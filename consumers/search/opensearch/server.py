"""An OpenSearch server, spoken to in plain requests. Only this module knows the driver."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct, json

from dateline.errors import DatelineError, Refused, StoreBroken, StoreFull, StoreUnavailable

Json = dict[str, Any]  # Any: what JSON holds

_MAJORS = ("2", "3")
_TIMEOUT = 30.0
_CONNECTIONS = 8
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_LATER = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_TOLD = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)
"""Statuses that say something of a document, and are answers like any other."""


class Action(Struct, frozen=True):
    """One write of a bulk.

    Attributes:
        seq_no, term: Those that the document must have, as it was read; none, and it must not be there.
        version: In place of these, the document's own version: what has a higher one stays.
        always: Whether it is written whatever is there.
    """

    index: str
    id: str
    source: bytes
    seq_no: int = -1
    term: int = 0
    version: int = 0
    always: bool = False

    def lines(self) -> bytes:
        """Return the action as a bulk has it."""
        about: Json = {"_index": self.index, "_id": self.id}
        if self.version:
            about |= {"version": self.version, "version_type": "external_gte"}
        elif self.seq_no >= 0:
            about |= {"if_seq_no": self.seq_no, "if_primary_term": self.term}
        verb = "index" if self.version or self.always or self.seq_no >= 0 else "create"
        return json.encode({verb: about}) + b"\n" + self.source + b"\n"


class Server:
    """One OpenSearch. Safe for use by several threads.

    Attributes:
        shown: Its URL without secrets.
    """

    def __init__(self, url: str, *, patience: float = 10.0) -> None:
        """Connect to nothing yet.

        Args:
            patience: Seconds for which what the server puts off is tried again.

        Raises:
            Refused: The driver is not installed.
        """
        parts = urlsplit(url)
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self._patience = patience
        self._driver = _driver()
        given = {
            "max_retries": 0,
            "retry_on_timeout": False,
            "retry_on_status": (),
            "timeout": _TIMEOUT,
            "pool_maxsize": _CONNECTIONS,
        }
        self._client = self._driver.OpenSearch([url], **given)
        self._is_known = False

    def ask(self, method: str, path: str, body: object = None, **params: object) -> Json:
        """Send a request and return the answer's JSON, also where nothing was found and where something stood against it.

        Raises:
            StoreUnavailable: There is no answer, or none but "later" for as long as there was patience.
            StoreFull: The server has no room, or takes no writes.
            StoreBroken: It does not take the request, or is no OpenSearch.
        """
        if not self._is_known:
            self._get_to_know()
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._send(method, path, body, params)
            except StoreFull:
                raise
            except _Later as later:
                if time.monotonic() + pause > deadline:
                    raise StoreUnavailable(f"{self._it} puts off what it is asked ({later}). It is tried again.") from later
            time.sleep(random.uniform(pause / 2, pause))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def bulk(self, actions: Sequence[Action]) -> Sequence[Json]:
        """Write each of `actions`; return what became of each, in order: `status` 200, 201 or 409.

        What the server puts off is sent again by itself.

        Raises:
            As `ask`: Some may be written.
        """
        done: dict[int, Json] = {}
        left = list(range(len(actions)))
        deadline = time.monotonic() + self._patience
        pause = _FIRST_PAUSE
        while left:
            found = self.ask("POST", "/_bulk", b"".join(actions[at].lines() for at in left))
            put_off = ""
            for at, item in zip(left, found["items"], strict=True):
                (told,) = item.values()
                if told["status"] in _LATER and not _is_full(told):
                    put_off = _reason(told)
                elif told["status"] >= 300 and told["status"] != HTTPStatus.CONFLICT:
                    raise self._translated(told["status"], told)
                else:
                    done[at] = told
            left = [at for at in left if at not in done]
            if left and time.monotonic() + pause > deadline:
                raise StoreUnavailable(f"{self._it} puts off a part of what is written ({put_off}). It is tried again.")
            if left:
                time.sleep(random.uniform(pause / 2, pause))
                pause = min(2 * pause, _LONGEST_PAUSE)
        return [done[at] for at in range(len(actions))]

    def close(self) -> None:
        self._client.close()

    @property
    def _it(self) -> str:
        return f"OpenSearch at {self.shown}"

    def _send(self, method: str, path: str, body: object, params: Mapping[str, object]) -> Json:
        errors = self._driver.exceptions
        headers = {"content-type": "application/x-ndjson" if path.endswith("_bulk") else "application/json"}
        sent = json.encode(body) if body is not None and not isinstance(body, bytes) else body
        given = {**params, "ignore": [int(status) for status in _TOLD]}
        try:
            answer: Any = self._client.transport.perform_request(method, path, params=given, body=sent, headers=headers)
        except errors.ConnectionError as error:
            raise StoreUnavailable(f"{self._it} cannot be reached ({type(error).__name__}). It is tried again.") from error
        except errors.TransportError as error:
            raise self._translated(error.status_code, error.info) from error
        except errors.OpenSearchException as error:
            raise StoreBroken(f"{self._it} answers with what is no JSON. Is it one?") from error
        if not isinstance(answer, dict):
            raise StoreBroken(f"{self._it} answers with what is no OpenSearch's. Does DATELINE_SEARCH name the right server?")
        return answer

    def _translated(self, status: object, told: object) -> DatelineError:
        if _is_full(told):
            what = f"{self._it} takes no writes: its disk is too full, or an index is read-only"
            return StoreFull(
                f"{what} ({_reason(told)}). Make room, or take index.blocks.read_only_allow_delete off; it then goes on."
            )
        if status in _LATER:
            return _Later(_reason(told))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return StoreBroken(
                f"{self._it} does not let us in ({_reason(told)}). Check the name and password in DATELINE_SEARCH."
            )
        return StoreBroken(f"{self._it} refuses a request ({_reason(told)}).")

    def _get_to_know(self) -> None:
        self._is_known = True
        try:
            version = self.ask("GET", "/").get("version")
            name = version.get("distribution", "elasticsearch") if isinstance(version, dict) else ""
            number = str(version.get("number", "")) if isinstance(version, dict) else ""
            if name != "opensearch" or number.partition(".")[0] not in _MAJORS:
                found = f"{name} {number}".strip() or "something else"
                raise StoreBroken(
                    f"{self.shown} is no OpenSearch {' or '.join(_MAJORS)}: it is {found}. Give DATELINE_SEARCH another."
                )
        except DatelineError:
            self._is_known = False
            raise


class _Later(StoreUnavailable):
    """The server puts a request off; nothing was done."""


def _driver() -> Any:  # Any: it is only there with its extra
    try:
        import opensearchpy
    except ImportError as error:
        how = "Install it with: pip install 'dateline[opensearch]'"
        raise Refused(f"DATELINE_SEARCH names an OpenSearch, and its driver is not installed. {how}") from error
    return opensearchpy


def _is_full(told: object) -> bool:
    reason = _reason(told)
    return "read-only" in reason or "flood-stage" in reason or "No space left" in reason


def _reason(told: object) -> str:
    """Return in one line why a request was refused."""
    error = told.get("error", told) if isinstance(told, dict) else told
    if isinstance(error, dict):
        causes = error.get("root_cause") or [error]
        error = causes[0].get("reason") or error.get("reason") or error.get("type")
    return re.sub(r"://[^/@\s]*@", "://", " ".join(str(error).split()))[:200]
