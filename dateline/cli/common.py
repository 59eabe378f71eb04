"""What the commands share: their common options, the deployment they work with, and how they print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

import click

from dateline.deployment import Deployment
from dateline.errors import ContentDamaged, LogChanged, Refused
from dateline.settings import read_settings

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def with_deployment(function: Callable[Concatenate[Deployment, P], R]) -> Callable[P, R]:
    """Give a command its deployment as the first argument, and the option `--data`; it is closed afterwards."""

    @click.option("--data", metavar="DIR", hidden=True)
    @click.pass_context
    def wrapper(context: click.Context, /, *args: P.args, **kwargs: P.kwargs) -> R:
        data = kwargs.pop("data", None) or context.find_root().obj
        with Deployment(read_settings(os.environ, data=data if isinstance(data, str) else None)) as deployment:
            deployment.notify = lambda text: notice(f"dateline: {text}")
            try:
                return function(deployment, *args, **kwargs)
            except LogChanged as error:
                raise deployment.views[error.view].advise(error) from error
            except ContentDamaged as error:
                story = kwargs.get("story")
                raise (error.of(story) if isinstance(story, str) else error) from error

    return update_wrapper(wrapper, function)


def emit_json(document: Any) -> None:  # Any: what JSON holds
    """Print one JSON document, and nothing else, on stdout."""
    click.echo(json.dumps(document, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def emit_views(documents: Mapping[str, Mapping[str, Any]]) -> None:  # Any: as above
    """Print what was done to views as one document: the first one's, and the others' in it, each by its view's name."""
    first, *others = documents
    emit_json({**documents[first], **{name: documents[name] for name in others}})


def notice(text: str) -> None:
    """Say something on stderr that is no part of the result."""
    click.echo(text, err=True)


def unknown_story(deployment: Deployment, story: str) -> Refused:
    """Return the error for a story that is not there, with the nearest that is."""
    from schemas.names import did_you_mean, shortened  # only a mistake needs it

    hint = did_you_mean(story, [one.story.id for one in deployment.reader.stories()])
    seen = _as_far_as(deployment)
    return Refused(f"No story {shortened(story)}{hint}{seen}. Open it with: dateline story open {story} --title …")


def unknown_update(deployment: Deployment, story: str, update: str) -> Refused:
    """Return the error for an update that is not there, with the nearest that is."""
    from schemas.names import did_you_mean, shortened  # only a mistake needs it

    hint = did_you_mean(update, deployment.reader.update_names(story))
    seen = _as_far_as(deployment)
    return Refused(f"No update {shortened(update)} in story {story!r}{hint}{seen}. See: dateline timeline {story}")


def _as_far_as(deployment: Deployment) -> str:
    """Say so where what is not there may only not have been seen yet."""
    return "" if deployment.feeds_itself else ", as far as the consumers have come (see dateline status)"
