"""docs/operations.md names every metric as it is, and only commands and options that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from dateline.cli.main import cli
from dateline.metrics import METRICS

DOC = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")

_SPAN = re.compile(r"`dateline ([^`\n]+)`")
_TYPED = re.compile(r"^ {4}(?:\$|\* \* \* \* \*) +dateline (.+)$", re.MULTILINE)


def commands() -> list[str]:
    """Return each command in code and after a prompt: what comes after `dateline`, up to a redirection."""
    return sorted({found.partition(">")[0].strip() for found in (*_SPAN.findall(DOC), *_TYPED.findall(DOC))})


def parse(line: str) -> None:
    """Find the command that `line` names, and have it take the rest; a command alone may lack its arguments.

    Raises:
        click.UsageError: There is no such command, option or choice, or an argument is missing.
    """
    words = shlex.split(line)
    command: click.Command = cli
    context = click.Context(cli, info_name="dateline")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    given, left, _ = command.make_parser(context).parse_args(list(words))
    if left:
        raise click.UsageError(f"{line}: too many arguments")
    for param in command.params if words else ():
        value = given.get(param.name or "")
        if isinstance(param, click.Argument) and param.required and not isinstance(value, (str, tuple, list)):
            raise click.UsageError(f"{line}: {param.name} is missing")
        if isinstance(param.type, click.Choice) and isinstance(value, str):
            param.type.convert(value, param, context)


@pytest.mark.parametrize("command", commands())
def test_every_command_in_the_operations_page_is_there(command: str) -> None:
    parse(command)


def test_the_page_has_commands_to_check() -> None:
    assert len(commands()) > 15


@pytest.mark.parametrize(
    "wrong", ["stat", "status --jsn", "replay time", "log exprot", "parked shw", "status now", "replay --story S"]
)
def test_a_command_that_is_not_there_would_be_found(wrong: str) -> None:
    with pytest.raises(click.UsageError):
        parse(wrong)


def test_the_table_of_metrics_is_the_list() -> None:
    rows = [
        f"| `{one.name}` | {', '.join(f'`{label}`' for label in one.labels)} | {one.kind}, {one.unit} | {one.meaning} |"
        for one in METRICS
    ]

    assert re.findall(r"^\| `dateline_.*$", DOC, re.MULTILINE) == rows


def test_no_metric_is_named_that_there_is_not() -> None:
    named = set(re.findall(r"\bdateline_[a-z_]+\b", DOC))

    assert named == {one.name for one in METRICS}
