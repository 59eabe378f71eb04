"""`dateline demo`: the whole pipeline on real history, and the proof that it holds."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import click

from dateline.cli.stopping import Stop
from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.settings import Settings, read_settings

_MARK = ".made-by-dateline-demo"


@click.command(name="demo", epilog="Example: dateline demo --serve --speed 2")
@click.option("--serve", "serves", is_flag=True, help="Play it into a live page instead, to be looked at in a browser.")
@click.option("--speed", type=click.FloatRange(0.1, 1000), default=1.0, show_default=True, help="1 plays it in two minutes.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="With --serve: 0 for any.")
@click.pass_context
def demo_command(context: click.Context, serves: bool, speed: float, port: int) -> int:
    """Restore the coverage of Apollo 13 into a folder of its own, tell what happens, and prove that it is right.

    It runs on the embedded default in DATA/demo, made anew each time, and ends by itself within seconds. With --serve the
    coverage plays into a live page instead, corrections and a kill with it, and goes on being served until Ctrl-C.
    """
    settings = read_settings(os.environ, data=context.find_root().obj)
    folder = settings.data_folder / "demo"
    _make_anew(folder)
    own = _embedded(settings, folder)
    if serves:
        return _serve(own, speed=speed, port=port)
    with Deployment(own) as deployment:
        deployment.warm_up()
        from dateline.demo.narrator import narrate

        narrate(deployment, command=f"{_program()} --data {_shown(folder)}")
    return 0


def _serve(settings: Settings, *, speed: float, port: int) -> int:
    """Serve the demo's folder, and play the coverage into it once somebody may look."""
    from dateline.cli.serve import Where, serve
    from dateline.demo.archive import STORY, Archived, read_archive, restore
    from dateline.demo.player import FIRST, play

    archive = read_archive()
    with Deployment(settings) as deployment:
        restore(deployment.log, archive[:FIRST])

    def tell(one: Archived) -> None:
        about = getattr(one.event, "update", "")
        click.echo(f"  {one.recorded_at:%d %b %H:%M}  {one.event.desk:8} {type(one.event).__name__:15} {about}", err=True)

    def beside(address: str, stop: Stop) -> None:
        click.echo(f"Look at {address}/stories/{STORY}: the coverage of Apollo 13 begins.", err=True)
        with Deployment(settings) as deployment:
            if play(deployment.log, archive, speed=speed, wait=stop.wait, told=tell):
                click.echo("That was all; it stays there until Ctrl-C. Correct something yourself, and watch the page:", err=True)
                data = f"{_program()} --data {_shown(settings.data_folder)}"
                click.echo(f"  {data} correct {STORY} launch --note 'The minute was wrong.' --headline 'Lift-off'", err=True)

    # No clock: it would lift the embargoes of 1970 at once, which the coverage itself does at their time.
    return serve(settings, Where(port=port), consumers=("timeline", "search"), beside=beside)


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
