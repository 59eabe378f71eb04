"""What the other tests take for granted of the Kafka brokers that they start."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError

from tests.support.kafka_servers import Broker, Secured, kafka_broker, kafka_cluster, new_topic, secured_broker
from tests.support.servers import eventually

ROOT = Path(__file__).parents[2]
BROKER_IN_A_PROCESS = """
import sys
from pathlib import Path
from tests.support.kafka_servers import kafka_broker
with kafka_broker(Path(sys.argv[1])) as broker:
    print(broker.pid, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with kafka_broker(tmp_path_factory.mktemp("kafka"), {"message.max.bytes": "2000"}) as broker:
        yield broker


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("kafka")) as secured:
        yield secured


def write(address: str, topic: str, *values: bytes) -> None:
    """Write to partition 0, and return once all in-sync replicas have it."""
    producer = KafkaProducer(bootstrap_servers=address)
    try:
        for written in [producer.send(topic, value, partition=0) for value in values]:
            written.get(20)
    finally:
        producer.close()


def read(address: str, topic: str, count: int) -> list[bytes]:
    """Read the first `count` values of partition 0."""
    consumer = KafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest", enable_auto_commit=False)
    try:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []

        def all_read() -> bool:
            values.extend(record.value for records in consumer.poll(500).values() for record in records)
            return len(values) >= count

        eventually(all_read, what=f"{count} records")
        return values
    finally:
        consumer.close()


def leader_of(address: str, topic: str) -> int:
    """Return the node that leads partition 0; -1 for none, or if the node that was asked for it is gone."""
    admin = KafkaAdminClient(bootstrap_servers=address)
    try:
        return int(admin.describe_topics([topic])[0]["partitions"][0]["leader_id"])
    except KafkaConnectionError:
        return -1
    finally:
        admin.close()


def topics_seen(address: str, **security: Any) -> list[str]:  # Any: as kafka-python takes them
    admin = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=1000, **security)
    try:
        return list(admin.list_topics())
    finally:
        admin.close()


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that ended and that nobody has asked for does not."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def test_the_shared_broker_takes_and_gives_records(kafka: str) -> None:
    topic = new_topic(kafka)

    write(kafka, topic, b"a", b"b")

    assert read(kafka, topic, 2) == [b"a", b"b"]


def test_a_broker_takes_settings_of_the_test(broker: Broker) -> None:
    with pytest.raises(KafkaError):
        write(broker.address, new_topic(broker.address), b"x" * 3000)


@pytest.mark.parametrize("end", [Broker.stop, Broker.kill])
def test_a_broker_that_ended_comes_back_with_its_port_and_data(broker: Broker, end: Callable[[Broker], None]) -> None:
    address, topic = broker.address, new_topic(broker.address)
    write(address, topic, b"before")

    end(broker)
    broker.start()
    write(address, topic, b"after")

    assert broker.address == address
    assert read(address, topic, 2) == [b"before", b"after"]


def test_a_paused_broker_keeps_what_it_is_told_until_it_is_resumed(broker: Broker) -> None:
    topic = new_topic(broker.address)
    producer = KafkaProducer(bootstrap_servers=broker.address)
    producer.send(topic, b"before", partition=0).get(20)

    broker.pause()
    written = producer.send(topic, b"meanwhile", partition=0)
    with pytest.raises(KafkaError):
        written.get(0.5)
    broker.resume()

    written.get(20)
    producer.close()


def test_no_broker_outlives_the_process_that_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BROKER_IN_A_PROCESS, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as owner:
        assert owner.stdout
        pid = int(owner.stdout.readline())
        assert is_alive(pid)

        owner.kill()

    eventually(lambda: not is_alive(pid), what="the broker's end")


def test_a_broker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="Invalid value -5"),
        kafka_broker(tmp_path, {"message.max.bytes": "-5"}),
    ):
        pass


def test_a_cluster_elects_another_leader_when_one_is_killed(tmp_path: Path) -> None:
    with kafka_cluster(tmp_path) as brokers:
        topic = new_topic(brokers[0].address)
        write(brokers[0].address, topic, b"before")
        first = leader_of(brokers[0].address, topic)
        survivor = next(broker for node, broker in enumerate(brokers, start=1) if node != first)

        brokers[first - 1].kill()
        eventually(lambda: leader_of(survivor.address, topic) not in (first, -1), what="another leader")
        write(survivor.address, topic, b"after")
        brokers[first - 1].start()

        assert read(brokers[first - 1].address, topic, 2) == [b"before", b"after"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_secured_broker_takes_a_name_and_its_password(secured: Secured, mechanism: str) -> None:
    topic = new_topic(secured.broker.address)

    seen = topics_seen(secured.address_sasl, **by_password(secured, mechanism, secured.password))

    assert topic in seen


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_secured_broker_refuses_a_wrong_password(secured: Secured, mechanism: str) -> None:
    said = len(secured.broker.log.read_text())

    # kafka-python tries again until its time is up, and then says no more than that
    with pytest.raises(KafkaTimeoutError):
        topics_seen(secured.address_sasl, **by_password(secured, mechanism, "wrong"))

    assert "Failed authentication" in secured.broker.log.read_text()[said:]


def test_a_secured_broker_takes_a_client_certificate_and_nobody_without(secured: Secured) -> None:
    topic = new_topic(secured.broker.address)
    tls = {"security_protocol": "SSL", "ssl_cafile": str(secured.cafile)}

    seen = topics_seen(secured.address_mtls, **tls, ssl_certfile=str(secured.certfile), ssl_keyfile=str(secured.keyfile))

    assert topic in seen
    with pytest.raises(KafkaError):
        topics_seen(secured.address_mtls, **tls)


def by_password(secured: Secured, mechanism: str, password: str) -> dict[str, str]:
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(secured.cafile),
        "sasl_mechanism": mechanism,
        "sasl_plain_username": secured.username,
        "sasl_plain_password": password,
    }
