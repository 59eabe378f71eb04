"""`dateline demo`: the whole pipeline on real history, and the proof that it holds."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import click

from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.settings import Settings, read_settings

_MARK = ".made-by-dateline-demo"


@click.command(name="demo", epilog="Example: dateline demo")
@click.pass_context
def demo_command(context: click.Context) -> None:
    """Restore the coverage of Apollo 13 into a folder of its own, tell what happens, and prove that it is right.

    It runs on the embedded default in DATA/demo, made anew each time, and ends by itself within seconds.
    """
    settings = read_settings(os.environ, data=context.find_root().obj)
    folder = settings.data_folder / "demo"
    _make_anew(folder)
    with Deployment(_embedded(settings, folder)) as deployment:
        deployment.warm_up()
        from dateline.demo.narrator import narrate

        narrate(deployment, command=f"{_program()} --data {_shown(folder)}")


def _embedded(settings: Settings, folder: Path) -> Settings:
    return replace(settings, data=str(folder), log="", redis="", search="", registry="")


def _make_anew(folder: Path) -> None:
    """Empty the demo's folder; a folder that the demo did not make is left alone."""
    if folder.exists():
        if not (folder / _MARK).exists():
            raise Refused(f"{folder} is not the demo's to empty. Name another data folder with --data.")
        shutil.rmtree(folder)
    folder.mkdir(mode=0o700, parents=True)
    (folder / _MARK).touch()


def _program() -> str:
    """Return how this program is called here: by its name if the shell finds it so, else by its path."""
    called = Path(sys.argv[0])
    return "dateline" if shutil.which("dateline") == str(called) else _shown(called)


def _shown(path: Path) -> str:
    """Return a path as one would type it here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
