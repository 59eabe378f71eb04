"""The private redis-server's keeper: a small detached process that owns the server and ends it with its last user.

`dateline.private_redis` runs this file by its path with `python -I -S`; a command waits for it, so it imports little, and late.

Its standard input is `START_LOCK`, locked by the command that started it. Redis inherits it, and so does a child of Redis that
saves: the lock comes free when the last of them is gone, and only then may another keeper start here. Its output is `LOG`.
"""

# pathlib and contextlib would make every cold start 8 ms slower:
# ruff: noqa: PTH100, PTH102, PTH105, PTH108, PTH110, PTH120, PTH123, PTH208, SIM105

from __future__ import annotations

import os
import sys
import time

USERS_LOCK = "redis.users.lock"  # shared: every user, while it runs; exclusive: the keeper, to shut down
START_LOCK = "redis.start.lock"  # exclusive: the keeper and its Redis, while they run
SOCKET = "redis.socket"  # holds the path of the socket, once the server is ready
LOG = "redis.log"
DUMP = "redis.rdb"
BAD_DUMP = "redis.rdb.bad"
MARK = "dateline: "  # begins the keeper's own lines in the log

_OLDEST = (6, 2)
_LONGEST_ADDRESS = 103  # bytes; Linux takes 107, macOS 103
_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "dir": ".",
    "dbfilename": DUMP,
    "save": "60 1000",
    "appendonly": "no",
    "stop-writes-on-bgsave-error": "no",  # the view can be built anew from the log
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "loglevel": "warning",  # at `notice` each save adds lines for as long as the server runs
    "always-show-logo": "no",
}


def main(data: str, binary: str) -> None:
    """Run the server of a data folder until its last user has ended or it ends by itself."""
    _detach(data)
    _forget()
    users = os.open(USERS_LOCK, os.O_RDWR)
    address = _make_address()
    pid = _spawn(binary, address)
    try:
        _keep(binary, address, pid, users)
    except Exception as error:
        _say(f"{type(error).__name__}: {error}")
    finally:
        _kill(pid)
        _forget()
        _remove_folder(address)
        os._exit(0)  # the other thread may wait for a lock


def ask(address: str, command: bytes, *, timeout: float = 120.0) -> bytes:
    """Return the beginning of the server's answer, nothing if it ended instead.

    Raises:
        OSError: Nobody listens there, or there was no answer in time (`TimeoutError`).
    """
    import socket  # slow, so after the server is on its way

    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(timeout)
        connection.connect(address)
        connection.sendall(command + b"\r\n")
        return connection.recv(65536)


def _detach(data: str) -> None:
    """Leave the command's session and children, and every file but the three standard ones."""
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir(data)
    os.umask(0o077)
    os.closerange(3, 4096)


def _make_address() -> str:
    """Return a path in a new folder of its own, short enough for a socket and plain enough for a URL."""
    for place in (os.environ.get("TMPDIR", ""), "/tmp"):
        address = f"{place}/dateline-{os.urandom(6).hex()}/redis.sock"
        if place.startswith("/") and not set("%?#") & set(place) and place.isascii() and len(address) <= _LONGEST_ADDRESS:
            try:
                os.mkdir(os.path.dirname(address), 0o700)
                return address
            except OSError as error:
                _say(f"cannot make a folder for the socket: {error}; name another place with TMPDIR")
    os._exit(1)


def _spawn(binary: str, address: str) -> int:
    """Start the server as a child that dies with this process; return its process id."""
    keeper = os.getpid()
    if pid := os.fork():
        return pid
    try:
        _die_with(keeper)
        # Each word is an argument: Redis 6.2 takes `--save "60 1000"` for never.
        arguments = [part for name, value in _SETTINGS.items() for part in (f"--{name}", *value.split())]
        os.execv(binary, [binary, *arguments, "--unixsocket", address])
    except OSError as error:
        _say(f"cannot run {binary}: {error.strerror}")
    finally:
        os._exit(127)


def _die_with(parent: int) -> None:
    """Have the kernel end this process when its parent ends, where it can (Linux)."""
    if sys.platform == "linux":
        try:
            import ctypes
        except ImportError:  # a Python that was built without it
            return
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL
        if os.getppid() != parent:
            os._exit(1)


def _keep(binary: str, address: str, pid: int, users: int) -> None:
    """Publish the server once it is ready, and wait for its end."""
    import signal
    import threading

    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    threading.Thread(target=_end_with_last_user, args=(address, pid, users), daemon=True).start()
    if _is_ready(address, pid) and _is_new_enough(binary, address):
        _publish(address)
        os.waitpid(pid, 0)


def _is_ready(address: str, pid: int) -> bool:
    """Wait until the server has loaded its dump; False if it ended instead, with a dump that it could not load set aside."""
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            _set_dump_aside(os.waitstatus_to_exitcode(status))
            return False
        try:
            if ask(address, b"PING").startswith(b"+PONG"):
                return True
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.001)


def _set_dump_aside(code: int) -> None:
    """Move away a dump that the server refused or crashed on; not if somebody ended the server or it never ran."""
    if code in (0, -9, -15, 127) or not os.path.exists(DUMP):
        return
    os.replace(DUMP, BAD_DUMP)
    _say(f"Redis could not load {os.path.abspath(DUMP)}; it is now {BAD_DUMP}, and the timeline is built anew from the log.")


def _is_new_enough(binary: str, address: str) -> bool:
    version = ask(address, b"INFO server").partition(b"redis_version:")[2].split(b"\r")[0].decode()
    if tuple(map(int, version.split(".")[:2])) >= _OLDEST:
        return True
    _say(f"{binary} is Redis {version}, and 6.2 or later is needed")
    return False


def _publish(address: str) -> None:
    """Let users find the server; whoever reads the file reads all of it."""
    with open(SOCKET + ".new", "w") as file:
        file.write(address)
    os.replace(SOCKET + ".new", SOCKET)


def _end_with_last_user(address: str, pid: int, users: int) -> None:
    """Wait until no user is left, keep new ones out, and shut the server down, for which the main thread waits."""
    import fcntl

    try:
        fcntl.flock(users, fcntl.LOCK_EX)
    except OSError:
        _kill(pid)  # rather than run for ever
        raise
    while True:
        try:
            if b"rdb_changes_since_last_save:0\r" not in ask(address, b"INFO persistence"):
                ask(address, b"SHUTDOWN SAVE")
            ask(address, b"SHUTDOWN NOSAVE")  # also after a save that failed: the view can be built anew
        except TimeoutError:
            _kill(pid)
        except OSError:
            pass  # it does not listen yet, or has ended
        time.sleep(0.01)


def _forget() -> None:
    """Remove what this keeper, or one before it that was killed, has published, and dumps that were never finished."""
    try:
        for name in os.listdir():
            if name.startswith("temp-") and name.endswith(".rdb") and name[5:-4].isdigit():
                os.unlink(name)
        with open(SOCKET) as file:
            _remove_folder(file.read())
        os.unlink(SOCKET)
    except OSError:
        pass  # there is nothing, or the data folder is gone


def _remove_folder(address: str) -> None:
    for remove, path in ((os.unlink, address), (os.rmdir, os.path.dirname(address))):
        try:
            remove(path)
        except (OSError, ValueError):
            pass  # it is gone already, or a machine that went down left a file without a path


def _kill(pid: int) -> None:
    """End the server unless it has ended: its process id may then be another's."""
    try:
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            os.kill(pid, 9)
    except ChildProcessError:
        pass


def _say(text: str) -> None:
    os.write(2, f"{MARK}{text}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
