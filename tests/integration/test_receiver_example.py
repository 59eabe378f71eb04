"""The example of a receiver, as somebody would run it beside `dateline serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks import Webhook

from tests.integration.cli import json_of
from tests.support.served import Serve
from tests.support.servers import eventually, free_port

EXAMPLE = Path(__file__).parents[2] / "examples" / "receiver.py"
STORY = "apollo-13"
LOOPBACK = {"DATELINE_HOOKS_ALLOW_LOOPBACK": "1"}

Json = dict[str, Any]  # Any: what JSON holds


class Receiver:
    """The example in a process; what it printed is what it used."""

    def __init__(self, out: Path) -> None:
        self._out = out

    @property
    def used(self) -> list[Json]:
        return [json.loads(line) for line in self._out.read_text().splitlines()]


@contextmanager
def receiver(folder: Path, port: int, *, secret: str, api: str) -> Iterator[Receiver]:
    """Run the example."""
    out = folder / "used.ndjson"
    environment = {**os.environ, "HOOK_SECRET": secret, "DATELINE_API": api}
    with out.open("wb") as printed, (folder / "receiver.err").open("wb") as said:
        process = subprocess.Popen([sys.executable, str(EXAMPLE), str(port)], env=environment, stdout=printed, stderr=said)
        try:
            eventually(lambda: _listens(port), what="the example")
            yield Receiver(out)
        finally:
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 501
    except httpx.HTTPError:
        return False


def test_the_example_uses_each_change_once_and_fetches_what_it_missed(tmp_path: Path) -> None:
    port = free_port()
    with Serve(tmp_path / "data", env=LOOPBACK) as site:
        site.run("story", "open", STORY, "--title", "Apollo 13")
        hook = json_of(site.run("hooks", "add", f"http://127.0.0.1:{port}/", "--json"))
        with receiver(tmp_path, port, secret=hook["secret"], api=site.url) as first:
            site.run("publish", STORY, "--id", "problem", "--headline", "A meteorite", "--body", "Perhaps.")
            eventually(lambda: len(first.used) == 1)
            assert first.used == [{"story": STORY, "seq": 2, "kind": "published", "update": "problem", "note": None}]

        with receiver(tmp_path, port, secret=hook["secret"], api=site.url) as second:  # it has forgotten everything
            site.run("correct", STORY, "problem", "--note", "It was an oxygen tank.", "--headline", "An oxygen tank")
            eventually(lambda: len(second.used) == 3, within=40.0)
            kinds = [(one["seq"], one["kind"]) for one in second.used]
            assert kinds == [(1, "story_opened"), (2, "published"), (3, "corrected")]


def test_the_example_drops_repeats_and_refuses_what_is_not_signed(tmp_path: Path) -> None:
    secret, port = "whsec_" + "QUJD" * 8, free_port()
    change = {"story": STORY, "seq": 1, "after": 0, "kind": "published", "update": "problem", "note": None, "document": None}
    body, moment = json.dumps({"type": "update.published", "data": change}), datetime.now(UTC)
    headers = {
        "webhook-id": "one",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign("one", moment, body),
    }
    with receiver(tmp_path, port, secret=secret, api="http://127.0.0.1:1") as example:
        statuses = [httpx.post(f"http://127.0.0.1:{port}/", content=body, headers=headers).status_code for _ in range(2)]
        forged = httpx.post(f"http://127.0.0.1:{port}/", content=body.replace("problem", "another"), headers=headers).status_code

        assert (statuses, forged) == ([204, 204], 401)
        assert len(example.used) == 1
