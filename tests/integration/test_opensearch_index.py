"""The search index on a real OpenSearch that fails: killed, read-only, busy; writers that die, are late, or write in part."""

from __future__ import annotations

import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest
from msgspec.json import encode

from consumers.runner import Runner
from consumers.search.answers import Sort
from consumers.search.opensearch import held
from consumers.search.opensearch.index import OpenSearchIndex
from consumers.search.opensearch.reader import _mark
from consumers.search.opensearch.server import Action, Json, Server
from consumers.search.opensearch.view import OpenSearchView
from consumers.search.question import Question
from dateline.errors import ContentDamaged, DatelineError, Refused, StoreBroken, StoreFull, StoreUnavailable
from dateline.log.base import Log
from dateline.replay import Replay
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.support.later_http import busy_server
from tests.support.opensearch_server import OpenSearchServer, ask, empty, opensearch_server
from tests.support.planted import STORY, cover
from tests.support.searched import audited, feed, feed_view, found
from tests.support.servers import eventually

SECRET = "zebrafinch"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearchServer]:
    """One that this module may kill, and whose files it may read."""
    with opensearch_server(tmp_path_factory.mktemp("opensearch")) as server:
        yield server


@pytest.fixture
def url(server: OpenSearchServer) -> str:
    return empty(server.url)


@pytest.fixture
def index(url: str) -> Iterator[OpenSearchIndex]:
    with closing(OpenSearchIndex(url)) as index:
        yield index


class Dying(Server):
    """Dies when it has written so many bulks: of the last, only every second action."""

    def __init__(self, url: str, *, after: int) -> None:
        super().__init__(url)
        self.left = after

    def bulk(self, actions: Sequence[Action]) -> Sequence[Json]:
        self.left -= 1
        if self.left < 0:
            super().bulk(actions[::2])
            raise StoreUnavailable("It has died.")
        return super().bulk(actions)


def feed_until_it_dies(log: Log, server: Server) -> None:
    with suppress(StoreUnavailable):
        feed_view(log, OpenSearchView(server), log.end_offsets(EVENTS_TOPIC), batch=7)


def test_a_server_that_was_killed_has_what_was_written_and_goes_on(
    log: Log, desk: Desk, index: OpenSearchIndex, server: OpenSearchServer
) -> None:
    cover(log)
    feed(log, index)
    server.kill()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        found(index, "problem")
    desk.release(STORY, "rumour")

    server.start()
    eventually(lambda: _fed(log, index), what="an index that takes writes again")

    assert found(index, "meteorite") == ["rumour"]
    assert audited(index, log).differences == []


def _fed(log: Log, index: OpenSearchIndex) -> bool:
    try:
        feed(log, index)
    except StoreUnavailable:
        return False
    return True


def test_a_read_only_index_is_said_in_clear_words_and_goes_on_later(log: Log, index: OpenSearchIndex, url: str) -> None:
    cover(log)
    feed(log, index)
    cover(log, "two")
    block = {"index.blocks.read_only_allow_delete": True}
    ask(url, "PUT", "/dateline-search-g1*/_settings", block)

    with pytest.raises(StoreFull, match="Make room"):
        feed(log, index)

    assert len(found(index, "problem")) == 1
    ask(url, "PUT", "/dateline-search-g1*/_settings", {"index.blocks.read_only_allow_delete": None})
    feed(log, index)
    assert audited(index, log).differences == []


def test_what_a_busy_server_puts_off_is_written_all_the_same(log: Log, index: OpenSearchIndex, url: str) -> None:
    cover(log)
    with busy_server(url) as (busy, putting), closing(OpenSearchIndex(busy)) as through:
        putting.whole, putting.parts = 3, 4
        feed(log, through)
        assert putting.times == 7

    assert audited(index, log).differences == []


def test_a_server_that_is_busy_for_long_is_told_of_and_the_batch_written_later(
    log: Log, index: OpenSearchIndex, url: str
) -> None:
    cover(log)
    with busy_server(url) as (busy, putting):
        impatient = Server(busy, patience=0.2)
        feed_view(log, OpenSearchView(impatient), dict.fromkeys(range(log.partitions(EVENTS_TOPIC)), 0))
        putting.parts = 1_000
        with pytest.raises(StoreUnavailable, match="puts off"):
            feed_view(log, OpenSearchView(impatient), log.end_offsets(EVENTS_TOPIC))

    feed(log, index, batch=2)

    assert audited(index, log).differences == []


@pytest.mark.parametrize("again", [1, 3, 250])
def test_a_writer_may_die_at_any_write_and_batches_be_cut_otherwise_after(
    log: Log, desk: Desk, index: OpenSearchIndex, url: str, again: int
) -> None:
    feed(log, index)
    cover(log)
    desk.revise_story(STORY, title="Apollo 13", language="de")
    cover(log, "two")
    for after in range(0, 12, 2):
        with closing(Dying(url, after=after)) as dying:
            feed_until_it_dies(log, dying)

    feed(log, index, batch=again)

    assert audited(index, log).differences == []
    assert sorted(found(index, "problem")) == ["problem", "problem"]


def test_a_late_writer_changes_nothing(log: Log, desk: Desk, index: OpenSearchIndex, url: str) -> None:
    cover(log)
    late_ones: list[Sequence[Action]] = []

    class Late(Server):
        def bulk(self, actions: Sequence[Action]) -> Sequence[Json]:
            if len(actions) > 1:
                late_ones.append(actions)
                raise StoreUnavailable("It is paused.")
            return super().bulk(actions)

    with closing(Late(url)) as late:
        feed_until_it_dies(log, late)
        desk.kill(STORY, "launch", reason="wrong")
        feed(log, index, batch=3)

        assert late_ones
        for actions in late_ones:
            Server.bulk(late, actions)

    assert found(index, "lift") == []
    assert audited(index, log).differences == []


def test_an_index_that_is_taken_away_under_its_writer_is_built_again(
    log: Log, desk: Desk, index: OpenSearchIndex, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "_REMEMBERED", 0)  # as in a partition of more states than are remembered
    cover(log)
    with closing(Runner(log, index.view(), topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
        for name in ("pointers", "g1", "g1-states"):
            ask(url, "DELETE", f"/dateline-search-{name}")
        desk.revise(STORY, "launch", headline="Lift-off at last", body="On time.")

        with pytest.raises(StoreUnavailable, match="took it away"):
            runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
        runner.reset()
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)

    assert found(index, "lift") == ["launch"]
    assert audited(index, log).differences == []


def test_what_a_late_write_made_of_an_index_that_was_gone_is_not_built_upon(
    log: Log, desk: Desk, index: OpenSearchIndex, url: str
) -> None:
    cover(log)
    with closing(Runner(log, index.view(), topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
        for name in ("pointers", "g1", "g1-states"):
            ask(url, "DELETE", f"/dateline-search-{name}")
        desk.revise(STORY, "launch", headline="Lift-off at last", body="On time.")

        with suppress(DatelineError):
            runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
        runner.reset()
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)

    assert found(index, "lift", story=STORY) == ["launch"]
    assert found(index, "swigert", story=STORY) == ["problem"]
    assert audited(index, log).differences == []


def test_two_writers_of_one_partition_fence_each_other(log: Log, desk: Desk, index: OpenSearchIndex) -> None:
    cover(log)
    first, second = index.view(), index.view()
    log_id = log.id(EVENTS_TOPIC)
    home = next(partition for partition, end in log.end_offsets(EVENTS_TOPIC).items() if end)
    old = first.claim(home, log_id=log_id)
    second.claim(home, log_id=log_id)
    second.reset()

    from consumers.view import Folded

    applied = first.apply(old, Folded(0, 1, {}, (), 0, 0)).result()
    first.reset()

    assert applied.status == "FENCED"


_FEEDER = """
import sys
from consumers.runner import Runner
from consumers.search.opensearch.index import OpenSearchIndex
from dateline.log import open_log
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
with open_log(sys.argv[1]) as log:
    runner = Runner(log, OpenSearchIndex(sys.argv[2]).view(), topic=EVENTS_TOPIC, codec=committed_codec(), batch=2)
    print("fed", flush=True)
    runner.run(stopped=lambda: False)
"""


def test_a_consumer_may_be_killed_at_any_time(log: Log, index: OpenSearchIndex, url: str, tmp_path: Path) -> None:
    for number in range(20):
        cover(log, f"story-{number}")
    for number in range(4):
        command = [sys.executable, "-c", _FEEDER, f"sqlite:///{tmp_path}/log.db", url]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as feeder:
            assert feeder.stdout is not None
            feeder.stdout.readline()
            seen = _seen(index)
            eventually(lambda seen=seen: _seen(index) >= seen + 7 * (number + 1) or _seen(index) == 180, what="progress")  # type: ignore[misc]  # noqa: B023
            feeder.kill()

    feed(log, index)

    assert audited(index, log).differences == []
    assert len(found(index, "problem")) == 20


def _seen(index: OpenSearchIndex) -> int:
    return sum(one.offset for one in index.positions(partitions=4))


def test_nothing_of_a_killed_text_stays_in_any_file_of_any_generation(
    log: Log, desk: Desk, index: OpenSearchIndex, server: OpenSearchServer
) -> None:
    cover(log)
    desk.publish(STORY, update="false", headline=f"A {SECRET}", body=f"Seen by the {SECRET}.")
    desk.correct(STORY, "false", note=f"No {SECRET}.", headline="Nothing", body="Nobody.")
    desk.publish(STORY, update="other", headline="About others", body="Others.")
    feed(log, index)
    _replayed(log, index)
    assert SECRET in _files(server)
    desk.kill(STORY, "false", reason="never")

    view = index.view()
    with closing(Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        eventually(lambda: SECRET not in _files(server), within=90, what="files without the killed text")

    assert found(index, "others") == ["other"]
    assert audited(index, log).differences == []


def test_killed_words_go_although_an_index_was_closed_and_dropped_meanwhile(
    log: Log, desk: Desk, index: OpenSearchIndex, server: OpenSearchServer, caplog: pytest.LogCaptureFixture
) -> None:
    cover(log)
    desk.publish(STORY, update="false", headline=f"A {SECRET}", body="Seen.")
    view = index.view()
    with closing(Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        desk.kill(STORY, "launch", reason="wrong")
        _replayed(log, index)
        ask(server.url, "POST", "/dateline-search-g1-states/_close")
        assert isinstance(view, OpenSearchView)
        view._purging().look("g1", 0)
        eventually(lambda: bool(caplog.messages), what="a line about the index that is closed")
        for name in ("g1", "g1-states"):
            ask(server.url, "DELETE", f"/dateline-search-{name}")
        runner.reset()
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        desk.kill(STORY, "false", reason="never")
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
        eventually(lambda: SECRET not in _files(server), within=90, what="files without the killed text")

    assert all("\n" not in line for line in caplog.messages)
    assert audited(index, log).differences == []


def test_what_takes_killed_words_out_outlives_any_error(
    log: Log, desk: Desk, index: OpenSearchIndex, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Server):
        """Its driver fails twice as it never should while the purger asks."""

        left = 2

        def ask(self, method: str, path: str, body: object = None, **params: object) -> Json:
            if path.endswith("/_settings") and self.left:
                self.left -= 1
                raise ConnectionRefusedError("refused\nby nobody that is known")
            return super().ask(method, path, body, **params)

    cover(log)
    desk.kill(STORY, "launch", reason="wrong")
    with closing(Odd(url)) as server:
        view = OpenSearchView(server)
        with closing(Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
            assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 20)
            eventually(lambda: not _owed(url), within=90, what="nothing that is owed")

    (line,) = caplog.messages
    assert "ConnectionRefusedError: refused by nobody that is known" in line


def _owed(url: str) -> int:
    """Return how many kills are not done."""
    ask(url, "POST", "/dateline-search-g1-states/_refresh")
    counted: int = ask(url, "POST", "/dateline-search-g1-states/_count", {"query": {"term": {"kind": "k"}}})["count"]
    return counted


def _files(server: OpenSearchServer) -> str:
    """Return which words of the test's stand in the files, as they are."""
    done = subprocess.run(["grep", "-rlaiF", SECRET, str(server.data / "node_1")], capture_output=True, text=True, check=False)
    return SECRET if done.stdout else ""


def _replayed(log: Log, index: OpenSearchIndex) -> None:
    replay = Replay(log, index.generations(partitions=log.partitions(EVENTS_TOPIC)), codec=committed_codec())
    replay.begin(check_room=lambda: None)
    replay.build(progress=lambda seen, whole: None, stay=lambda: None)
    with replay.following() as check:
        replay.compare(check=check)
        replay.flip(home=lambda story: 0, check=check)
    assert replay.result.different == []


def test_readers_find_the_same_while_partitions_flip_one_by_one(log: Log, index: OpenSearchIndex) -> None:
    for number in range(6):
        cover(log, f"story-{number}")
    feed(log, index)
    generations = index.generations(partitions=log.partitions(EVENTS_TOPIC))
    replay = Replay(log, generations, codec=committed_codec())
    name = replay.begin(check_room=lambda: None)
    replay.build(progress=lambda seen, whole: None, stay=lambda: None)
    answers = []

    for partition in range(log.partitions(EVENTS_TOPIC)):
        assert generations.flip(partition, "shadow", name) is None
        answers.append(sorted(found(index, "problem")))

    assert answers == [["problem"] * 6] * len(answers)
    assert {one.name for one in generations.standing("live").values()} == {name}
    assert generations.drop("previous") > 0
    assert audited(index, log).differences == []


def test_a_flip_waits_for_a_build_that_is_behind(log: Log, index: OpenSearchIndex) -> None:
    feed(log, index)
    generations = index.generations(partitions=log.partitions(EVENTS_TOPIC))
    replay = Replay(log, generations, codec=committed_codec())
    name = replay.begin(check_room=lambda: None)
    cover(log)
    feed(log, index)

    behind = {p: generations.flip(p, "shadow", name) for p in range(log.partitions(EVENTS_TOPIC))}

    assert sorted(behind.values(), key=str) == [9, None, None, None]
    with pytest.raises(Refused, match="is gone"):
        generations.flip(next(p for p, wanted in behind.items() if wanted), "shadow", "g9")


@pytest.mark.parametrize("sort", ["newest", "relevance"])
@pytest.mark.parametrize("values", [[], ["one", "two"], [1, "x"], [1.5, 1, "x"], [1 << 63, "x"], [1.5, -1, "x"], [1.5, "x", 1]])
def test_a_cursor_that_was_tampered_with_never_reaches_the_server(sort: Sort, values: list[object]) -> None:
    question = Question("oxygen")
    cursor = urlsafe_b64encode(encode((_mark(question, sort), values))).decode()
    is_sound = values == ([1, "x"] if sort == "newest" else [1.5, 1, "x"])

    with closing(OpenSearchIndex("http://127.0.0.1:9")) as index, pytest.raises(StoreUnavailable if is_sound else Refused):
        index.reader().search(question, sort=sort, cursor=cursor)


def test_a_password_is_in_no_message() -> None:
    with closing(OpenSearchIndex("http://desk:hunter2@127.0.0.1:9")) as index:
        assert "hunter2" not in index.shown
        with pytest.raises(StoreUnavailable) as error:
            found(index, "anything")

    assert "hunter2" not in str(error.value)


def test_what_is_no_index_of_ours_is_left_alone(index: OpenSearchIndex, url: str, log: Log) -> None:
    ask(url, "PUT", "/dateline-search-pointers")
    with pytest.raises(ContentDamaged, match="none of ours"):
        index.positions(partitions=4)
    with pytest.raises(DatelineError, match="none of ours"):
        feed(log, index)


def test_a_server_that_is_no_opensearch_is_told_of(tmp_path: Path) -> None:
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
    from threading import Thread

    class Other(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"version": {"number": "8.15.0"}}')

        def log_message(self, *about: object) -> None:
            pass

    other = ThreadingHTTPServer(("127.0.0.1", 0), Other)
    Thread(target=other.serve_forever, daemon=True).start()
    try:
        with (
            closing(OpenSearchIndex(f"http://127.0.0.1:{other.server_address[1]}")) as index,
            pytest.raises(StoreBroken, match=r"elasticsearch 8\.15\.0"),
        ):
            found(index, "anything")
    finally:
        other.shutdown()
        other.server_close()
