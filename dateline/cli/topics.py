"""`dateline topics`: a Kafka log's topics."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from dateline.cli.common import emit_json, json_option, notice, with_deployment
from dateline.deployment import Deployment
from dateline.errors import Refused
from dateline.log import open_log
from schemas.topics import STORY_TOPICS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dateline.log.kafka_topics import MadeTopic

SINGLE: Final = tuple(topic for topic in TOPICS if topic not in STORY_TOPICS)
"""Subscriptions and desks are few, and what is said of them counts in the order in which it was said: one partition each.

The topics keyed by story have one number of partitions, so that whoever holds a story's events holds its deliveries too.
"""


@click.group(name="topics", epilog="Example: dateline topics create --partitions 12")
def topics_command() -> None:
    """Make a Kafka log's topics. An SQLite log needs none made."""


@topics_command.command(
    name="create",
    short_help="Make the topics that are not there yet.",
    epilog="Example: dateline topics create --partitions 12 --replication 1",
)
@click.option(
    "--partitions", type=click.IntRange(1, 1024), metavar="N", help="For events and deliveries; never changes. [default: 12]"
)
@click.option("--replication", type=click.IntRange(1, 100), metavar="N", help="Brokers that hold each record. [default: 3]")
@json_option
@with_deployment
def create_command(deployment: Deployment, partitions: int | None, replication: int | None, as_json: bool) -> None:
    """Make the topics that are not there yet, kept for ever and never compacted.

    At most as many processes share a view's work as there are partitions. What is there is left as it is; where it is not what a
    log needs, stderr says so, with the command that mends it. So this can run at every start.
    """
    from dateline.log.kafka_address import parse_address

    url = deployment.settings.log_url
    if url.startswith("sqlite://"):
        raise Refused(f"The topics of {url} are made by use: there is nothing to create. For a log in Kafka, set DATELINE_LOG.")
    if not url.startswith("kafka://"):
        open_log(url)  # which refuses it, and says what there is
    address = parse_address(url, deployment.settings.credentials)  # a bad URL is refused before the driver is loaded
    from dateline.log.kafka_topics import create_topics

    made = create_topics(address, alike=STORY_TOPICS, single=SINGLE, partitions=partitions, replication=replication)
    if as_json:
        emit_json({"log": url, "topics": [asdict(one) for one in made]})
    else:
        _say(made)
    for one in made:
        for difference in one.differences:
            notice(f"dateline: {one.name} differs: {difference}.")
        if one.mend:
            notice(f"dateline: Mend {one.name} with: {one.mend}")


def _say(made: Sequence[MadeTopic]) -> None:
    widest = max(len(one.name) for one in made)
    click.echo(f"{'topic':<{widest}}  {'':<7}  partitions  replication")
    for one in made:
        click.echo(f"{one.name:<{widest}}  {one.what:<7}  {one.partitions:>10}  {one.replication:>11}")
