"""Any Kafka tool can read the events, and any Kafka client may write them; here, librdkafka."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, Message, Producer, TopicPartition
from fastavro import parse_schema, schemaless_reader
from kafka import KafkaAdminClient

from consumers.intake import Homeless, Intake
from consumers.runner import Runner
from consumers.timeline.reader import TimelineReader
from consumers.timeline.view import TimelineView
from dateline.log import open_log
from dateline.log.base import Log, Record
from dateline.log.partitioner import partition_of
from dateline.redis_store import Store
from producers import Desk
from producers.records import record_of
from schemas.codec import committed_codec
from schemas.content import Content
from schemas.events import Event, UpdatePublished
from schemas.topics import EVENTS_TOPIC, TOPICS
from tests.integration import cli
from tests.support.kafka_servers import Broker, kafka_broker
from tests.support.servers import eventually, redis_server

SCHEMAS = Path(__file__).parents[2] / "schemas"
PARTITIONS = 12
PATIENCE = 20.0
LARGEST_BYTES = 1_048_588  # what a broker takes by default, and more than we write
STORIES = [f"story-{number}" for number in range(40)]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@pytest.fixture
def log(broker: Broker, tmp_path: Path) -> Iterator[Log]:
    """The log, its topics made by the command and empty."""
    with closing(KafkaAdminClient(bootstrap_servers=broker.address)) as admin:
        if there := {*TOPICS} & {*admin.list_topics()}:
            admin.delete_topics([*there])
            eventually(lambda: not there & {*admin.list_topics()}, what="the end of the topics")
    url = f"kafka://{broker.address}"
    made = cli.run(tmp_path, "topics", "create", "--replication", "1", env={"DATELINE_LOG": url})
    assert made.code == 0, made.err
    with open_log(url) as log:
        yield log


@pytest.fixture(scope="module")
def redis_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with redis_server(tmp_path_factory.mktemp("redis")) as address:
        yield address


@pytest.fixture
def store(redis_address: tuple[str, int]) -> Iterator[Store]:
    """Redis, with nothing in it."""
    host, port = redis_address
    with redis.Redis(host, port) as client:
        client.flushall()
    with closing(Store(f"redis://{host}:{port}")) as store:
        yield store


def read_by_librdkafka(broker: Broker, count: int) -> Sequence[Message]:
    """Read the first `count` events, of all partitions."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "a foreign tool", "enable.auto.commit": False})
    with closing(consumer):
        consumer.assign([TopicPartition(EVENTS_TOPIC, partition, 0) for partition in range(PARTITIONS)])
        found: list[Message] = []

        def all_read() -> bool:
            found.extend(consumer.consume(count, timeout=0.5))
            return len(found) >= count

        eventually(all_read, what=f"{count} records")
    assert not any(message.error() for message in found)
    return found


def decode(value: bytes) -> tuple[str, Any]:  # Any: an Avro record is whatever its schema says
    """Return an event's type and fields by the committed files alone, as a tool in any language would."""
    assert value[0] == 0
    entry = json.loads((SCHEMAS / "ids.json").read_text())[str(int.from_bytes(value[1:5], "big"))]
    schema = json.loads((SCHEMAS / "avro" / f"{entry['type']}.{entry['version']}.avsc").read_text())
    body = BytesIO(value[5:])
    fields = schemaless_reader(body, parse_schema(schema), None)
    assert body.read() == b"", "nothing is left over"
    return entry["type"], fields


def produce(broker: Broker, *messages: Mapping[str, Any], **settings: str) -> None:  # Any: what librdkafka takes
    """Write to the events as a foreign producer does."""
    producer = Producer({"bootstrap.servers": broker.address, "message.max.bytes": str(LARGEST_BYTES), **settings})
    problems: list[object] = []
    for message in messages:
        producer.produce(EVENTS_TOPIC, **message, on_delivery=lambda error, _: problems.append(error))
    assert producer.flush(PATIENCE) == 0
    assert problems == [None] * len(messages)


def published(story: str, number: int = 1) -> Event:
    now = datetime.now(UTC)
    content = Content(headline=f"Headline {number}")
    return UpdatePublished(
        event_id=f"foreign-{number}", story=story, desk="wire", occurred_at=now, update=f"u{number}", content=content
    )


def message_of(event: Event) -> Mapping[str, Any]:  # Any: what librdkafka takes
    record = record_of(event)
    return {"key": record.key, "value": record.value, "headers": list(record.headers)}


def records(log: Log) -> Sequence[Record]:
    return [record for partition in range(PARTITIONS) for record in log.read(EVENTS_TOPIC, partition, 0).records]


def catch_up(log: Log, store: Store) -> TimelineReader:
    """Feed the timeline with all that the log holds, and return its reader."""
    with closing(Runner(log, TimelineView(store), topic=EVENTS_TOPIC, codec=committed_codec())) as runner:
        assert runner.run_until(log.end_offsets(EVENTS_TOPIC), deadline=time.monotonic() + PATIENCE)
    return TimelineReader(store, partitions=PARTITIONS)


def test_a_foreign_tool_reads_the_events_with_the_committed_files_alone(broker: Broker, log: Log) -> None:
    desk = Desk(log, name="houston")
    occurred_at = datetime(1970, 4, 14, 3, 8, 20, 123456, tzinfo=UTC)
    desk.open_story("äpollo-13", title="Apollo 13")
    desk.publish("äpollo-13", update="a-problem", headline="A problem aboard", body="Lovell reports.", occurred_at=occurred_at)
    desk.correct("äpollo-13", "a-problem", note="Swigert spoke first.", headline="A problem", body="Swigert reports.")

    opened, problem, correction = read_by_librdkafka(broker, 3)

    assert [decode(message.value() or b"")[0] for message in (opened, problem, correction)] == [
        "StoryOpened",
        "UpdatePublished",
        "UpdateCorrected",
    ]
    assert {message.key() for message in (opened, problem, correction)} == {"äpollo-13".encode()}
    assert {message.timestamp()[0] for message in (opened, problem, correction)} == {TIMESTAMP_CREATE_TIME}
    _, fields = decode(problem.value() or b"")
    assert (fields["story"], fields["update"], fields["desk"]) == ("äpollo-13", "a-problem", "houston")
    assert fields["content"]["headline"] == "A problem aboard"
    assert fields["occurred_at"] == occurred_at
    assert dict(problem.headers() or ()) == {
        "ce_specversion": b"1.0",
        "ce_id": fields["event_id"].encode(),
        "ce_type": b"dateline.UpdatePublished",
        "ce_source": b"/desks/houston",
        "ce_time": b"1970-04-14T03:08:20.123456Z",
        "ce_subject": "äpollo-13/a-problem".encode(),
        "content-type": b"application/avro",
    }


def test_a_foreign_producer_with_murmur2_writes_where_we_look(broker: Broker, log: Log, store: Store) -> None:
    produce(broker, *(message_of(published(story)) for story in STORIES), partitioner="murmur2_random")

    reader = catch_up(log, store)

    found = records(log)
    assert len(found) == len(STORIES)
    assert all(record.partition == partition_of(record.key or b"", PARTITIONS) for record in found)
    assert {one.story.id for one in reader.stories()} == {*STORIES}


def test_a_foreign_producer_with_another_partitioner_is_reported_and_what_it_misplaced_is_not_shown(
    broker: Broker, log: Log, store: Store
) -> None:
    produce(broker, *(message_of(published(story)) for story in STORIES))

    reader = catch_up(log, store)

    found, intake = records(log), Intake(committed_codec(), partitions=PARTITIONS)
    misplaced = {record.key for record in found if record.partition != partition_of(record.key or b"", PARTITIONS)}
    told = [read.problem for read in map(intake.read, found) if isinstance(read, Homeless)]
    assert 0 < len(misplaced) == len(told)
    assert all("by a foreign producer; set its partitioner to murmur2" in problem for problem in told)
    assert {one.story.id.encode() for one in reader.stories()} == {story.encode() for story in STORIES} - misplaced
    assert sum(position.homeless for position in reader.positions()) == len(misplaced)


def test_records_that_nobody_can_decode_are_counted_and_reading_goes_on(broker: Broker, log: Log, store: Store) -> None:
    story = "apollo-13"
    home = partition_of(story.encode(), PARTITIONS)
    undecodable = [
        b"\x00\x00\x00\x03\xe7 a schema that is not there",
        None,
        random.Random(13).randbytes(LARGEST_BYTES - 1_000),
        (message_of(published(story))["value"])[:-3],
    ]
    homeless: list[Mapping[str, Any]] = [  # Any: what librdkafka takes
        {"key": None, "value": b"no key", "partition": home},
        {"key": b"\xff\xfe", "value": b"a key that is no text", "partition": home},
        {**message_of(published("elsewhere")), "partition": (partition_of(b"elsewhere", PARTITIONS) + 1) % PARTITIONS},
    ]
    Desk(log, name="houston").open_story(story, title="Apollo 13")
    produce(broker, *({"key": story, "value": value} for value in undecodable), *homeless, partitioner="murmur2_random")
    produce(broker, message_of(published(story, 2)), partitioner="murmur2_random")

    reader = catch_up(log, store)

    page = reader.page(story)
    assert page is not None
    assert [json.loads(document)["headline"] for document in page.documents] == ["Headline 2"]
    assert page.seq == 1 + len(undecodable) + 1, "seq counts every record of the story's key"
    positions = reader.positions()
    assert sum(position.undecodable for position in positions) == len(undecodable)
    assert sum(position.homeless for position in positions) == len(homeless)
    assert [one.story.id for one in reader.stories()] == [story]
