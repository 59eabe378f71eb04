"""`dateline search` as a user has it: what it prints, what it finds no more, and what it says of a mistake."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.integration.cli import json_of, run
from tests.support.site_server import restore_coverage


@pytest.fixture(scope="module")
def apollo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the coverage of Apollo 13."""
    data = tmp_path_factory.mktemp("apollo") / "data"
    restore_coverage(data)
    return data


@pytest.fixture
def fire(tmp_path: Path) -> Path:
    """A data folder with a story that has no updates yet."""
    told(tmp_path, "story", "open", "fire", "--title", "Fire at the harbour", "--time-zone", "Europe/Lisbon")
    return tmp_path


def found(data: Path, *args: str) -> list[str]:
    """Return the updates that a search finds, as STORY/UPDATE."""
    return [f"{one['story']}/{one['id']}" for one in json_of(run(data, "search", "--json", *args))["results"]]


def told(data: Path, *args: str) -> None:
    done = run(data, *args)
    assert done.code == 0, done.err


def test_what_is_published_is_found_at_once(fire: Path) -> None:
    told(fire, "publish", "fire", "--id", "smoke", "--headline", "Smoke over dock 4", "--at", "2026-03-14T12:00:00Z")

    said = run(fire, "search", "smoke")

    assert said.code == 0, said.err
    assert said.out.splitlines() == [
        "1 update",
        "",
        "Smoke over dock 4",
        "  Fire at the harbour · 14 March 2026, 12:00 WET",
        "  fire smoke",
        "",
    ]


def test_a_correction_is_shown_and_what_was_wrong_is_found_no_more(fire: Path) -> None:
    told(fire, "publish", "fire", "--id", "smoke", "--headline", "Smoke over the granary")
    told(fire, "correct", "fire", "smoke", "--headline", "Smoke over the brewery", "--note", "It is another house.")

    said = run(fire, "search", "brewery").out

    assert "It is another house." in said
    assert "Correction" in said
    assert found(fire, "granary") == []
    assert found(fire, "--corrected") == ["fire/smoke"]


def test_what_readers_may_not_have_is_never_found(fire: Path) -> None:
    told(fire, "publish", "fire", "--id", "held", "--headline", "Rumour one")
    told(fire, "publish", "fire", "--id", "later", "--headline", "Rumour two", "--embargo-until", "2999-01-01T00:00:00Z")
    told(fire, "publish", "fire", "--id", "dead", "--headline", "Rumour three")
    assert set(found(fire, "rumour")) == {"fire/held", "fire/dead"}

    told(fire, "withhold", "fire", "held", "--reason", "In doubt.")
    told(fire, "kill", "fire", "dead", "--reason", "Untrue.")

    assert found(fire, "rumour") == []
    told(fire, "release", "fire", "held")
    told(fire, "embargo", "fire", "later", "--lift")
    assert set(found(fire, "rumour")) == {"fire/held", "fire/later"}


def test_a_misspelt_word_is_answered_with_a_command_that_finds(fire: Path) -> None:
    told(fire, "publish", "fire", "--id", "site", "--headline", "The ancient site")

    said = run(fire, "search", "anceint").out

    assert said.startswith("No update holds “anceint”.\nDid you mean: dateline search ancient\n")


def test_the_command_under_a_page_shows_the_next_one(apollo: Path) -> None:
    every = found(apollo, "crew", "--sort", "newest", "--limit", "500")

    seen: list[str] = []
    command = ["search", "crew", "--sort", "newest", "--limit", "4"]
    while command:
        said = run(apollo, *command)
        seen += found(apollo, *command[1:])
        _, _, more = said.out.partition("More:\n")
        command = shlex.split(more)[1:]

    assert len(every) > 4
    assert seen == every


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        "-",
        "--",
        "OR",
        "OR OR",
        "NOT",
        "*",
        '"oxygen',
        "headline:",
        ":",
        "((",
        "🚀",
        "' OR 1=1; --",
        "x" * 900,
        "\\",
        "{}",
        "a-*",
    ],
)
def test_any_text_may_be_asked(apollo: Path, query: str) -> None:
    said = run(apollo, "search", "--", query)

    assert (said.code, said.err) in ((0, ""), (2, said.err)), said.err
    assert "Traceback" not in said.err


def test_bytes_that_are_no_text_are_no_words(apollo: Path) -> None:
    assert found(apollo, "oxygen \udcff", "--limit", "1") == found(apollo, "oxygen", "--limit", "1")
    assert found(apollo, "oxygen", "--tag", "\udcff") == []


def test_a_word_with_a_minus_leaves_out_what_holds_it(apollo: Path) -> None:
    assert found(apollo, "oxygen")
    assert set(found(apollo, "oxygen", "-meteorite")) < set(found(apollo, "oxygen"))
    assert found(apollo, "--", "-meteorite", "oxygen") == found(apollo, "oxygen", "-meteorite")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("oxygen", "--story", "apolo-13"), 1, "did you mean 'apollo-13'?"),
        (("oxygen", "--since", "yesterday"), 1, "--since: 'yesterday' is no time."),
        (("oxygen", "--cursor", "nothing"), 1, "cursor"),
        (("x" * 1001,), 1, "1,000 characters"),
        (("word " * 65,), 1, "64 words"),
        (("oxygen", "--sotry", "apollo-13"), 2, "--story"),
        (("oxygen", "--sort", "oldest"), 2, "newest"),
        ((), 2, "Say what to look for"),
    ],
)
def test_a_mistake_is_one_clear_line(apollo: Path, args: tuple[str, ...], code: int, says: str) -> None:
    said = run(apollo, "search", *args)

    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert said.err.startswith("dateline: ")
    assert said.err.count("\n") == 1


def test_the_filters_narrow(apollo: Path) -> None:
    every = found(apollo, "--story", "apollo-13", "--limit", "500")

    assert len(every) == 30
    for narrower in (("--key-events",), ("--corrected",), ("--until", "1970-04-14T04:00:00Z"), ("--verification", "disputed")):
        assert 0 < len(found(apollo, *narrower, "--limit", "500")) < len(every), narrower
