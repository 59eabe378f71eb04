"""`dateline topics create`, against a Kafka broker of its own."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from dateline.log import open_log
from dateline.log.base import NewRecord
from schemas.topics import DELIVERIES_TOPIC, DESKS_TOPIC, EVENTS_TOPIC, SUBSCRIPTIONS_TOPIC, TOPICS
from tests.integration import cli
from tests.integration.cli import Result, json_of
from tests.integration.test_consume import Consumer
from tests.support.kafka_servers import Broker, free_ports, kafka_broker, kafka_cluster
from tests.support.servers import eventually

FOR_EVER = {"retention.ms": "-1"}


class Run(Protocol):
    """Runs `dateline ARGS` on the Kafka log."""

    def __call__(self, *args: str) -> Result: ...


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture(scope="module")
def shared_admin(broker: Broker) -> Iterator[Any]:  # Any: kafka-python is untyped
    with closing(KafkaAdminClient(bootstrap_servers=broker.address)) as admin:
        yield admin


@pytest.fixture
def admin(shared_admin: Any) -> Any:
    """The test's own hands on the cluster, where no topic is yet."""
    if there := [topic for topic in shared_admin.list_topics() if not topic.startswith("__")]:
        shared_admin.delete_topics(there)
        eventually(lambda: not {*there} & {*shared_admin.list_topics()}, what="the end of the topics")
    return shared_admin


@pytest.fixture
def run(broker: Broker, tmp_path: Path) -> Run:
    return partial(cli.run, tmp_path / "data", env={"DATELINE_LOG": f"kafka://{broker.address}"})


def make(admin: Any, name: str, *, partitions: int = 12, config: Mapping[str, str] = FOR_EVER) -> None:
    admin.create_topics({name: {"num_partitions": partitions, "configs": config}}, wait_for_metadata=True)


def partitions_of(admin: Any) -> dict[str, int]:
    return {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics() if not topic["is_internal"]}


def config_of(admin: Any, name: str) -> dict[str, str]:
    found = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)], config_filter="all")["topic"][name]
    return {setting: one["value"] for setting, one in found.items()}


def outcomes(document: Any) -> Sequence[str]:
    return [topic["what"] for topic in document["topics"]]


def test_topics_are_made_for_ever_and_can_be_used_at_once(broker: Broker, admin: Any, run: Run) -> None:
    made = run("topics", "create", "--replication", "1")

    assert (made.code, made.err) == (0, "")
    assert [line.split() for line in made.out.splitlines()] == [
        ["topic", "partitions", "replication"],
        [EVENTS_TOPIC, "created", "12", "1"],
        [DELIVERIES_TOPIC, "created", "12", "1"],
        [SUBSCRIPTIONS_TOPIC, "created", "1", "1"],
        [DESKS_TOPIC, "created", "1", "1"],
    ]
    with open_log(f"kafka://{broker.address}") as log:
        assert log.append(EVENTS_TOPIC, [NewRecord(b"apollo-13", b"v", timestamp=-5)])
    for name in TOPICS:
        config = config_of(admin, name)
        assert (config["retention.ms"], config["retention.bytes"], config["cleanup.policy"]) == ("-1", "-1", "delete")
        assert (config["message.timestamp.type"], config["min.insync.replicas"]) == ("CreateTime", "1")
        assert config["max.message.bytes"] == "1048588"


def test_topics_that_are_there_are_kept(admin: Any, run: Run) -> None:
    run("topics", "create", "--partitions", "5", "--replication", "1")
    before = [(topic["name"], topic["topic_id"]) for topic in admin.describe_topics(list(TOPICS))]

    again, asked = run("topics", "create", "--json"), run("topics", "create", "--partitions", "5", "--json")

    assert outcomes(json_of(again)) == outcomes(json_of(asked)) == ["kept"] * 4
    assert (again.code, again.err, asked.code, asked.err) == (0, "", 0, "")
    assert [(topic["name"], topic["topic_id"]) for topic in admin.describe_topics(list(TOPICS))] == before


def test_what_is_missing_is_made_to_fit_what_is_there(admin: Any, run: Run) -> None:
    make(admin, EVENTS_TOPIC, partitions=7)

    made = json_of(run("topics", "create", "--replication", "1", "--json"))

    assert outcomes(made) == ["kept", "created", "created", "created"]
    assert partitions_of(admin) == {EVENTS_TOPIC: 7, DELIVERIES_TOPIC: 7, SUBSCRIPTIONS_TOPIC: 1, DESKS_TOPIC: 1}


def test_another_number_of_partitions_is_refused_and_nothing_is_made(broker: Broker, admin: Any, run: Run) -> None:
    make(admin, EVENTS_TOPIC, partitions=12)

    refused = run("topics", "create", "--partitions", "6", "--replication", "1")

    assert (refused.code, refused.out) == (1, "")
    assert refused.err.startswith(f"dateline: The topic {EVENTS_TOPIC} at {broker.address} has 12 partitions, and a log keeps")
    assert f"dateline log copy --rehome kafka://{broker.address} sqlite:///copy.db" in refused.err
    assert partitions_of(admin) == {EVENTS_TOPIC: 12}


def test_settings_that_would_lose_records_are_told_with_what_mends_them(broker: Broker, admin: Any, run: Run) -> None:
    make(admin, EVENTS_TOPIC, config={"retention.ms": "604800000", "cleanup.policy": "compact"})

    told = run("topics", "create", "--replication", "1")

    assert told.code == 0
    assert told.err.splitlines() == [
        f"dateline: {EVENTS_TOPIC} differs: retention.ms is 604800000, not -1: records are deleted once they are older, "
        "by their own time.",
        f"dateline: {EVENTS_TOPIC} differs: cleanup.policy is compact, not delete: of each key, all records but the last "
        "are deleted.",
        f"dateline: Mend {EVENTS_TOPIC} with: kafka-configs.sh --bootstrap-server {broker.address} --entity-type topics "
        f"--entity-name {EVENTS_TOPIC} --alter --add-config retention.ms=-1,cleanup.policy=delete",
    ]
    assert config_of(admin, EVENTS_TOPIC)["retention.ms"] == "604800000", "what is there is never changed"


@pytest.mark.parametrize(
    ("setting", "value", "otherwise"),
    [
        ("message.timestamp.type", "LogAppendTime", "records get the broker's time in place of their own"),
        ("max.message.bytes", "1000", "large updates are refused"),
        ("message.timestamp.before.max.ms", "86400000", "old news is refused"),
        ("message.timestamp.after.max.ms", "1000", "what a desk with a fast clock says is refused"),
    ],
)
def test_each_setting_that_a_log_depends_on_is_looked_at(admin: Any, run: Run, setting: str, value: str, otherwise: str) -> None:
    make(admin, DESKS_TOPIC, partitions=1, config={**FOR_EVER, setting: value})

    document = json_of(run("topics", "create", "--replication", "1", "--json"))

    told = {topic["name"]: topic["differences"] for topic in document["topics"]}
    assert told.pop(DESKS_TOPIC)[0].startswith(f"{setting} is {value}, not ")
    assert told == {EVENTS_TOPIC: [], DELIVERIES_TOPIC: [], SUBSCRIPTIONS_TOPIC: []}
    assert otherwise in str(document)


def test_a_topic_of_another_shape_is_told(admin: Any, run: Run) -> None:
    for name, count in ((EVENTS_TOPIC, 2), (DELIVERIES_TOPIC, 3), (DESKS_TOPIC, 4)):
        make(admin, name, partitions=count)

    told = run("topics", "create", "--replication", "1")

    assert told.code == 0
    assert f"{DELIVERIES_TOPIC} differs: it has 3 partitions, not 2: delete it while it is empty" in told.err
    assert f"{DESKS_TOPIC} differs: it has 4 partitions, not 1: delete it while it is empty" in told.err


def test_more_replicas_than_brokers_are_refused_with_what_to_give(broker: Broker, admin: Any, run: Run) -> None:
    refused = run("topics", "create")

    assert refused.code == 1
    assert refused.err == (
        f"dateline: Each record is to lie on 3 brokers, and only 1 broker is there at {broker.address}. Nothing was made. "
        "Give --replication 1, or start more brokers.\n"
    )
    assert partitions_of(admin) == {}


def test_a_command_that_needs_a_topic_says_how_to_make_it(broker: Broker, admin: Any, run: Run) -> None:
    for command in (("publish", "apollo-13", "--headline", "h", "--body", "b"), ("status",)):
        refused = run(*command)

        assert refused.code == 1
        assert refused.err == (
            f"dateline: Kafka at {broker.address} has no topic '{EVENTS_TOPIC}'. Make it with: dateline topics create\n"
        )


def test_a_consumer_waits_for_topics_that_are_not_there(broker: Broker, admin: Any, run: Run, tmp_path: Path) -> None:
    consumer = Consumer(tmp_path / "data", "timeline", env={"DATELINE_LOG": f"kafka://{broker.address}"})
    try:
        assert consumer.says("failed")["error"].endswith("Make it with: dateline topics create")

        run("topics", "create", "--partitions", "4", "--replication", "1")

        assert consumer.claims() == [0, 1, 2, 3]
    finally:
        consumer.end(signal.SIGTERM)


def test_a_broker_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    (port,) = free_ports(1)

    refused = cli.run(tmp_path, "topics", "create", env={"DATELINE_LOG": f"kafka://127.0.0.1:{port}"})

    assert refused.code == 1
    assert refused.err.startswith(f"dateline: Kafka at 127.0.0.1:{port} gives no answer (")


def test_an_sqlite_log_needs_no_topics_made(tmp_path: Path) -> None:
    refused = cli.run(tmp_path / "data", "topics", "create")

    assert refused.code == 1
    assert "are made by use: there is nothing to create" in refused.err
    assert not (tmp_path / "data").exists()


def test_an_address_of_no_log_is_refused_by_name(tmp_path: Path) -> None:
    refused = cli.run(tmp_path, "topics", "create", env={"DATELINE_LOG": "redis://127.0.0.1"})

    assert refused.code == 1
    assert refused.err.startswith("dateline: 'redis://127.0.0.1' names no log. Known are sqlite:///")


def test_in_a_cluster_all_but_one_broker_have_to_hold_a_record(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path / "kafka") as brokers:
        url = f"kafka://{','.join(broker.address for broker in brokers)}"

        made = cli.run(tmp_path, "topics", "create", "--partitions", "6", env={"DATELINE_LOG": url})

        assert (made.code, made.err) == (0, "")
        with closing(KafkaAdminClient(bootstrap_servers=brokers[0].address)) as admin:
            assert config_of(admin, EVENTS_TOPIC)["min.insync.replicas"] == "2"
        with open_log(url) as log:
            assert log.append(EVENTS_TOPIC, [NewRecord(b"%d" % number, b"v") for number in range(30)])
