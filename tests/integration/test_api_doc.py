"""docs/api.md is a test: its commands are run against a real server, and so are its two programs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from consumers.web.answers import HTML
from consumers.web.components import SCHEMAS
from dateline.app import ENDPOINTS
from tests.integration.cli import run
from tests.integration.test_readme import commands, matches, shell
from tests.support.servers import eventually
from tests.support.site_server import site

DOC = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:8000"
"""Where the page's commands find the server."""


def blocks(language: str) -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", DOC, re.DOTALL)


TOLD, *ASKED = blocks("console")
ANSWERS = [(command, said) for block in ASKED for command, said in commands(block)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("desk")


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The server that the page begins with, over the story that it tells."""
    *told, (serve, _) = commands(TOLD)
    assert serve == "dateline serve"
    for command, _ in told:
        shell(command, folder)
    with site(folder / ".dateline") as running:
        yield running


@pytest.mark.parametrize(("command", "said"), ANSWERS, ids=[command for command, _ in ANSWERS])
def test_an_address_answers_as_the_page_says(command: str, said: list[str], address: str, folder: Path) -> None:
    printed = shell(command.replace(WRITTEN, address), folder).replace("\r\n", "\n").replace(address, WRITTEN)

    assert matches(said, printed if printed.endswith("\n") else f"{printed}\n"), printed


@pytest.mark.parametrize("path", [one.path for one in ENDPOINTS if one.media_type != HTML])
def test_every_address_is_in_the_page(path: str) -> None:
    assert f"`GET {path}`" in DOC


@pytest.mark.parametrize("kind", SCHEMAS["Change"]["properties"]["kind"]["enum"])
def test_every_kind_of_change_is_in_the_page(kind: str) -> None:
    assert f"`{kind}`" in DOC


def test_the_python_in_the_page_keeps_up(address: str, folder: Path, tmp_path: Path) -> None:
    (code,) = blocks("python")
    said = tmp_path / "said"
    with said.open("wb") as out:
        program = subprocess.Popen([sys.executable, "-c", code.replace(WRITTEN, address)], stdout=out, stderr=out)
    try:
        eventually(lambda: _publish(folder, "python") and "published" in said.read_text(), within=30.0, what="what was published")
    finally:
        program.kill()
        program.wait()

    assert "Traceback" not in said.read_text()


def test_the_javascript_in_the_page_keeps_up(address: str, folder: Path, chromium: Browser) -> None:
    (code,) = blocks("js")
    page = chromium.new_page()

    page.goto(f"{address}/healthz")
    page.add_script_tag(content=code.replace(WRITTEN, address))
    page.wait_for_function("shown.has('smoke')")
    run(folder / ".dateline", "publish", "harbour-fire", "--id", "from-js", "--headline", "Seen in a browser")
    _wait_for(page, "shown.get('from-js')?.headline === 'Seen in a browser'")
    run(folder / ".dateline", "kill", "harbour-fire", "from-js", "--reason", "It was a test.")
    _wait_for(page, "!shown.has('from-js')")
    page.close()


def _publish(folder: Path, source: str) -> bool:
    return run(folder / ".dateline", "publish", "harbour-fire", "--headline", f"Seen by {source}").code == 0


def _wait_for(page: Page, condition: str) -> None:
    page.wait_for_function(condition, timeout=20_000)
