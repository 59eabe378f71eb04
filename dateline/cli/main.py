"""`dateline`: finds the command, runs it, and says in one line what went wrong."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Final

import click

from dateline import __version__
from dateline.errors import DatelineError

USAGE, UNCONFIRMED, INTERRUPTED = 2, 4, 130

SECTIONS: Final[Mapping[str, Mapping[str, tuple[str, str]]]] = {
    "Publish": {
        "story": ("dateline.cli.story", "open, revise, close and list stories; what is held back"),
        "publish": ("dateline.cli.write", "publish an update"),
        "correct": ("dateline.cli.write", "put an error right, and say what was wrong"),
        "revise": ("dateline.cli.write", "add new information to an update"),
        "withhold": ("dateline.cli.act", "hold an update back while it is in doubt"),
        "release": ("dateline.cli.act", "release a withheld update"),
        "kill": ("dateline.cli.act", "recall an update in every version, for good"),
        "embargo": ("dateline.cli.act", "set, move or lift an embargo"),
        "mark": ("dateline.cli.act", "pin, make a key event, say how well verified"),
        "import": ("dateline.cli.importing", "publish events from files and folders: NDJSON, ninjs, NewsML-G2, RSS, Atom"),
        "ingest": ("dateline.cli.ingest", "read wires as they come: folders that they write into, and feeds"),
    },
    "Read": {
        "timeline": ("dateline.cli.read", "a story's updates, newest first"),
        "search": ("dateline.cli.search", "updates by what they say, of one story or all"),
        "history": ("dateline.cli.read", "what readers were told of an update, and what changed"),
        "corrections": ("dateline.cli.read", "what was put right, of one story or all"),
        "watch": ("dateline.cli.watch", "follow a story in the terminal"),
    },
    "Operate": {
        "serve": ("dateline.cli.serve", "the API, the change stream, feeds and the live page"),
        "consume": ("dateline.cli.consume", "run the consumers, until stopped"),
        "status": ("dateline.cli.status", "how far each view is, and what could not be read"),
        "replay": ("dateline.cli.replay", "build a view anew from the log, and switch to it"),
        "generations": ("dateline.cli.generations", "the builds of a view that stand side by side"),
        "rollback": ("dateline.cli.rollback", "go back to the build before the last replay"),
        "parked": ("dateline.cli.parked", "stories that wait, as an event of theirs could not be applied"),
        "verify": ("dateline.cli.verify", "fold the log anew and compare with the live views"),
        "hooks": ("dateline.cli.hooks", "tell services and people what happens"),
        "desks": ("dateline.cli.desks", "keys with which desks write over HTTP"),
        "log": ("dateline.cli.archive", "export, import and copy the log itself"),
        "topics": ("dateline.cli.topics", "create a Kafka log's topics"),
        "schemas": ("dateline.cli.schemas", "list, check and register the event schemas"),
        "demo": ("dateline.cli.demo", "Apollo 13, as it was reported: see what this does"),
    },
}
"""Every command: the module that holds it (as an attribute `NAME_command`), and what it does."""


class _ReaderGone(Exception):
    """Whoever read our output has gone: there is nobody to tell."""


class LazyGroup(click.Group):
    """Loads a command's module only when the command is called, so that `--help` is quick."""

    def list_commands(self, context: click.Context) -> list[str]:
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        for section in SECTIONS.values():
            if name in section:
                command: click.Command = getattr(import_module(section[name][0]), f"{name}_command")
                return command
        return None

    def invoke(self, context: click.Context) -> object:
        """Run the command; a reader of its output that has gone is no failure, which click would make of it."""
        try:
            return super().invoke(context)
        except BrokenPipeError:
            raise _ReaderGone from None

    def resolve_command(self, context: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(context):
            from schemas.names import did_you_mean  # only a mistake needs it

            hint = did_you_mean(name, self.list_commands(context))
            raise click.UsageError(f"There is no command {name!r}{hint}. See: dateline --help")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, does) for name, (_, does) in section.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: dateline publish apollo-13 --headline 'Lift-off' --body 'Apollo 13 left the pad at 14:13.'",
)
@click.option("--data", metavar="DIR", help="The data folder (else DATELINE_DATA, else .dateline).")
@click.version_option(__version__, message="dateline %(version)s")
@click.pass_context
def cli(context: click.Context, data: str | None) -> None:
    """Live updates from an append-only log: what a desk says, readers see; what was wrong is corrected, never edited."""
    context.obj = data


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; whatever goes wrong for a user is one line on stderr."""
    try:
        result = cli.main(list(arguments), prog_name="dateline", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _fail(f"{_ended(error.format_message())}{_usage_hint(error)}", USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), 1)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except _ReaderGone:
        _drop_output()
        return 0
    except OSError as error:
        _drop_output()
        where = f"{error.filename}: " if error.filename else ""
        told = f"{where}{error.strerror or error}. Check the disk, and where the output goes."
        if any(argument in SECTIONS["Publish"] for argument in arguments):
            return _fail(f"{told} What was to be published may be in the log: look before you send it again.", UNCONFIRMED)
        return _fail(told, 1)
    except DatelineError as error:
        return _fail(str(error), error.exit_code)
    return result if isinstance(result, int) else 0


def main() -> None:
    """The console script."""
    # Events make many small objects that die young or live long; the collector's default thresholds cost a third of a replay.
    gc.set_threshold(200_000, 20, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # None where the caller closed it
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to stop
    sys.exit(run(sys.argv[1:]))


def _drop_output() -> None:
    """Keep Python from trying once more, on its way out, to write what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _fail(message: str, code: int) -> int:
    click.echo(f"dateline: {' '.join(message.split())}", err=True)
    return code


def _ended(message: str) -> str:
    return message if message.endswith((".", "?", "!")) or "--help" in message else f"{message.rstrip()}."


def _usage_hint(error: click.UsageError) -> str:
    context = error.ctx
    return f" See: {context.command_path} --help" if context is not None and "--help" not in error.format_message() else ""
