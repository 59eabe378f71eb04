"""`dateline replay timeline --as-of`: the past built anew from the log, and whatever the live view tells otherwise is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from typing_extensions import override

from consumers.state import Incoming, Outcome, State
from consumers.story import fold
from consumers.timeline.answers import Page
from consumers.timeline.past_check import Built, PastCheck
from dateline.errors import LogChanged, Refused
from dateline.log import open_log
from dateline.log.base import Log, NewRecord
from dateline.redis_store import Store
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Result, json_of, run
from tests.support.planted import STORY, catch_up, cover, prefix_of
from tests.support.servers import redis_server

WRONG, LATER = 7, datetime(2999, 1, 1, tzinfo=UTC)
"""The seq at which readers had what was killed at the next; and when an embargo ends."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with redis_server(tmp_path_factory.mktemp("redis")) as (_, port):
        yield port


@pytest.fixture
def raw(port: int) -> Iterator[Any]:  # Any: redis-py types an answer as all that it could ever be
    """The test's own hands on the view."""
    with redis.Redis(port=port, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def store(port: int, raw: Any) -> Iterator[Store]:
    store = Store(f"redis://127.0.0.1:{port}")
    yield store
    store.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with open_log(f"sqlite:///{tmp_path}/log.db") as log:
        yield log


def replay(tmp_path: Path, port: int, *args: str, log: str = "") -> Result:
    env = {"DATELINE_REDIS": f"redis://127.0.0.1:{port}", **({"DATELINE_LOG": log} if log else {})}
    return run(tmp_path, "replay", "timeline", *args, env=env)


def built(log: Log, store: Store, moment: datetime | int, *, most: int = 1000) -> list[Built]:
    return list(check(log, store, moment, most=most).build())


def check(log: Log, store: Store, moment: datetime | int, *, most: int = 1000) -> PastCheck:
    return PastCheck(log, store, topic=EVENTS_TOPIC, codec=committed_codec(), moment=moment, most=most)


def names(page: Page | None) -> list[str]:
    assert page is not None
    return [json.loads(document)["id"] for document in page.documents]


def copied(log: Log, to: Log) -> None:
    for partition, end in log.end_offsets(EVENTS_TOPIC).items():
        records = log.read(EVENTS_TOPIC, partition, 0, limit=end).records
        to.append(EVENTS_TOPIC, [NewRecord(one.key, one.value, one.headers, one.timestamp) for one in records])


# The command


def test_it_is_built_and_compared_and_nothing_is_kept(tmp_path: Path, port: int, log: Log, store: Store, raw: Any) -> None:
    cover(log)
    cover(log, "skylab")
    catch_up(log, store)
    before = sorted(raw.keys())

    done = replay(tmp_path, port, "--as-of", f"{datetime.now(UTC) + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}")

    assert (done.code, done.err) == (0, "")
    assert "from 18 records: 2 stories, 4 updates.\n" in done.out
    assert "Compared 2 stories: dateline timeline --as-of answers the same.\n" in done.out
    assert done.out.endswith("Nothing of it is kept, and the live timeline is as it was.\n")
    assert sorted(raw.keys()) == before


def test_one_story_as_of_a_seq_is_written_without_what_is_killed_today(
    tmp_path: Path, port: int, log: Log, store: Store, raw: Any
) -> None:
    cover(log)
    Desk(log, name="houston").set_embargo(STORY, "rumour", until=LATER)
    catch_up(log, store)
    out = tmp_path / "then.ndjson"

    done = replay(tmp_path, port, "--story", STORY, "--as-of", str(WRONG), "--out", str(out))

    (page,) = map(json.loads, out.read_text().splitlines())
    assert done.code == 0
    assert (page["seq"], [update["id"] for update in page["updates"]]) == (WRONG, ["problem", "launch"])
    assert "Left out: 1 update that is killed or under embargo today.\n" in done.out
    assert f"It is written to {out}, and the live timeline is as it was.\n" in done.out
    assert "Fifteen minutes" not in out.read_text()


def test_as_json_and_the_digest_is_the_same_for_any_partition_count(
    tmp_path: Path, port: int, log: Log, store: Store, raw: Any
) -> None:
    told = []
    cover(log)
    cover(log, "skylab")
    when = f"{datetime.now(UTC) + timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%fZ}"
    other = f"sqlite:///{tmp_path}/other.db?partitions=3"
    with open_log(other) as another:
        copied(log, another)
    for url in ("", other):
        raw.flushall()
        told.append(json_of(replay(tmp_path, port, "--as-of", when, "--json", log=url)))

    assert told[0] == told[1]
    assert told[0] | {"digest": ""} == {
        **{"view": "timeline", "as_of": when, "story": None, "records": 18, "stories": 2, "updates": 4, "left_out": 0},
        **{"compared": 2, "digest": "", "different": []},
    }


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--as-of", "7"], "--as-of 7 is a seq, which only a story has: add --story S"),
        (["--as-of", "7", "--story", "s", "--join"], "leave --join out"),
        (["--out", "file"], "--out goes with --as-of"),
        (["--as-of", "7", "--story", "s", "--json", "--out", "-"], "--json and --out - both write to stdout"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(tmp_path: Path, args: list[str], said: str) -> None:
    result = run(tmp_path, "replay", "timeline", *args)

    assert (result.code, result.out) == (2, "")
    assert said in result.err


def test_a_story_that_is_not_there_is_refused_and_no_file_is_written(
    tmp_path: Path, port: int, log: Log, store: Store, raw: Any
) -> None:
    cover(log)

    done = replay(tmp_path, port, "--story", "apolo-13", "--as-of", "3", "--out", str(tmp_path / "out"))

    assert done.code == 1
    assert "No story 'apolo-13' (did you mean 'apollo-13'?)" in done.err
    assert not (tmp_path / "out").exists()


def test_what_readers_are_told_otherwise_is_named_and_the_exit_code_is_1(
    tmp_path: Path, port: int, log: Log, store: Store, raw: Any
) -> None:
    cover(log)
    catch_up(log, store)
    key = f"{prefix_of(raw)}history/{STORY}/problem"
    ((entry, score),) = raw.zrange(key, 0, -1, withscores=True)
    raw.delete(key)
    raw.zadd(key, {entry.replace("we have a problem", "we have none"): score})

    done = replay(tmp_path, port, "--story", STORY, "--as-of", "3")

    assert done.code == 1
    assert f"\n  story {STORY}: the document of update problem differs in headline\n" in done.out
    assert done.err == "dateline: what --as-of answers is not what the log says, of 1 story. See: dateline verify\n"


def test_only_the_first_ten_stories_that_differ_are_named(tmp_path: Path, port: int, log: Log, store: Store, raw: Any) -> None:
    for number in range(12):
        cover(log, f"story-{number}")
    catch_up(log, store)
    raw.delete(*raw.keys("*:index/*"))

    done = replay(tmp_path, port, "--as-of", "2999-01-01T00:00Z")

    assert done.code == 1
    assert "Readers who ask for that moment get 12 of 12 stories otherwise:\n" in done.out
    assert done.out.count("is missing (and 1 more)") == 10
    assert "\n  … and 2 more stories\n" in done.out


# What is compared with what


@pytest.mark.parametrize(
    ("moment", "command", "said"),
    [
        (3, ["DEL", "history/{s}/problem"], "the document of update problem is missing"),
        (3, ["ZADD", "index/{s}", 3, "launch", 2, "problem"], "the updates stand in another order"),
        (3, ["ZADD", "index/{s}", 3, "ghost"], "what the live view holds of its past cannot be read: "),
        (3, ["SET", "history/{s}/problem", "no set"], "what the live view holds of its past cannot be read: "),
        (3, ["HDEL", "stories", "{s}"], "the log has a page of that moment, and the live view has none"),
        (LATER, ["DEL", "changes/{s}"], "the log has a page of that moment, and the live view has none"),
    ],
)
def test_whatever_the_history_holds_otherwise_is_said(
    log: Log, store: Store, raw: Any, moment: datetime | int, command: list[Any], said: str
) -> None:
    cover(log)
    catch_up(log, store)
    name, key, *rest = (part.format(s=STORY) if isinstance(part, str) else part for part in command)
    raw.execute_command(name, f"{prefix_of(raw)}{key}", *rest)

    (found,) = built(log, store, moment)

    assert found.differences is not None
    assert found.differences[0].startswith(f"story {STORY}: {said}")


def test_in_groups_of_stories_it_is_the_same(log: Log, store: Store, raw: Any) -> None:
    for number in range(20):
        cover(log, f"story-{number}")
    catch_up(log, store)

    whole, pieces = built(log, store, 4), built(log, store, 4, most=20)

    assert sorted(whole, key=lambda one: one.story) == sorted(pieces, key=lambda one: one.story)
    assert len(whole) == 20
    assert all(one.differences == [] and names(one.page) == ["problem", "launch"] for one in whole)


def test_what_was_killed_since_the_view_was_made_is_left_out_all_the_same(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    Desk(log, name="houston").kill(STORY, "launch", reason="It did not.")

    (found,) = built(log, store, 3)

    assert found.differences == []
    assert (names(found.page), found.left_out) == (["problem"], 1)


class Moving(PastCheck):
    """A check during which the view goes on."""

    meanwhile: Any = None  # Any: what happens then

    @override
    def _answer(self, name: str) -> Page | None:
        act, self.meanwhile = self.meanwhile, None
        if act is not None:
            act()
        return super()._answer(name)


def test_a_view_that_goes_on_meanwhile_is_compared_again(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    moving = Moving(log, store, topic=EVENTS_TOPIC, codec=committed_codec(), moment=3)

    def meanwhile() -> None:
        Desk(log, name="houston").kill(STORY, "launch", reason="It did not.")
        catch_up(log, store)

    moving.meanwhile = meanwhile
    (found,) = moving.build()

    assert (found.differences, names(found.page)) == ([], ["problem"])


def test_of_a_parked_story_that_is_behind_it_is_said_that_it_is_parked(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)
    key = f"{prefix_of(raw)}state/{STORY}"
    raw.rename(key, "aside")
    raw.set(key, "no hash")
    Desk(log, name="houston").publish(STORY, update="more", headline="More")
    catch_up(log, store)
    raw.rename("aside", key)

    (then,), (now,) = built(log, store, 3), built(log, store, LATER)

    assert then.differences == []
    assert now.differences is not None
    assert now.differences[0].startswith(f"story {STORY}: it is parked since seq 10: ")


def test_a_story_that_cannot_be_folded_is_named_and_has_no_page(
    log: Log, store: Store, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cover(log)
    cover(log, "skylab")
    catch_up(log, store)

    def failing(state: State, record: Incoming) -> Outcome:
        if record.story == STORY and state.story.seq == 5:
            raise RuntimeError("a bug of ours")
        return fold(state, record)

    monkeypatch.setattr("consumers.memory.fold", failing)
    found = {one.story: one for one in built(log, store, 3)}

    assert found[STORY].page is None
    assert found[STORY].differences == ["story apollo-13: one of its records cannot be folded: RuntimeError: a bug of ours"]
    assert found["skylab"].differences == []


def test_a_moment_before_everything_has_no_page_and_differs_in_nothing(log: Log, store: Store, raw: Any) -> None:
    cover(log)
    catch_up(log, store)

    (found,) = built(log, store, datetime(1970, 1, 1, tzinfo=UTC))

    assert (found.page, found.left_out, found.differences) == (None, 0, [])


def test_a_view_of_another_log_and_one_that_is_not_there_are_refused(log: Log, store: Store, raw: Any, tmp_path: Path) -> None:
    cover(log)
    with pytest.raises(Refused, match="was never built"):
        built(log, store, 3)
    catch_up(log, store)

    with open_log(f"sqlite:///{tmp_path}/another.db") as another:
        cover(another)
        with pytest.raises(LogChanged, match="LOG_CHANGED"):
            built(another, store, 3)
