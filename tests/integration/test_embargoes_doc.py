"""docs/embargoes.md is a test: its commands are run one after the other, and its times are read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.times import parse_time
from tests.integration.test_readme import commands, matches, shell

DOC = (Path(__file__).parents[2] / "docs" / "embargoes.md").read_text(encoding="utf-8")
SAID = [found for block in re.findall(r"```console\n(.*?)```", DOC, re.DOTALL) for found in commands(block)]


def test_the_commands_say_what_the_page_says(tmp_path: Path) -> None:
    for command, said in SAID:
        printed = shell(f"{command} 2>&1 || true", tmp_path)

        assert matches(said, printed), (command, printed)


@pytest.mark.parametrize(("written", "means"), re.findall(r"^\| `(\d[^`]*)` \| (.*) \|$", DOC, re.MULTILINE))
def test_a_time_is_read_or_refused_as_the_page_says(written: str, means: str) -> None:
    if means.startswith("refused"):
        with pytest.raises(ValueError, match="2026"):
            parse_time(written)
    else:
        assert parse_time(written)
