"""A Kafka log behind TLS, passwords and certificates: those who may come in do, the others are told why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dateline.errors import DatelineError
from dateline.log import open_log
from dateline.log.base import NewRecord
from dateline.settings import Credentials
from tests.support.kafka_servers import Secured, new_topic, secured_broker


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured_broker(tmp_path_factory.mktemp("secured")) as broker:
        yield broker


def goes_round(url: str, topic: str, credentials: Credentials) -> None:
    """Append, read and join over one log."""
    with open_log(url, credentials=credentials) as log:
        (position,) = log.append(topic, [NewRecord(b"apollo-13", b"news")])
        assert [record.value for record in log.read(topic, position.partition, position.offset).records] == [b"news"]
        with log.join(topic, group="readers") as member:
            while not member.assignment():
                member.poll(timeout=1.0)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_with_a_password_comes_in(secured: Secured, mechanism: str) -> None:
    topic = new_topic(secured.broker.address)
    url = f"kafka://{secured.address_sasl}?sasl_mechanism={mechanism}&ssl_cafile={secured.cafile}"

    goes_round(url, topic, Credentials(secured.username, secured.password))


def test_a_client_with_a_certificate_comes_in(secured: Secured) -> None:
    topic = new_topic(secured.broker.address)
    files = f"ssl_cafile={secured.cafile}&ssl_certfile={secured.certfile}&ssl_keyfile={secured.keyfile}"

    goes_round(f"kafka://{secured.address_mtls}?{files}", topic, Credentials())


def test_a_wrong_password_is_told_and_not_repeated(secured: Secured) -> None:
    url = f"kafka://{secured.address_sasl}?ssl_cafile={secured.cafile}"

    told = told_by(url, Credentials("houston", "hush"))

    assert "password" in told
    assert "hush" not in told


def test_a_certificate_of_an_unknown_authority_is_told(secured: Secured) -> None:
    told = told_by(f"kafka://{secured.address_sasl}", Credentials(secured.username, secured.password))

    assert "certificates" in told


def told_by(url: str, credentials: Credentials) -> str:
    """Return what somebody is told who does not come in; nothing goes on behind the back of whoever was told."""
    threads = threading.active_count()
    with pytest.raises(DatelineError) as told, open_log(url, credentials=credentials) as log:
        log.partitions("dateline.events")
    assert threading.active_count() == threads
    return str(told.value)
