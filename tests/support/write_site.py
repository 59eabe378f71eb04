"""A site that desks write to: `dateline serve` with keys, and a client that sends with one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from producers.keys import Act, KeyRing

Json = dict[str, Any]  # Any: what JSON holds

NDJSON = {"content-type": "application/x-ndjson"}


def new_key(data: Path, desk: str = "houston", *, acts: Sequence[Act] = (), stories: Sequence[str] = ()) -> str:
    """Return a key, as `dateline desks add` gives it."""
    return KeyRing(data).add(desk, acts=acts, stories=stories)[1]


class Writer:
    """Sends with a key; with none, or with whatever is given instead."""

    def __init__(self, address: str, key: str | None) -> None:
        given = {} if key is None else {"authorization": f"Bearer {key}"}
        self.client = httpx.Client(base_url=address, headers=given, timeout=30.0)

    def post(self, path: str, body: Json | None = None, *, repeat: str | None = None) -> httpx.Response:
        more = {} if repeat is None else {"idempotency-key": repeat}
        return self.client.post(path, json={} if body is None else body, headers=more)

    def open(self, story: str) -> None:
        answer = self.post("/v1/stories", {"id": story, "title": story})
        assert answer.status_code == 201, answer.text

    def publish(self, story: str, update: str, headline: str = "Lift-off", **more: Any) -> httpx.Response:  # Any: fields
        body = {"id": update, "content": {"headline": headline}, **more}
        return self.post(f"/v1/stories/{story}/updates", body)

    def batch(self, *events: Json | str) -> list[Json]:
        lines = [one if isinstance(one, str) else json.dumps(one) for one in events]
        answer = self.client.post("/v1/events", content="\n".join(lines).encode(), headers=NDJSON)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]

    def get(self, path: str) -> httpx.Response:
        return self.client.get(path)

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
