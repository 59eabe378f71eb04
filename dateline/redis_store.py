"""Redis as the views use it: scripts, called one by one or in order on a connection. The one module that imports redis.

Nothing is ever sent twice by the driver: a script that writes compares and sets, and whoever calls it decides what a lost
answer means.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha1
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dateline.errors import DatelineError, Refused, StoreBroken, StoreFull, StoreUnavailable

Key = str
Value = str | bytes | int
Reply = Any  # Any: a script's answer is what the script says; each caller knows its own

_OUR_FAULT = (redis.exceptions.ResponseError, redis.exceptions.NoPermissionError, redis.exceptions.DataError)
"""What will not pass by itself: keys of another kind, a right that is missing. Subclasses may (busy, loading, read-only)."""

_ERRORS = (redis.exceptions.RedisError, redis.exceptions.RedisClusterException, OSError)

_FULL = "command not allowed when used memory > 'maxmemory'"

_UNLINKED = 500
"""Keys that one command takes away: well under a millisecond of Redis, since their memory is freed by another thread."""

_READ = 1000
"""Fields that one command reads where a key may be long: about a millisecond of Redis."""

CONNECT_TIMEOUT = 5.0
ANSWER_TIMEOUT = 30.0


class Script:
    """A Lua script, by the file that holds it. `name` is the file's, for messages.

    Args:
        after: A file of functions that it uses, put before it.
    """

    def __init__(self, path: Path, *, after: Path | None = None) -> None:
        self.name = path.stem
        self.text = (after.read_text(encoding="utf-8") if after is not None else "") + path.read_text(encoding="utf-8")
        self.sha = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


class Store:
    """A Redis server or cluster, by its URL: `redis://`, `rediss://`, `unix://` or `redis+cluster://`.

    Connects at the first call. Safe for use by several threads, its wires aside.
    """

    def __init__(self, url: str) -> None:
        self._client: redis.Redis | redis.RedisCluster = _client(url)
        self.shown = _without_secret(url)

    def call(self, script: Script, keys: Sequence[Key], args: Sequence[Value]) -> Reply:
        """Run `script` and return its answer; the keys share one slot.

        Raises:
            StoreUnavailable: There was no answer, so the script may have run.
        """
        with self._translated():
            try:
                return self._client.evalsha(script.sha, len(keys), *keys, *args)
            except redis.exceptions.NoScriptError:
                self._client.script_load(script.text)
                return self._client.evalsha(script.sha, len(keys), *keys, *args)

    def wire(self, scripts: Sequence[Script]) -> Wire:
        """Open a wire on which `scripts` can be sent without waiting for their answers."""
        return Wire(self, scripts)

    def contents(self, prefix: Key) -> Iterator[tuple[Key, dict[str, str | float]]]:
        """Read every key that begins with `prefix`: a hash's fields, a sorted set's scores, a stream's values.

        Not at one moment: for audits, not for readers.
        """
        with self._translated():
            for key in self._client.scan_iter(match=_beginning_with(prefix), count=1000):
                yield key.decode(), self._content(key)

    def contents_of(self, keys: Sequence[Key]) -> Iterator[tuple[Key, dict[str, str | float]]]:
        """Read some keys as `contents` does; one that is not there is empty."""
        with self._translated():
            for key in keys:
                yield key, self._content(key.encode())

    def _content(self, key: bytes) -> dict[str, str | float]:
        client: Any = self._client  # Any: redis-py types these answers for either of its two worlds
        kind = client.type(key).decode()
        if kind == "hash":
            return {name.decode(): value.decode() for name, value in client.hscan_iter(key, count=_READ)}
        if kind == "zset":
            return {name.decode(): score for name, score in client.zscan_iter(key, count=_READ)}
        if kind == "stream":
            return {entry.decode(): next(iter(fields.values())).decode() for entry, fields in self._entries(key)}
        return {} if kind == "none" else {"": f"a {kind}"}

    def _entries(self, key: bytes) -> Iterator[Any]:  # Any: as in `_content`
        client: Any = self._client  # Any: as in `_content`
        after = "-"
        while found := client.xrange(key, min=after, count=_READ):
            yield from found
            after = f"({found[-1][0].decode()}"

    def keys(self, prefix: Key) -> Iterator[Key]:
        """Return the keys that begin with `prefix`, perhaps one twice; those that are made meanwhile may be among them."""
        with self._translated():
            for key in self._client.scan_iter(match=_beginning_with(prefix), count=1000):
                yield key.decode()

    def delete(self, keys: Sequence[Key]) -> int:
        """Take keys of one slot away, their memory in the background; return how many were there."""
        client: Any = self._client  # Any: as in `_content`
        with self._translated():
            return int(client.unlink(*keys)) if keys else 0

    def delete_all(self, prefix: Key) -> int:
        """Take every key that begins with `prefix` away; return how many there were. The prefix holds a hash tag."""
        deleted, found = 0, self.keys(prefix)
        while some := list(islice(found, _UNLINKED)):
            deleted += self.delete(some)
        return deleted

    def size_bytes(self, prefix: Key, *, sample: int) -> int:
        """Return about how much memory the keys take that begin with `prefix`, by looking at `sample` of them."""
        client: Any = self._client  # Any: as in `_content`
        count, seen, size = 0, 0, 0
        with self._translated():
            for key in self._client.scan_iter(match=_beginning_with(prefix), count=1000):
                count += 1
                if seen < sample or count % (count // sample + 1) == 0:
                    seen += 1
                    size += client.memory_usage(key, samples=5) or 0
        return size * count // seen if seen else 0

    def memory(self) -> tuple[int, str]:
        """Return the bytes that Redis uses, and what it does when it has no more (`noeviction`, or else it forgets keys)."""
        info = self._memory_info()
        unbounded = not info.get("maxmemory", 0)
        return int(info["used_memory"]), "noeviction" if unbounded else str(info.get("maxmemory_policy", "noeviction"))

    def room_bytes(self) -> int | None:
        """Return how much more Redis can take, as far as it knows; None if it does not."""
        info = self._memory_info()
        most = int(info.get("maxmemory", 0)) or int(info.get("total_system_memory", 0))
        return most - int(info["used_memory"]) if most else None

    def _memory_info(self) -> Any:  # Any: INFO's values are of many types
        with self._translated():
            target = {"target_nodes": redis.RedisCluster.RANDOM} if isinstance(self._client, redis.RedisCluster) else {}
            info: Any = self._client.info("memory", **target)
        return next(iter(info.values())) if "used_memory" not in info else info

    def read_streams(self, streams: Mapping[Key, str], *, timeout: float) -> dict[Key, list[tuple[str, dict[str, bytes]]]]:
        """Wait until one of `streams` holds an entry after the id given for it; they share one slot on a cluster.

        Returns:
            The entries of the streams that have news, in order, each an id and its fields; empty when the time was up.
        """
        with self._translated():
            names: Any = dict(streams)  # Any: redis-py wants a dict of more types than these
            found: Any = self._client.xread(names, block=max(1, int(timeout * 1000)))  # Any: its form is the protocol's
        return {key.decode(): [_entry(*one) for one in entries] for key, entries in found or ()}

    def ends_of(self, streams: Sequence[Key]) -> dict[Key, str]:
        """Return the id of each stream's last entry, `0-0` where there is none."""
        with self._translated():
            ends: Any = [self._client.xrevrange(name, count=1) for name in streams]  # Any: as above
        return {name: found[0][0].decode() if found else "0-0" for name, found in zip(streams, ends, strict=True)}

    def together(self, names: Sequence[Key]) -> Sequence[Sequence[Key]]:
        """Return `names` in groups that one command may touch: all of them, or on a cluster each by itself."""
        return [[name] for name in names] if isinstance(self._client, redis.RedisCluster) else [names]

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except redis.exceptions.AuthenticationError as error:
            raise Refused(
                f"Redis at {self.shown} refuses the name or password: {_words(error)}. Check DATELINE_REDIS."
            ) from error
        except _ERRORS as error:
            if isinstance(error, redis.exceptions.OutOfMemoryError) or _FULL in str(error):
                raise StoreFull(f"Redis at {self.shown} is full: {_FULL}. Raise its maxmemory.") from error
            if type(error) in _OUR_FAULT:
                raise StoreBroken(
                    f"Redis at {self.shown} refused what was asked of it: {_words(error)}.{_advice(error)}"
                ) from error
            raise StoreUnavailable(f"Redis at {self.shown} cannot be used: {_words(error)}.") from error


def _entry(name: bytes, fields: dict[bytes, bytes]) -> tuple[str, dict[str, bytes]]:
    return name.decode(), {key.decode(): value for key, value in fields.items()}


class Wire:
    """Scripts sent in order on one connection, answers in the same order. Not safe for use by several threads.

    Once an answer was lost so are all that were waited for: on a connection that the driver made anew, they would be others'.
    On a cluster, where each slot has its own server, each call is answered before the next is sent.
    """

    def __init__(self, store: Store, scripts: Sequence[Script]) -> None:
        self._store = store
        self._waiting: deque[Answer] = deque()
        self._lost: StoreUnavailable | None = None
        self._connection: Any = None  # Any: redis-py's connection classes share no public type
        if isinstance(store._client, redis.RedisCluster):
            return
        with store._translated():
            self._connection = store._client.connection_pool.get_connection()
            for script in scripts:
                self._connection.send_command("SCRIPT", "LOAD", script.text)
                self._connection.read_response()

    def send(self, script: Script, keys: Sequence[Key], args: Sequence[Value]) -> Answer:
        """Send `script`; its answer is read when somebody asks for it.

        Raises:
            StoreUnavailable: The connection is lost; what was sent before may have run.
        """
        answer = Answer(self)
        if self._connection is None:
            answer.put(self._store.call(script, keys, args))
            return answer
        self._check()
        try:
            with self._store._translated():
                self._connection.send_command("EVALSHA", script.sha, len(keys), *keys, *args)
        except StoreUnavailable as error:
            self._lost = error
            raise
        self._waiting.append(answer)
        return answer

    def read_up_to(self, answer: Answer) -> None:
        """Read answers until `answer` has its own."""
        while not answer.is_there:
            self._check()
            if not self._waiting:
                raise StoreUnavailable(f"Redis at {self._store.shown} closed the connection.")
            self._lost = self._waiting.popleft().read(self._connection, self._store)

    def _check(self) -> None:
        if self._lost is not None:
            raise StoreUnavailable(str(self._lost)) from self._lost

    def close(self) -> None:
        self._waiting.clear()
        if self._connection is not None:
            self._connection.disconnect()
            self._store._client.connection_pool.release(self._connection)  # type: ignore[union-attr]  # a cluster has none
            self._connection = None


class Answer:
    """The answer to a script that was sent on a wire."""

    __slots__ = ("_error", "_reply", "_wire", "is_there")

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._reply: Reply = None
        self._error: DatelineError | None = None
        self.is_there = False

    def put(self, reply: Reply) -> None:
        self._reply, self.is_there = reply, True

    def read(self, connection: Any, store: Store) -> StoreUnavailable | None:  # Any: as in Wire
        """Read the answer that is next on the connection. What Redis refused is this answer's error, and nobody else's.

        Returns:
            Why there is no answer, and none will come any more.
        """
        self.is_there = True
        try:
            with store._translated():
                self._reply = connection.read_response()
        except DatelineError as error:
            self._error = error
            return error if isinstance(error, StoreUnavailable) else None
        return None

    def get(self) -> Reply:
        """Wait for the answer and return it.

        Raises:
            StoreUnavailable: It did not come.
        """
        if not self.is_there:
            self._wire.read_up_to(self)
        if self._error is not None:
            raise self._error
        return self._reply


def _client(url: str) -> redis.Redis | redis.RedisCluster:
    options: dict[str, Any] = {  # Any: redis-py's options are of many types
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": ANSWER_TIMEOUT,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }
    try:
        if url.startswith("redis+cluster://"):
            return redis.RedisCluster.from_url("redis://" + url.removeprefix("redis+cluster://"), **options)
        client = redis.Redis.from_url(url, **options)
        client.connection_pool.make_connection()  # connects to nothing yet, and refuses options that no connection takes
        return client
    except (ValueError, TypeError) as error:
        why = "its password, host or port cannot be read (write / in a password as %2F)" if "@" in url else str(error)
        raise Refused(f"DATELINE_REDIS names no Redis: {why}. Write it like redis://host:6379/0") from error
    except _ERRORS as error:
        raise StoreUnavailable(f"Redis at {_without_secret(url)} cannot be used: {_words(error)}.") from error


def _beginning_with(prefix: Key) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in prefix) + "*"


def _without_secret(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _advice(error: BaseException) -> str:
    if "WRONGTYPE" not in str(error):
        return ""
    return " Something else wrote there; dateline verify names what is damaged, and it is built anew by: dateline replay timeline"


def _words(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
