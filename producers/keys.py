"""Desk keys: who may say what over HTTP.

They lie in one file of the data folder, for its owner only, each as its SHA-256: a key is 256 random bits, so nobody guesses one
from its hash, and a slow hash would only make each request slow.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from secrets import token_hex, token_urlsafe
from threading import Lock
from typing import Final, Literal, TypeAlias, get_args

from msgspec import DecodeError, Struct, json, structs

from dateline.clock import now
from dateline.errors import DatelineError, Refused
from dateline.settings import make_data_folder
from schemas.names import check_name, did_you_mean, shortened
from schemas.times import rfc3339

Act: TypeAlias = Literal["publish", "correct", "kill", "operate"]
ACTS: Final[Sequence[Act]] = get_args(Act)
KEY_FILE: Final = "desks.json"

_PREFIX: Final = "dk"
_LONGEST: Final = 200


class KeysUnreadable(DatelineError):
    """The file of the keys is not one that this release can read, so nobody is let in."""


class DeskKey(Struct, frozen=True, kw_only=True):
    """What is known of a key; not the key itself.

    Attributes:
        digest: Of the whole key: SHA-256, in hex.
        acts: What it may be used for.
        stories: On which stories; empty for all.
        created_at, revoked_at: RFC 3339; None while it holds.
    """

    id: str
    desk: str
    digest: str
    acts: tuple[Act, ...]
    stories: tuple[str, ...] = ()
    created_at: str
    revoked_at: str | None = None

    def may(self, act: Act, story: str | None = None) -> bool:
        """Tell whether it may be used for `act`; without a story, for what is of no single story."""
        return act in self.acts and (not self.stories or (story is not None and story in self.stories))


class _Kept(Struct, forbid_unknown_fields=True):
    format: Literal[1] = 1
    keys: list[DeskKey] = []


class KeyRing:
    """The keys of a data folder. Safe for use by several threads and processes; a revoked key opens nothing from then on."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KEY_FILE
        self._lock = Lock()
        self._seen: tuple[int, ...] = ()
        self._keys: dict[str, DeskKey] = {}

    def all(self) -> list[DeskKey]:
        """Return all keys, revoked ones too, the oldest first.

        Raises:
            KeysUnreadable: The file is damaged.
        """
        return self._read().keys

    def add(self, desk: str, *, acts: Sequence[Act] = (), stories: Sequence[str] = ()) -> tuple[DeskKey, str]:
        """Make a key for a desk; return what is known of it, and the key itself, which is kept nowhere.

        Args:
            acts: What it may be used for; everything but `operate` if nothing is given.
            stories: On which stories; all if none is given.

        Raises:
            Refused: No desk or story can be called so.
        """
        number = token_hex(4)
        text = f"{_PREFIX}_{number}_{token_urlsafe(32)}"
        key = DeskKey(
            id=number,
            desk=check_name("desk", desk),
            digest=_digest(text),
            acts=tuple(one for one in ACTS if one in (acts or ACTS[:-1])),
            stories=tuple(sorted({check_name("story", one) for one in stories})),
            created_at=rfc3339(now()),
        )
        self._change(lambda keys: [*keys, key])
        return key, text

    def revoke(self, named: str) -> list[DeskKey]:
        """Let a key open nothing from now on, or all of a desk; return which.

        Raises:
            Refused: No key that holds has this id or desk.
        """
        moment = rfc3339(now())
        revoked: list[DeskKey] = []

        def without(keys: Sequence[DeskKey]) -> list[DeskKey]:
            standing = [one for one in keys if one.revoked_at is None]
            revoked.extend(structs.replace(one, revoked_at=moment) for one in standing if named == one.id)
            if not revoked:
                revoked.extend(structs.replace(one, revoked_at=moment) for one in standing if named == one.desk)
            if not revoked:
                hint = did_you_mean(named, {name for one in standing for name in (one.id, one.desk)})
                raise Refused(f"No key {shortened(named)} holds{hint}. See: dateline desks list")
            changed = {one.id: one for one in revoked}
            return [changed.get(one.id, one) for one in keys]

        self._change(without)
        return revoked

    def whose(self, text: str) -> DeskKey | None:
        """Return what is known of a key that somebody gives; None if it is none, or was revoked.

        Raises:
            KeysUnreadable: The file is damaged.
        """
        self._refresh()
        prefix, _, rest = text[:_LONGEST].partition("_")
        found = self._keys.get(rest.partition("_")[0])
        digest = _digest(text)
        if found is None or prefix != _PREFIX or not compare_digest(found.digest, digest) or found.revoked_at is not None:
            return None
        return found

    def _refresh(self) -> None:
        """Read the file again if it is another one than before."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._keys, self._seen = {}, ()
            return
        seen = (found.st_ino, found.st_mtime_ns, found.st_size)
        if seen != self._seen:
            with self._lock:
                self._keys = {one.id: one for one in self._read().keys}
                self._seen = seen

    def _read(self) -> _Kept:
        try:
            return json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return _Kept()
        except (DecodeError, UnicodeDecodeError) as error:
            raise KeysUnreadable(
                f"{self._path} is no file of keys: {error}. Restore it, or remove it and add keys anew."
            ) from None
        except OSError as error:
            raise KeysUnreadable(f"{self._path} cannot be read: {error.strerror}.") from None

    def _change(self, change: Callable[[Sequence[DeskKey]], list[DeskKey]]) -> None:
        make_data_folder(self._path.parent)
        with self._held():
            kept = self._read()
            kept.keys = change(kept.keys)
            self._write(kept)

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keep other processes from changing the keys meanwhile."""
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, kept: _Kept) -> None:
        """Put the file in place whole, and durable."""
        beside = self._path.with_suffix(f".{token_hex(4)}.new")
        try:
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(json.format(json.encode(kept), indent=1))
                file.flush()
                os.fsync(descriptor)
            beside.replace(self._path)
        except OSError as error:
            with suppress(OSError):
                beside.unlink()
            raise Refused(f"The keys cannot be written to {self._path} ({error.strerror}); nothing was changed.") from None


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
