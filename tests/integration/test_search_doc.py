"""docs/search.md is a test: its commands are run on the coverage that `dateline demo` shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from consumers.search.plan import FIELDS
from tests.integration.test_readme import commands, matches, shell
from tests.support.site_server import restore_coverage

DOC = (Path(__file__).parents[2] / "docs" / "search.md").read_text(encoding="utf-8")
SAID = [found for block in re.findall(r"```console\n(.*?)```", DOC, re.DOTALL) for found in commands(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("asked")
    restore_coverage(found / ".dateline")
    return found


@pytest.mark.parametrize(("command", "said"), SAID, ids=[command for command, _ in SAID])
def test_a_search_finds_what_the_page_says(command: str, said: list[str], folder: Path) -> None:
    printed = shell(command, folder)

    assert matches(said, printed), printed


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_is_in_the_page(field: str) -> None:
    assert f"`{field}" in DOC
