"""Encode and decode beside fastavro's own speed on the same bytes."""

from __future__ import annotations

import io
from datetime import datetime

import fastavro
from msgspec import to_builtins

from benchmarks.harness import QUICK, Row, compare, rates
from benchmarks.work import update
from schemas.catalog import committed
from schemas.codec import FRAME_SIZE, committed_codec

COUNT = 5_000 if QUICK else 20_000


def rows() -> list[Row]:
    codec, current = committed_codec(), committed().current("UpdatePublished")
    assert current is not None
    schema = current.parsed
    event = update(1, story="story-1")
    plain = to_builtins(event, builtin_types=(datetime,))
    value = codec.encode(event)

    def encode() -> int:
        for _ in range(COUNT):
            codec.encode(event)
        return COUNT

    def encode_bare() -> int:
        for _ in range(COUNT):
            fastavro.schemaless_writer(io.BytesIO(), schema, plain)
        return COUNT

    def decode() -> int:
        for _ in range(COUNT):
            codec.decode(value)
        return COUNT

    def decode_bare() -> int:
        for _ in range(COUNT):
            body = io.BytesIO(value)
            body.seek(FRAME_SIZE)
            fastavro.schemaless_reader(body, schema, None)
        return COUNT

    size = f"an update of {len(value)} bytes"
    bare = "bare fastavro, dicts"
    return [
        compare(f"encode {size}", "events/s", ours=rates(encode), peer=rates(encode_bare), peer_name=bare),
        compare(f"decode {size}", "events/s", ours=rates(decode), peer=rates(decode_bare), peer_name=bare),
    ]
