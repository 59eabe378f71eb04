"""The README is a test: its commands are run, and say what it says they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from dateline.cli.main import SECTIONS
from dateline.settings import Settings
from tests.integration.cli import DATELINE
from tests.support.site_server import site

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELLIPSIS = "…"


def blocks(language: str) -> list[str]:
    """Return the README's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """Return each command of a block and the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def matches(said: list[str], printed: str) -> bool:
    """Whether `printed` is what the README says; an ellipsis stands for anything, alone on a line also for lines."""
    patterns = [
        r"(?:.*\n)*?" if line == ELLIPSIS else ".*?".join(map(re.escape, line.split(ELLIPSIS))) + r"[ ]*\n" for line in said
    ]
    return re.fullmatch("".join(patterns) + "(?:\n)*", printed) is not None


def shell(command: str, folder: Path) -> str:
    """Run a command as a user whose shell finds `dateline`; it must succeed."""
    environment = {**os.environ, "PATH": f"{DATELINE.parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_story_in_the_readme_goes_as_it_says(tmp_path: Path) -> None:
    story = next(block for block in blocks("console") if "story open" in block)

    for command, said in commands(story):
        printed = shell(command, tmp_path)
        assert matches(said, printed), f"{command} printed:\n{printed}"


def test_the_server_in_the_readme_answers_as_it_says(tmp_path: Path) -> None:
    story, served = (next(block for block in blocks("console") if mark in block) for mark in ("story open", "dateline serve"))
    for command, _ in commands(story):
        shell(command, tmp_path)
    (start, (says, *_)), *asked = commands(served)
    written = re.findall(r"http://[\d.:]+", says)[0]
    assert start == "dateline serve"

    with site(tmp_path / ".dateline") as address:
        for command, said in asked:
            printed = shell(command.replace(written, address), tmp_path)
            assert matches(said, f"{printed.rstrip()}\n"), f"{command} printed:\n{printed}"


def test_the_demo_says_what_the_readme_says(tmp_path: Path) -> None:
    block = next(block for block in blocks("console") if "make demo" in block)
    ((command, said),) = commands(block)
    assert command == "make demo"

    printed = shell("dateline demo", tmp_path)

    assert matches([ELLIPSIS, *said], printed), printed


def test_the_python_in_the_readme_runs(tmp_path: Path) -> None:
    (code,) = blocks("python")

    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)

    assert "A problem aboard" in shell("dateline timeline apollo-13", tmp_path)


@pytest.mark.parametrize("command", [name for section in SECTIONS.values() for name in section])
def test_every_command_is_in_the_readme(command: str) -> None:
    assert re.search(rf"(dateline|`|make) ?{command}\b", README), f"README.md does not name {command}"


@pytest.mark.parametrize("variable", [field.metadata["variable"] for field in fields(Settings)])
def test_every_setting_is_in_the_readme(variable: str) -> None:
    assert f"`{variable}`" in README


def test_the_readme_names_no_target_that_make_does_not_have() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

    assert set(re.findall(r"\bmake ([a-z]+)\b", README)) <= targets
