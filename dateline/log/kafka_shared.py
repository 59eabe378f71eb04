"""A client of the driver that several threads share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from dateline.errors import DatelineError, LogUnavailable


class Shared:
    """Makes the client when it is first needed, and anew once it was forgotten. Safe for use by several threads.

    Those who waited while another tried in vain have the same answer, and do not try in turn.
    """

    def __init__(self, make: Callable[[], Any], *, url: str) -> None:
        self._make = make
        self._url = url
        self._lock = threading.Lock()
        self._client: Any = None
        self._failed: tuple[float, DatelineError] | None = None
        self._closed = False

    def get(self) -> Any:
        """Return the client.

        Raises:
            LogUnavailable: It cannot be made, or the log is closed.
        """
        began = time.monotonic()
        with self._lock:
            if self._closed:
                raise LogUnavailable(f"The log {self._url} is closed.")
            if self._client is None:
                if self._failed is not None and self._failed[0] >= began:
                    raise self._failed[1]
                try:
                    self._client = self._make()
                except DatelineError as error:
                    self._failed = time.monotonic(), error
                    raise
            return self._client

    def forget(self, client: Any) -> None:
        """Let the next one who asks have another than `client`."""
        with self._lock:
            if self._client is client:
                self._client = None

    def close(self) -> Any:
        """Give no client any more; return the one that there was, or None."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        return client
