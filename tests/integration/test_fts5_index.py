"""The index in SQLite's files: what is left of what was killed, what an audit finds, and files that cannot be used."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

import apsw
import pytest

from consumers.runner import Runner
from consumers.search.answers import Sort
from consumers.search.fts5.files import Files, open_generation
from consumers.search.fts5.index import Fts5Index
from consumers.search.fts5.reader import Fts5Reader
from consumers.search.question import Filters, Question
from dateline.errors import DatelineError, Refused, StoreBroken, StoreFull, StoreUnavailable
from dateline.log.base import Log
from dateline.log.partitioner import partition_of
from dateline.replay import Replay
from dateline.rollback import roll_back
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.support.planted import STORY, cover
from tests.support.searched import ask, audited, feed, found

SECRET = "Zanzibarite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def index(folder: Path) -> Fts5Index:
    return Fts5Index(folder)


def rebuilt(log: Log, index: Fts5Index, *, flip: bool = True) -> Replay:
    """Replay the log into a new generation."""
    replay = Replay(log, index.generations(partitions=log.partitions(EVENTS_TOPIC)), codec=committed_codec())
    replay.begin(check_room=lambda: None)
    replay.build(progress=lambda seen, total: None, stay=lambda: None)
    with replay.following() as check:
        replay.compare(check=check)
        if flip:
            replay.flip(home=lambda story: home(log, story), check=check)
    return replay


def home(log: Log, story: str) -> int:
    return partition_of(story.encode(), log.partitions(EVENTS_TOPIC))


def traces(folder: Path, word: str) -> list[str]:
    """Return the files of the index that hold a word, as it was written or as it is indexed."""
    sought = {word.encode(), word.lower().encode(), word.lower()[:7].encode()}
    return [path.name for path in folder.glob("search*") if any(one in path.read_bytes() for one in sought)]


def say_the_secret(desk: Desk) -> None:
    for number in range(60):
        desk.publish(STORY, update=f"u{number}", headline=f"Number {number}", body=f"An ordinary zanza number{number} here.")
    desk.publish(STORY, update="secret", headline=f"The {SECRET} affair", body=f"Said {SECRET}s, {SECRET.upper()}.")


@pytest.mark.parametrize("pointer", ["live alone", "a previous one", "a shadow"])
def test_nothing_of_what_was_killed_is_left_in_any_file(
    log: Log, index: Fts5Index, folder: Path, desk: Desk, pointer: str
) -> None:
    cover(log)
    say_the_secret(desk)
    feed(log, index)
    desk.correct(STORY, "secret", note=f"Not {SECRET}.", headline="The affair", body="Something else.", expects=1)
    feed(log, index)
    desk.revise(STORY, "secret", headline=f"Still {SECRET}", body="…", expects=2)
    if pointer == "a shadow":
        rebuilt(log, index, flip=False)
    feed(log, index)
    if pointer == "a previous one":
        rebuilt(log, index)
    assert traces(folder, SECRET) != []

    desk.kill(STORY, "secret", reason="false")
    feed(log, index)

    assert traces(folder, SECRET) == []
    assert found(index, SECRET) == []
    assert found(index, "zanza") != []
    assert audited(index, log).differences == []


def test_a_rollback_after_a_kill_brings_nothing_back(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    cover(log)
    say_the_secret(desk)
    feed(log, index)
    rebuilt(log, index)
    desk.kill(STORY, "secret", reason="false")
    feed(log, index)

    roll_back(log, index.generations(partitions=4), codec=committed_codec(), patience=20.0)

    assert {one.generation for one in index.positions(partitions=4)} == {"g1"}
    assert (traces(folder, SECRET), found(index, SECRET)) == ([], [])
    assert audited(index, log).differences == []


def test_a_reader_in_the_way_delays_what_a_kill_owes(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    say_the_secret(desk)
    feed(log, index)
    with closing(open_generation(folder / "search-g1.db")) as reading, reading.reading():
        reading.rows("SELECT count(*) FROM docs")
        desk.kill(STORY, "secret", reason="false")
        feed(log, index)
        assert traces(folder, SECRET) != []

    desk.publish(STORY, update="next", headline="Next", body="…")
    feed(log, index)

    assert traces(folder, SECRET) == []


def test_a_withheld_update_leaves_no_words_in_the_full_text(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    say_the_secret(desk)
    feed(log, index)
    desk.withhold(STORY, "secret", reason="in doubt")
    feed(log, index)

    with closing(sqlite3.connect(folder / "search-g1.db")) as raw:
        blocks = b"".join(block for (block,) in raw.execute("SELECT block FROM words_data"))
    assert SECRET.lower()[:7].encode() not in blocks


PLANTED: dict[str, tuple[str, str]] = {
    "a changed document": ("UPDATE docs SET document = '{}' WHERE name = 'launch'", "update launch differs in its document"),
    "a lost document": ("DELETE FROM docs WHERE name = 'launch'", "update launch is missing"),
    "a lost state": ("DELETE FROM updates WHERE name = 'rumour'", "the state of update apollo-13/rumour is missing"),
    "another title": ("UPDATE stories SET title = 'Other'", "story apollo-13 differs"),
    "a verdict too many": (
        "INSERT INTO entries VALUES ('apollo-13', 'ghost', '[]')",
        "the verdict on event apollo-13/ghost",
    ),
    "a word too many": (
        "INSERT INTO words (rowid, body) VALUES (7, 'ghost')",
        "is found by 'ghost' in its body",
    ),
    "lost words": (
        "INSERT INTO words (words) VALUES ('delete-all')",
        "problem is not found by 'swigert' in its body",
    ),
    "a broken segment": ("UPDATE words_data SET block = x'00' WHERE id > 10", "words: "),
}


@pytest.mark.parametrize("what", PLANTED)
def test_an_audit_names_what_was_planted(log: Log, index: Fts5Index, folder: Path, what: str) -> None:
    cover(log)
    feed(log, index)
    assert audited(index, log).differences == []

    sql, named = PLANTED[what]
    with closing(apsw.Connection(str(folder / "search-g1.db"))) as raw:
        raw.execute(sql)

    assert any(named in difference for difference in audited(index, log).differences), audited(index, log).differences


def test_a_replay_builds_beside_and_flips_all_at_once(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    cover(log)
    cover(log, "another")
    feed(log, index)

    replay = rebuilt(log, index)

    assert replay.result.different == []
    assert (replay.result.compared, replay.result.uncompared) == (2, [])
    assert {one.generation for one in index.positions(partitions=4)} == {"g2"}
    assert {one.generation for one in index.positions(partitions=4, pointer="previous")} == {"g1"}
    assert sorted(found(index, "swigert")) == ["problem", "problem"]
    assert index.generations(partitions=4).drop("previous") > 0
    assert sorted(path.name for path in folder.glob("search-g*.db")) == ["search-g2.db"]


def test_a_reader_follows_a_flip(log: Log, index: Fts5Index) -> None:
    cover(log)
    feed(log, index)
    with closing(index.reader()) as reader:
        before = reader.search(Question("swigert"))
        rebuilt(log, index)
        index.generations(partitions=4).drop("previous")
        after = reader.search(Question("swigert"))

    assert [hit.document for hit in before.hits] == [hit.document for hit in after.hits]


@pytest.mark.parametrize("sort", ["newest", "relevance"])
@pytest.mark.parametrize("last", ["f" * 16, "8" + "0" * 15, "-1", "+1", " 1", "1_0", "", "g"])
def test_a_cursor_that_was_tampered_with_is_refused(log: Log, index: Fts5Index, sort: Sort, last: str) -> None:
    cover(log)
    feed(log, index)
    question = Question("", Filters(story=STORY))
    with closing(index.reader()) as reader:
        following = reader.search(question, sort=sort, limit=1).next
        assert following is not None

        with pytest.raises(Refused, match="cursor"):
            reader.search(question, sort=sort, limit=1, cursor=f"{last}-{following.partition('-')[2]}")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux says which files are open")
def test_a_consumer_lets_go_of_generations_that_were_taken_away(log: Log, index: Fts5Index, folder: Path) -> None:
    cover(log)
    view = index.view()
    runner = Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())
    with closing(runner):
        for _ in range(3):
            assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 30)
            rebuilt(log, index)
        for partition in range(log.partitions(EVENTS_TOPIC)):
            view.claim(partition, log_id=log.id(EVENTS_TOPIC))

        opened = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}

    assert [name for name in sorted(opened) if str(folder) in name and name.endswith("(deleted)")] == []


def test_whoever_held_a_partition_before_is_fenced(log: Log, index: Fts5Index, desk: Desk) -> None:
    cover(log)
    zombie = Runner(log, index.view(), topic=EVENTS_TOPIC, codec=committed_codec())
    zombie.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    stolen = index.view()
    for partition in range(log.partitions(EVENTS_TOPIC)):
        stolen.claim(partition, log_id=log.id(EVENTS_TOPIC))

    desk.publish(STORY, update="late", headline="Late", body="…")
    zombie._turn(1.0)
    zombie.flush()
    assert found(index, "late") == []

    assert zombie.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    assert found(index, "late") == ["late"]
    zombie.close()
    stolen.reset()


def garbage(path: Path) -> None:
    path.write_bytes(b"no database at all " * 500)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE theirs (a)")


def scribbled(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


@pytest.mark.parametrize("harm", [garbage, emptied, foreign, scribbled], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("name", ["search.db", "search-g1.db"])
def test_a_file_that_is_no_index_is_said_and_built_anew(
    log: Log, index: Fts5Index, folder: Path, harm: Callable[[Path], None], name: str
) -> None:
    cover(log)
    feed(log, index)
    for ending in ("-wal", "-shm"):
        (folder / f"{name}{ending}").unlink(missing_ok=True)
    harm(folder / name)

    if (name, harm) != ("search.db", emptied):
        with pytest.raises(StoreBroken, match=f"{name}.*dateline replay search"):
            ask(index, "swigert")
        with pytest.raises(DatelineError, match=f"{name}.*dateline replay search"):
            feed(log, index)
    rebuilt(log, index)

    assert found(index, "swigert") == ["problem"]
    assert audited(index, log).differences == []


@pytest.mark.parametrize(("harm", "says"), [(garbage, "it is no SQLite file"), (foreign, "it is a database of another program")])
@pytest.mark.parametrize("name", ["search.db", "search-g1.db"])
def test_a_file_of_another_program_is_said_to_be_that_and_to_be_moved(
    log: Log, index: Fts5Index, folder: Path, harm: Callable[[Path], None], says: str, name: str
) -> None:
    cover(log)
    feed(log, index)
    harm(folder / name)

    with pytest.raises(StoreBroken) as told:
        ask(index, "swigert")

    assert str(told.value).startswith(f"{folder / name} is no search index of Dateline's: {says}")
    assert "Move it elsewhere if somebody wants it" in str(told.value)
    assert "damaged" not in str(told.value)


@pytest.mark.parametrize(("other", "says"), [(0, "of an older release"), (9, "of a newer release")])
@pytest.mark.parametrize("name", ["search.db", "search-g1.db"])
def test_a_file_of_another_format_is_said_and_built_anew(
    log: Log, index: Fts5Index, folder: Path, other: int, says: str, name: str
) -> None:
    cover(log)
    feed(log, index)
    with closing(sqlite3.connect(folder / name)) as file, file:
        file.execute(f"PRAGMA user_version = {other}")
    told = rf"{name} cannot be read: it has format {other}, {says}; this one has format 1\..*dateline replay search"

    with pytest.raises(StoreBroken, match=told):
        ask(index, "swigert")
    with pytest.raises(StoreBroken, match=told):
        feed(log, index)
    rebuilt(log, index)

    assert found(index, "swigert") == ["problem"]
    assert audited(index, log).differences == []


@pytest.mark.parametrize("harm", [garbage, foreign, scribbled], ids=lambda harm: harm.__name__)
def test_an_index_that_cannot_be_read_has_an_id_so_that_it_can_be_built_anew(
    log: Log, index: Fts5Index, folder: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    cover(log)
    feed(log, index)
    before = index.id
    for ending in ("-wal", "-shm"):
        (folder / f"search.db{ending}").unlink(missing_ok=True)
    harm(folder / "search.db")

    damaged, again = index.id, Fts5Index(folder).id
    rebuilt(log, index)

    assert again == damaged
    assert len({before, damaged, index.id, Fts5Index(tmp_path / "other").id}) == 4


@pytest.mark.parametrize("name", ["search.db", "search-g1.db"])
def test_a_file_that_is_gone_is_made_anew_by_whoever_feeds(log: Log, index: Fts5Index, folder: Path, name: str) -> None:
    cover(log)
    feed(log, index)
    (folder / name).unlink()
    for ending in ("-wal", "-shm"):
        (folder / f"{name}{ending}").unlink(missing_ok=True)

    with pytest.raises(StoreUnavailable, match="dateline replay search"):
        ask(index, "swigert")
    feed(log, index)

    assert found(index, "swigert") == ["problem"]
    assert len(list(folder.glob("search-g*.db"))) == 1


def test_an_index_of_another_analyser_is_refused(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    cover(log)
    feed(log, index)
    with closing(sqlite3.connect(folder / "search-g1.db")) as raw, raw:
        raw.execute("UPDATE made SET analyser = 'of old'")

    with pytest.raises(StoreUnavailable, match=r"of old.*dateline replay search"):
        ask(index, "swigert")
    desk.publish(STORY, update="next", headline="Next", body="…")
    with pytest.raises(DatelineError, match=r"of old.*dateline replay search"):
        feed(log, index)
    rebuilt(log, index)
    assert found(index, "swigert") == ["problem"]


def test_a_full_disk_leaves_the_index_whole(log: Log, index: Fts5Index, folder: Path, desk: Desk) -> None:
    cover(log)
    view = index.view()
    runner = Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec())
    runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    (database,) = view._open.values()  # type: ignore[attr-defined]  # of the view that this index has
    pages = database.value("PRAGMA page_count")
    database.run(f"PRAGMA max_page_count = {pages}")
    say_the_secret(desk)

    with pytest.raises(StoreFull, match=r"search-g1\.db.*disk is full"):
        runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    assert found(index, "swigert") == ["problem"]
    database.run("PRAGMA max_page_count = 1000000")
    runner.reset()

    assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + 10)
    runner.close()
    assert audited(index, log).differences == []


def test_a_folder_that_may_not_be_written_is_said(log: Log, index: Fts5Index, folder: Path) -> None:
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file, not a folder")

    with pytest.raises(StoreUnavailable, match="search"):
        feed(log, index)


def test_the_files_are_their_owners_alone(log: Log, index: Fts5Index, folder: Path) -> None:
    cover(log)
    feed(log, index)

    assert {oct(path.stat().st_mode & 0o777) for path in folder.glob("search*")} == {"0o600"}


FEEDER = """
import sys, time
from pathlib import Path
from dateline.log import open_log
from consumers.runner import Runner
from consumers.search.fts5.index import Fts5Index
from consumers.search.fts5.reader import Fts5Reader
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
with open_log(sys.argv[1]) as log:
    view = Fts5Index(Path(sys.argv[2])).view()
    Runner(log, view, topic=EVENTS_TOPIC, codec=committed_codec(), batch=int(sys.argv[3])).run(stopped=lambda: False)
"""


def test_a_feeder_that_is_killed_again_and_again_loses_and_doubles_nothing(
    log: Log, index: Fts5Index, folder: Path, desk: Desk
) -> None:
    for number in range(8):
        cover(log, f"story-{number}")
        for other in range(30):
            desk.publish(f"story-{number}", update=f"u{other}", headline=f"Number {other}", body="Words enough.")
    end = sum(log.end_offsets(EVENTS_TOPIC).values())
    for kill in range(6):
        feeder = subprocess.Popen([sys.executable, "-c", FEEDER, log.url, str(folder), str(3 + kill)])  # this very interpreter
        wanted = end * (kill + 1) // 8
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and sum(one.offset for one in index.positions(partitions=4)) < wanted:
            time.sleep(0.001)
        feeder.send_signal(signal.SIGKILL)
        feeder.wait()

    feed(log, index)

    assert audited(index, log).differences == []
    assert ask(index, "words").total.value == 240


def test_whichever_page_of_the_file_is_damaged_a_replay_puts_another_in_its_place(
    log: Log, index: Fts5Index, folder: Path, tmp_path: Path
) -> None:
    cover(log)
    feed(log, index)
    (file,) = folder.glob("search-g*.db")
    with closing(open_generation(file)) as database:
        database.checkpoint(patience=1.0)
    for page in range(file.stat().st_size // 4096):
        damaged = tmp_path / f"damaged-{page}"
        shutil.copytree(folder, damaged)
        with (damaged / file.name).open("r+b") as opened:
            opened.seek(page * 4096)
            opened.write(b"\x5a" * 4096)
        other = Fts5Index(damaged)

        rebuilt(log, other)

        assert audited(other, log).differences == [], page
        assert found(other, "houston") == ["problem"], page


@pytest.mark.parametrize("sort", ["newest", "relevance"])
@pytest.mark.parametrize("place", ["f" * 16, "8000000000000000", "+5", " 5", "1_0", "\u0663", "", "A", "-5"])
def test_a_place_that_no_cursor_has_is_refused(
    log: Log, index: Fts5Index, desk: Desk, sort: Literal["newest", "relevance"], place: str
) -> None:
    desk.open_story(STORY, title="Apollo 13")
    for number in range(3):
        desk.publish(STORY, update=f"u{number}", headline="Again")
    feed(log, index)
    with closing(index.reader()) as reader:
        given = reader.search(Question("again"), sort=sort, limit=1).next
        assert given is not None

        with pytest.raises(Refused, match="Begin with the first page"):
            reader.search(Question("again"), sort=sort, cursor=f"{place}-{given.partition('-')[2]}")


def test_a_search_that_is_refused_leaves_its_connection_to_the_next(log: Log, index: Fts5Index) -> None:
    cover(log)
    feed(log, index)
    with closing(Fts5Reader(Files(Path(index.shown).parent))) as reader:
        reader.search(Question("swigert"))
        opened = reader._idle.get_nowait()
        reader._idle.put(opened)

        for question, cursor in ((Question("swigert"), "nothing"), (Question("word " * 65), None), (Question("x" * 1001), None)):
            with pytest.raises(Refused):
                reader.search(question, cursor=cursor)

        assert reader._idle.get_nowait() is opened
        assert reader._idle.empty()
        reader._idle.put(opened)
        assert [hit.update for hit in reader.search(Question("swigert")).hits] == ["problem"]
