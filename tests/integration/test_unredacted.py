"""`dateline timeline --unredacted`: what is gone is shown to who may read the log, and to nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from producers.desk import Desk
from tests.integration.cli import Result, json_of, run

STORY = "harbour-fire"
AT = datetime(1970, 4, 14, 3, 16, tzinfo=UTC)
LATER = datetime(2999, 1, 1, tzinfo=UTC)
WRONG, SECRET, UNSEEN = "Three dead at dock 4", "The findings", "Never seen by anybody"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a coverage, its Redis kept running so that each command is quick."""
    data = tmp_path_factory.mktemp("data")
    with open_log(f"sqlite:///{data}/log.db") as log:
        tell(Desk(log, name="lisbon"))
    with PrivateRedis(data):
        yield data


def tell(desk: Desk) -> None:
    """Seq 1 to 9 of the story."""
    minute = timedelta(minutes=1)
    desk.open_story(STORY, title="Fire at the harbour", occurred_at=AT)
    desk.publish(STORY, update="smoke", headline="Smoke over dock 4", occurred_at=AT)
    desk.publish(STORY, update="dead", headline="Two dead", occurred_at=AT + minute, sources=["A passer-by:eyewitness"])
    desk.revise(STORY, "dead", headline=WRONG, occurred_at=AT + 2 * minute, sources=["A passer-by:eyewitness"])
    desk.publish(STORY, update="plan", headline=SECRET, occurred_at=AT + 3 * minute, key_event=True)
    desk.publish(STORY, update="unseen", headline=UNSEEN, embargo_until=LATER)
    desk.kill(STORY, "dead", reason="Nobody is dead.", substitute="smoke", occurred_at=AT + 60 * minute)
    desk.set_embargo(STORY, "plan", until=LATER, occurred_at=AT + 70 * minute)
    desk.publish(STORY, update="out", headline="The fire is out", occurred_at=AT + 90 * minute)


def timeline(data: Path, *options: str) -> Result:
    result = run(data, "timeline", STORY, *options)
    assert (result.code, result.err) == (0, "")
    return result


def test_what_readers_had_is_shown_with_why_it_is_gone_and_marked_as_not_for_them(data: Path) -> None:
    out = timeline(data, "--as-of", "5", "--unredacted").out

    said = [
        "As readers had it at seq 5, and what is killed or under embargo today",
        *("Under embargo since 14 April 1970, 04:26 (seq 8), until 1 January 2999, 00:00.", SECRET),
        "Killed on 14 April 1970, 04:16 (seq 7): Nobody is dead. (Use instead: smoke)",
        *("For the desk's eyes only. At that moment readers had this:", WRONG, "Source: A passer-by (eyewitness)"),
        *("dead · revision 2 · killed: for the desk's eyes only", "Smoke over dock 4"),
    ]
    whole = " ".join(out.split())
    places = [whole.index(text, whole.index(SECRET) if text.startswith("For") else 0) for text in said]
    assert places == sorted(places)
    assert UNSEEN not in out
    assert "The fire is out" not in out


def test_it_is_what_readers_had_at_that_moment_and_not_what_it_became(data: Path) -> None:
    out = timeline(data, "--as-of", "3", "--unredacted").out

    assert "Two dead" in out
    assert WRONG not in out


def test_without_a_moment_it_is_the_last_that_readers_had(data: Path) -> None:
    found = json_of(timeline(data, "--unredacted", "--json"))

    assert [update["id"] for update in found["updates"]] == ["out", "smoke"]
    assert [(one["id"], one["status"], one["shown_then"]) for one in found["gone"]] == [
        *(("plan", "embargoed", False), ("dead", "killed", False)),
    ]
    assert found["gone"][1]["document"]["headline"] == WRONG
    assert "Readers had this until it was taken away:" in timeline(data, "--unredacted").out


def test_as_json_what_is_gone_stands_apart_from_the_updates(data: Path) -> None:
    plain, found = (json_of(timeline(data, "--as-of", "5", "--json", *option)) for option in ((), ("--unredacted",)))

    gone = found.pop("gone")
    assert found == plain
    assert {name: value for name, value in gone[1].items() if name != "document"} == {
        **{
            "id": "dead",
            "status": "killed",
            "seq": 7,
            "published_at": "1970-04-14T03:17:00Z",
            "killed_at": "1970-04-14T04:16:00Z",
        },
        **{"embargoed_at": None, "embargo_until": None, "reason": "Nobody is dead.", "substitute": "smoke", "shown_then": True},
    }
    assert gone[0]["embargo_until"] == "2999-01-01T00:00:00Z"
    assert gone[0]["reason"] is None


def test_the_plain_command_shows_nothing_of_it_and_redis_does_not_hold_what_was_killed(data: Path) -> None:
    for options in ([], ["--json"], ["--as-of", "5"], ["--as-of", "5", "--json"]):
        out = timeline(data, *options).out
        assert not [text for text in (WRONG, "Two dead", SECRET, UNSEEN, "Nobody is dead") if text in out]

    with PrivateRedis(data) as server, closing(Store(server.url)) as store:
        held = str(list(store.contents("{tl:")))
    assert "Smoke over dock 4" in held
    assert not [text for text in (WRONG, "Two dead", "Nobody is dead") if text in held]


def test_it_is_read_from_the_log_alone(data: Path) -> None:
    result = run(data, "timeline", STORY, "--unredacted", "--json", env={"DATELINE_REDIS": "redis://127.0.0.1:1"})

    assert result.code == 0
    assert json_of(result) == json_of(timeline(data, "--unredacted", "--json"))


def test_pages_go_on_where_the_page_before_ended(data: Path) -> None:
    args: tuple[str, ...] = ("--unredacted", "--limit", "1")
    seen: list[str] = []
    while args:
        out = timeline(data, *args).out
        seen += [text for text in ("The fire is out", SECRET, WRONG, "Smoke over dock 4") if text in out]
        last = out.splitlines()[-1]
        args = tuple(last.split()[3:]) if last.startswith("  dateline timeline") else ()

    assert seen == ["The fire is out", SECRET, WRONG, "Smoke over dock 4"]


def test_key_events_alone(data: Path) -> None:
    found = json_of(timeline(data, "--unredacted", "--key-events", "--json"))

    assert (found["updates"], [one["id"] for one in found["gone"]]) == ([], ["plan"])


@pytest.mark.parametrize(
    ("story", "options", "said"),
    [
        ("harbor-fire", [], "No story 'harbor-fire' (did you mean 'harbour-fire'?)"),
        (STORY, ["--as-of", "0"], "As of 0, readers had nothing of story 'harbour-fire'."),
        (STORY, ["--as-of", "1970-01-01T00:00Z"], "As of 1970-01-01T00:00Z, readers had nothing"),
        (STORY, ["--cursor", "zzz"], "'zzz' is no cursor."),
    ],
)
def test_what_cannot_be_shown_is_refused_in_one_line(data: Path, story: str, options: list[str], said: str) -> None:
    result = run(data, "timeline", story, "--unredacted", *options)

    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"dateline: {said}")
    assert result.err.count("\n") == 1
