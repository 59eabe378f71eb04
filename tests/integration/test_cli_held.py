"""What desks see of copy that readers do not see."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli import json_of, run


def test_a_desk_sees_what_it_holds_back_and_readers_do_not(tmp_path: Path) -> None:
    run(tmp_path, "story", "open", "s", "--title", "S")
    run(tmp_path, "publish", "s", "--id", "rumour", "--headline", "A rumour", "--body", "Perhaps.")
    run(tmp_path, "withhold", "s", "rumour", "--reason", "nobody is named")
    run(tmp_path, "publish", "s", "--id", "later", "--headline", "Tomorrow's news", "--embargo-until", "2999-01-01T00:00:00Z")

    held = run(tmp_path, "story", "held", "s")
    listed = json_of(run(tmp_path, "story", "held", "s", "--json"))

    assert held.code == 0
    assert "rumour  revision 1  withheld\n    A rumour\n\n    Perhaps.\n" in held.out
    assert "later  revision 1  under embargo until 2999-01-01T00:00:00.000000Z\n    Tomorrow's news\n" in held.out
    assert [(one["id"], one["withheld"], one["headline"]) for one in listed["held"]] == [
        ("later", False, "Tomorrow's news"),
        ("rumour", True, "A rumour"),
    ]
    assert "rumour" not in run(tmp_path, "timeline", "s").out


def test_a_conflict_over_what_is_held_back_says_where_to_look(tmp_path: Path) -> None:
    run(tmp_path, "story", "open", "s", "--title", "S")
    run(tmp_path, "publish", "s", "--id", "a", "--headline", "A")
    run(tmp_path, "withhold", "s", "a", "--reason", "in doubt")

    said = run(tmp_path, "correct", "s", "a", "--note", "N", "--headline", "B", "--expects", "7")

    assert said.code == 3
    assert "dateline story held s" in said.err


def test_a_story_that_holds_nothing_back_says_so(tmp_path: Path) -> None:
    run(tmp_path, "story", "open", "s", "--title", "S")

    nothing, unknown = run(tmp_path, "story", "held", "s"), run(tmp_path, "story", "held", "z")

    assert (nothing.code, nothing.out) == (0, "")
    assert "Nothing of story 's' is withheld" in nothing.err
    assert unknown.code == 1
