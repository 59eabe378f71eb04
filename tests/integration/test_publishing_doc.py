"""docs/publishing.md is a test: its commands are run against a real server, with a real key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dateline.serving.operating import DELIVERIES, SUBSCRIPTION, SUBSCRIPTIONS
from dateline.serving.writing import BATCH_PATH
from producers.api import WRITES
from producers.keys import KeyRing
from tests.integration.test_api_doc import WRITTEN
from tests.integration.test_readme import commands, matches, shell
from tests.support.site_server import site

DOC = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text(encoding="utf-8")
KEYS, *SENT = [commands(block) for block in re.findall(r"```console\n(.*?)```", DOC, re.DOTALL)]
ANSWERS = [(command, said) for block in SENT for command, said in block]
ADDRESSES = [*[one.path for one in WRITES], BATCH_PATH, SUBSCRIPTIONS, SUBSCRIPTION, DELIVERIES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def key(folder: Path) -> str:
    """The key that the page begins with."""
    *made, (serve, _) = KEYS
    assert serve == "dateline serve"
    for command, said in made:
        printed = shell(command, folder)
        assert matches(said, printed), printed
    return KeyRing(folder / ".dateline").add("houston")[1]


@pytest.fixture(scope="module")
def address(folder: Path, key: str) -> Iterator[str]:
    with site(folder / ".dateline") as running:
        yield running


def test_what_is_sent_is_answered_as_the_page_says(address: str, key: str, folder: Path) -> None:
    for command, said in ANSWERS:
        printed = shell(command.replace(WRITTEN, address).replace("$KEY", key), folder)

        assert matches(said, printed if printed.endswith("\n") else f"{printed}\n"), (command, printed)


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_address_is_in_the_page(path: str) -> None:
    assert re.search(rf"`(GET|POST|DELETE) {re.escape(path)}`", DOC)
