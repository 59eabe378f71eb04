"""A flash while routine copy comes in by the thousand: it waits for one group, and not for the file."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

from dateline.importing import _BATCH
from dateline.log import open_log
from producers.desk import Desk
from schemas.codec import committed_codec
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import DATELINE, json_of, run
from tests.support.served import Serve
from tests.support.servers import eventually

AT = "2026-01-01T00:00:00Z"
LINES = 20_000


def line(story: str, update: str, **more: object) -> str:
    content = {"headline": f"Routine {update}", "body": [{"type": "paragraph", "text": "Routine copy. " * 20}]}
    said = {"type": "UpdatePublished", "story": story, "update": update, "occurred_at": AT, "content": content, **more}
    return json.dumps(said) + "\n"


def routine(file: Path, lines: int) -> Path:
    file.write_text("".join(line(f"routine-{number % 500}", f"u-{number}") for number in range(lines)))
    return file


def test_within_a_file_the_flash_goes_first_with_what_its_story_said_before(tmp_path: Path) -> None:
    file = routine(tmp_path / "in.ndjson", 30)
    with file.open("a") as more:
        more.write(line("fire", "begin") + line("fire", "flash", urgency=1) + line("fire", "later"))

    done = json_of(run(tmp_path / "data", "import", str(file), "--json"))
    again = json_of(run(tmp_path / "data", "import", str(file), "--json"))

    assert (done["accepted"], again["duplicate"]) == (33, 33)
    with open_log(f"sqlite:///{tmp_path}/data/log.db") as log:
        batches = [log.read(EVENTS_TOPIC, partition, 0) for partition in log.end_offsets(EVENTS_TOPIC)]
        fire = [record for batch in batches for record in batch.records if record.key == b"fire"]
    told = [(record.offset, getattr(committed_codec().decode(record.value), "update", "")) for record in fire]
    assert [update for _, update in told] == ["begin", "flash", "later"]
    assert [offset for offset, _ in told[:2]] == [0, 1]
    assert told[2][0] > 2, "it could wait, and did"


def test_another_desks_flash_waits_for_no_more_than_a_group(tmp_path: Path) -> None:
    file, data = routine(tmp_path / "in.ndjson", LINES), tmp_path / "data"
    with Serve(data) as site, Desk.connect(f"sqlite:///{data}/log.db", name="flash") as desk:
        before = sum(desk._log.end_offsets(EVENTS_TOPIC).values())
        command = [str(DATELINE), "--data", str(data), "import", str(file)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as importing:
            eventually(lambda: sum(desk._log.end_offsets(EVENTS_TOPIC).values()) > before, within=60, what="the first group")
            waited, seen = [], []
            number = 0
            while importing.poll() is None:
                number += 1
                ahead = sum(desk._log.end_offsets(EVENTS_TOPIC).values())
                begun = time.monotonic()
                desk.publish("fire", update=f"flash-{number}", headline="Fire", body="Now.", urgency=1)
                after = sum(desk._log.end_offsets(EVENTS_TOPIC).values())
                waited.append(after - ahead - 1)
                path = f"/v1/stories/fire/updates/flash-{number}"
                eventually(lambda path=path: site.get(path).status_code == 200, within=60, what="the flash")  # type: ignore[misc]
                seen.append(time.monotonic() - begun)
        assert importing.returncode == 0

    assert seen, "the import was over before the first flash"
    assert max(waited) <= 2 * _BATCH, "the group under way, and one that began meanwhile"
    assert max(seen) < 10, "some hundred milliseconds when nothing else runs; a busy machine is no fault of the test"
