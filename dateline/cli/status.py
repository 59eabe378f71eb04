"""`dateline status`: the log, Redis, how far the view is and who feeds it, and what could not be used."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import click

from dateline.cli.common import emit_json, json_option, with_deployment
from dateline.deployment import Deployment
from dateline.errors import DatelineError, Refused
from dateline.status import Json, examine

_WATCH_PAUSE = 1.0
_PLAIN_WIDTH = 240


@click.command(
    name="status",
    epilog="\b\nExamples:\n  dateline status --json | jq .timeline.lag\n  dateline status --metrics > dateline.prom",
)
@click.option("--watch", is_flag=True, help="Look again every second, until interrupted.")
@click.option("--metrics", is_flag=True, help="Print the figures in Prometheus's text format.")
@json_option
@with_deployment
def status_command(deployment: Deployment, watch: bool, metrics: bool, as_json: bool) -> None:
    """Show the log, Redis, how far the timeline view is and who feeds it, and the newest records that could not be used.

    Undecodable records are no readable event; their story counts them and goes on. Homeless ones belong to no story. What each
    figure means and what to do: docs/operations.md. Exit code 1 if the log or Redis cannot be used or the view does not fit the
    log, 4 if another process holds the view and does not bring it up to the end of the log.
    """
    if watch + metrics + as_json > 1:
        raise click.UsageError("--watch, --metrics and --json are three ways to show the same; give one.")
    if watch:
        _watch(deployment)
    if metrics:
        return _print_metrics(deployment)
    found, error = examine(deployment)
    if as_json:
        emit_json(found)
    else:
        from dateline.cli.render_status import shown

        _console().print(shown(found))
    if error is not None:
        raise error
    return None


def _print_metrics(deployment: Deployment) -> None:
    """Print the metrics, also where little can be found: a scraper must see that nothing is up."""
    from dateline.metrics import NOTHING_FOUND, rendered

    error: DatelineError | None
    try:
        found, error = examine(deployment)
    except DatelineError as problem:
        found, error = NOTHING_FOUND, problem
    click.echo(rendered(found), nl=False)
    if error is not None:
        raise error


def _watch(deployment: Deployment) -> None:
    """Show the status again and again, with the rates seen meanwhile; a store that is lost is asked for anew."""
    from rich.live import Live

    from dateline.cli.render_status import shown

    if not sys.stdout.isatty():
        raise Refused("--watch needs a terminal. Without one, call dateline status --json when you want to know.")
    rates = Rates()
    with Live(console=_console(), screen=True, auto_refresh=False) as live:
        while True:
            found, error = examine(deployment)
            live.update(shown(rates.added(found), with_error=True), refresh=True)
            if error is not None:
                deployment.reconnect()
            time.sleep(_WATCH_PAUSE)


class Rates:
    """What happens between two looks: what is appended to the log, and what each view takes in, in records a second."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._before: Json = {}
        self._at = 0.0

    def added(self, found: Json) -> Json:
        """Return the document with the rates since the one before, where there was one and it can be compared."""
        before, moment = self._before, self._clock()
        elapsed = moment - self._at
        self._before, self._at = found, moment
        if not before or elapsed <= 0:
            return found
        log = {**found["log"], "rate": _rate(before["log"]["partitions"], found["log"]["partitions"], "end", elapsed)}
        return {**found, "log": log} | {name: _view(before[name], found[name], elapsed) for name in found["views"] if found[name]}


def _view(before: Json | None, view: Json, elapsed: float) -> Json:
    if before is None:
        return view
    pairs = zip(before["partitions"], view["partitions"], strict=False)
    partitions = [{**new, "rate": _rate([old], [new], "position", elapsed)} for old, new in pairs]
    return {**view, "partitions": partitions, "rate": sum(one["rate"] for one in partitions)}


def _rate(before: list[Json], now: list[Json], field: str, elapsed: float) -> float:
    """Return records a second; a view that went back to an earlier place has taken in nothing."""
    went: int = sum(one[field] for one in now) - sum(one[field] for one in before)
    return max(0, went) / elapsed


def _console() -> Any:  # Any: rich is imported late
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PLAIN_WIDTH)
