"""`dateline ingest` killed with -9 while a wire drops files, now and then two at once: no item is lost, none is there twice."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from pathlib import Path
from typing import Final

from tests.chaos.scenario import Scenario
from tests.integration.cli import DATELINE
from tests.support.wires import newsml

_DROPPED: Final = 20
_TOGETHER: Final = 5
"""After so many kills, two read the same folder."""


class _Wire:
    """Drops files into a folder as a server does: under another name until they are whole."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        folder.mkdir()

    def drop(self, number: int) -> None:
        for _ in range(number):
            part = self.folder / f"{self.count:06}.xml.part"
            part.write_bytes(newsml(guid=f"urn:{self.count}"))
            part.rename(part.with_suffix(""))
            self.count += 1


def kill_ingests(folder: Path, times: int, seed: int) -> str:
    """Kill the reader of a folder, again and again; in the end let it finish, and look into the log."""
    dice, wire = random.Random(seed), _Wire(folder / "drop")
    command = [str(DATELINE), "ingest", str(wire.folder), "--settle", "0", "--done", str(folder / "done")]
    environment = {**os.environ, "DATELINE_DATA": str(folder / "data")}
    for kill in range(1, times + 1):
        wire.drop(_DROPPED)
        readers = [_started(command, environment) for _ in range(2 if kill % _TOGETHER == 0 else 1)]
        time.sleep(dice.uniform(0.3, 1.5))
        wire.drop(_DROPPED // 4)
        for reader in readers:
            reader.kill()
            reader.wait()

    subprocess.run([*command, "--once"], env=environment, stderr=subprocess.DEVNULL, check=True)

    export = subprocess.run([str(DATELINE), "log", "export"], env=environment, capture_output=True, text=True, check=True).stdout
    events = [line for line in map(json.loads, export.splitlines()) if line.get("type") == "UpdatePublished"]
    assert len({event["event_id"] for event in events}) == wire.count, f"{wire.count} items were dropped"
    assert len({event["update"] for event in events}) == wire.count
    assert not list(wire.folder.iterdir())
    return f"{wire.count} items, {len(events) - wire.count} of them appended again, as duplicates"


def _started(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


SCENARIOS = (Scenario("spool-kills", "kill -9 of ingest while files are dropped", kill_ingests, times=50, each=4.0),)
