"""The master key: what the secrets of webhooks derive from, and what addresses that hold secrets are sealed with.

It lies in the data folder or in the environment; what derives from it is never kept, logged or shown but where it is asked for.
"""

from __future__ import annotations

import os
from base64 import b32encode, b64encode, urlsafe_b64decode, urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Final

from dateline.errors import DatelineError, Refused
from dateline.settings import Settings, make_data_folder

KEY_FILE: Final = "secret.key"
SHORTEST: Final = 16
"""Bytes of a master key. Who receives a webhook could try out a short one at leisure."""

_MADE_BYTES = 32
_SECRET_BYTES = 32
_NONCE_BYTES = 12
_SEALED = "v1."


class SealBroken(DatelineError):
    """What was sealed under one master key cannot be opened with another, or was changed."""


class MasterKey:
    """Derives secrets. Neither its `repr` nor any error of it shows one."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        """Take `key`, of any length from `SHORTEST` on.

        Raises:
            Refused: It is too short.
        """
        if len(key) < SHORTEST:
            raise Refused(
                f"DATELINE_SECRET_KEY has {len(key)} bytes; it needs {SHORTEST} or more. Make one with: openssl rand -base64 32"
            )
        self._key = key

    def __repr__(self) -> str:
        return f"MasterKey(fingerprint={self.fingerprint!r})"

    def __reduce__(self) -> str:
        raise TypeError("a master key is not written anywhere")

    @property
    def fingerprint(self) -> str:
        """What tells this key from another; eight letters that give nothing away."""
        return b32encode(self._derive("fingerprint", size_bytes=5)).decode().lower()

    def webhook_secret(self, subscription: str, rotation: int) -> str:
        """Return the signing secret of a subscription, as its receiver gets it: `whsec_…` (Standard Webhooks)."""
        derived = self._derive("webhook", subscription, str(rotation), size_bytes=_SECRET_BYTES)
        return f"whsec_{b64encode(derived).decode()}"

    def seal(self, subscription: str, text: str) -> str:
        """Return `text` encrypted (AES-256-GCM), for this subscription alone."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._sealing(subscription)).encrypt(nonce, text.encode(), subscription.encode())
        return _SEALED + urlsafe_b64encode(nonce + sealed).decode().rstrip("=")

    def unseal(self, subscription: str, sealed: str) -> str:
        """Return what `seal` was given.

        Raises:
            SealBroken: It was sealed under another key or for another subscription, or is no seal.
        """
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            data = urlsafe_b64decode(sealed.removeprefix(_SEALED) + "==")
            opened = AESGCM(self._sealing(subscription)).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], subscription.encode())
            return opened.decode()
        except (ValueError, InvalidTag):
            raise SealBroken(
                f"The address of subscription {subscription} was sealed under another master key than this one "
                f"({self.fingerprint}). Set DATELINE_SECRET_KEY to that one, or add the subscription anew."
            ) from None

    def _sealing(self, subscription: str) -> bytes:
        return self._derive("target", subscription, size_bytes=32)

    def _derive(self, *purpose: str, size_bytes: int) -> bytes:
        """Return bytes that belong to a purpose (HKDF-SHA256, RFC 5869). No purpose is another's beginning."""
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        info = b"".join(len(part).to_bytes(4, "big") + part for part in (b"dateline", *(one.encode() for one in purpose)))
        return HKDF(algorithm=SHA256(), length=size_bytes, salt=None, info=info).derive(self._key)


def master_key(settings: Settings) -> MasterKey:
    """Return the master key that the settings name; without one, that of the data folder, where it is made once.

    Raises:
        Refused: It is too short; or the file is not its owner's alone, or holds no key.
        LogUnavailable: There is no data folder, and none can be made.
    """
    if settings.secret_key:
        return MasterKey(settings.secret_key.encode())
    make_data_folder(settings.data_folder)
    path = settings.data_folder / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        return MasterKey(_read(path))
    except OSError as error:
        raise Refused(f"The master key {path} cannot be read or made ({error.strerror}). Set DATELINE_SECRET_KEY.") from error


def _make(path: Path) -> None:
    """Write a new key, whole or not at all; of several who come at once, one makes it for all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(6).hex()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(os.urandom(_MADE_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # somebody else was first: theirs is the key
            os.link(partial, path)
        _sync(path.parent)
    finally:
        partial.unlink()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> bytes:
    mode = S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise Refused(f"The master key {path} can be read by others (mode {mode:o}). Put that right with: chmod 600 {path}")
    key = path.read_bytes().strip()
    if len(key) < SHORTEST:
        raise Refused(f"The file {path} holds no master key. Bring the right one back; with a new one, all secrets are others.")
    return key
