"""Feeds on the web, asked for only what is new: by ETag and Last-Modified, with a bound on redirects, bytes and time."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, Self

import httpx

from dateline import __version__
from dateline.clock import now
from dateline.errors import DatelineError
from dateline.wire_redirects import leads_inside
from producers.wires.item import MOST_BYTES

_MOST_REDIRECTS: Final = 5
_DEADLINE: Final = 60.0
_TIMEOUTS: Final = httpx.Timeout(20.0, connect=10.0)
_ACCEPT: Final = "application/atom+xml, application/rss+xml, application/json;q=0.9, application/xml;q=0.8, */*;q=0.5"
_LONGEST_PAUSE: Final = 3600.0
_NOT_MODIFIED: Final = 304
_SAYS_ITSELF: Final = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff|\s*<\?xml[^>]*\sencoding\s*=")


class FeedUnavailable(DatelineError):
    """A feed gave no answer that can be used; it is asked again.

    Attributes:
        after: Seconds that its server asks to be left alone, 0 where it does not say.
    """

    retriable = True

    def __init__(self, message: str, *, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


class Fetched(NamedTuple):
    """What a feed's server gave; `data` is None where nothing has changed."""

    data: bytes | None
    etag: str
    modified: str


class Feeds:
    """Asks for feeds over connections that it keeps."""

    def __init__(self) -> None:
        headers = {"User-Agent": f"Dateline/{__version__}", "Accept": _ACCEPT}
        self._client = httpx.Client(headers=headers, timeout=_TIMEOUTS, follow_redirects=False, http2=False)

    def fetch(self, url: str, *, etag: str = "", modified: str = "") -> Fetched:
        """Return a feed, unless it is what it was.

        Args:
            etag, modified: What it came with the last time.

        Raises:
            FeedUnavailable: The server gave none.
        """
        asked = {name: value for name, value in (("If-None-Match", etag), ("If-Modified-Since", modified)) if value}
        try:
            return self._followed(httpx.URL(url), asked)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise FeedUnavailable(f"it cannot be had: {str(error) or type(error).__name__}.") from error

    def _followed(self, url: httpx.URL, asked: dict[str, str]) -> Fetched:
        """Return what a feed's server gives, or the one that it leads to."""
        origin = url.host
        for _ in range(_MOST_REDIRECTS + 1):
            with self._client.stream("GET", url, headers=asked) as answer:
                if answer.next_request is None:
                    return _fetched(answer, asked)
                url = answer.next_request.url
            if leads_inside(origin, url.host):
                raise FeedUnavailable(
                    f"it leads to {url.host}, which is in a network of its own. Give that address, if it is meant."
                )
        raise FeedUnavailable(f"it leads elsewhere more than {_MOST_REDIRECTS} times.")

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *about: object) -> None:
        self.close()


def _fetched(answer: httpx.Response, asked: dict[str, str]) -> Fetched:
    etag, modified = answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")
    if answer.status_code == _NOT_MODIFIED and asked:
        return Fetched(None, etag, modified)
    if not answer.is_success:
        raise FeedUnavailable(f"it answers {answer.status_code} {answer.reason_phrase}.", after=_retry_after(answer))
    return Fetched(in_declared_coding(_read(answer), answer.charset_encoding), etag, modified)


def in_declared_coding(data: bytes, coding: str | None) -> bytes:
    """Return a feed in UTF-8 where only its server says which coding it is in; what says so itself is left as it is."""
    if coding is None or _SAYS_ITSELF.match(data):
        return data
    with suppress(UnicodeError, LookupError):
        return data.decode(coding).encode()
    return data


def _read(answer: httpx.Response) -> bytes:
    """Return the body, unpacked; so many bytes at most that one sees that there are too many."""
    ends = time.monotonic() + _DEADLINE
    parts, size = [], 0
    for part in answer.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            break
        if time.monotonic() > ends:
            raise FeedUnavailable(f"it is not whole after {_DEADLINE:.0f} seconds.")
    return b"".join(parts)


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), _LONGEST_PAUSE)
    try:
        seconds = (parsedate_to_datetime(text) - now()).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return min(max(seconds, 0.0), _LONGEST_PAUSE)
