"""The partitioner agrees with Kafka's own."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dateline.log.partitioner import murmur2, partition_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # kafka-python reads its schemas in a way that 3.11 calls outdated
    kafka_murmur2: Callable[[bytes], int] = importlib.import_module("kafka.partitioner.default").murmur2


@given(data=st.binary(max_size=300))
@example(data=b"")
@example(data=b"\xff" * 7)
def test_murmur2_agrees_with_kafka_python(data: bytes) -> None:
    assert murmur2(data) == kafka_murmur2(data) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_agrees_with_the_values_in_kafkas_java_tests(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed & 0xFFFFFFFF


@given(key=st.binary(max_size=40), partitions=st.integers(1, 1024))
def test_a_key_lies_where_kafkas_producers_put_it(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (kafka_murmur2(key) & 0x7FFFFFFF) % partitions
