"""A Kafka log's URL: what it may say, what it must not hold, and what follows from the credentials."""

from __future__ import annotations

from pathlib import Path

import pytest

from dateline.errors import Refused
from dateline.log.kafka_address import parse_address
from dateline.settings import Credentials

NOBODY = Credentials()
SOMEBODY = Credentials("houston", "s3cret", "key-s3cret")


@pytest.mark.parametrize(
    ("url", "brokers"),
    [
        ("kafka://localhost", ["localhost:9092"]),
        ("kafka://localhost:19092/", ["localhost:19092"]),
        ("kafka://one,two:9093,127.0.0.1:9094", ["one:9092", "two:9093", "127.0.0.1:9094"]),
        ("kafka://[::1]:9092,[::1]", ["[::1]:9092", "[::1]:9092"]),
    ],
)
def test_a_url_names_brokers(url: str, brokers: list[str]) -> None:
    address = parse_address(url, NOBODY)

    assert (address.url, list(address.brokers), dict(address.security)) == (url, brokers, {})
    assert not address.is_secured


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka://:9092",
        "kafka://h:x",
        "kafka://h:0",
        "kafka://h:70000",
        "kafka://a,,b",
        "kafka://h/topic",
        "kafka://::1",
        "kafka://a b",
    ],
)
def test_a_url_without_a_broker_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(Refused, match="Write kafka://host:9092"):
        parse_address(url, NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "kafka://user:hush@h",
        "kafka://user:hush%40h",
        "kafka://h?sasl_plain_password=hush",
        "kafka://h:x?sasl_plain_password=hush",
        "kafka://?ssl_password=hush",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Refused, match="DATELINE_KAFKA_") as refused:
        parse_address(url, NOBODY)

    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("foo=1", "no option 'foo'"),
        ("security_protocol=TLS", "security_protocol is 'TLS'; it is PLAINTEXT, SSL"),
        ("sasl_mechanism=GSSAPI", "it is PLAIN, SCRAM"),
        ("ssl_cafile=/there/is/none", "a file that can be read"),
        ("ssl_check_hostname=no", "true or false"),
        ("session_timeout_ms=soon", "a whole number"),
        ("session_timeout_ms=0", "a whole number"),
    ],
)
def test_an_option_that_cannot_be_is_refused_with_what_can(query: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        parse_address(f"kafka://h?{query}", NOBODY)


def test_credentials_alone_ask_for_sasl_over_tls() -> None:
    assert parse_address("kafka://h", SOMEBODY).security == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "houston",
        "sasl_plain_password": "s3cret",
    }


def test_sasl_without_credentials_is_refused() -> None:
    with pytest.raises(Refused, match="DATELINE_KAFKA_USERNAME"):
        parse_address("kafka://h?sasl_mechanism=SCRAM-SHA-512", NOBODY)


def test_certificates_ask_for_tls(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()

    security = parse_address(f"kafka://h?ssl_cafile={file}&ssl_check_hostname=false", NOBODY).security

    assert security == {"security_protocol": "SSL", "ssl_cafile": str(file), "ssl_check_hostname": False}


def test_no_secret_is_in_what_an_address_prints() -> None:
    shown = repr(parse_address("kafka://h", SOMEBODY)) + repr(SOMEBODY)

    assert "s3cret" not in shown


def test_a_longer_session_lets_a_member_be_busy_as_long() -> None:
    address = parse_address("kafka://h?session_timeout_ms=300000", NOBODY)

    assert (address.session_timeout_ms, address.max_poll_interval_ms) == (300_000, 300_000)
