"""Publishing over HTTP: every address, who may use it, the same again, conflicts, batches, bad input; a restart between."""

from __future__ import annotations

import json
import signal
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from dateline.serving.batch import MOST_LINES
from dateline.serving.bodies import LONGEST
from dateline.serving.entrance import WRONG_AT_ONCE
from producers.api import WRITES, Write
from producers.keys import ACTS, KEY_FILE, Act
from tests.integration.cli import json_of, run
from tests.support.served import Serve
from tests.support.servers import eventually
from tests.support.site_server import site
from tests.support.write_site import NDJSON, Json, Writer, new_key

STORY = "apollo-13"
NUMBERS = count(1)
NOON = "2026-01-01T12:00:00Z"

CONTENT = {"content": {"headline": "Lift-off", "body": [{"type": "paragraph", "text": "On time."}]}}
BODIES: dict[str, Json] = {
    "revise_story": {"title": "Apollo 13, the whole of it"},
    "close_story": {},
    "reopen_story": {},
    "revise": CONTENT,
    "mark": {"pinned": True},
    "set_embargo": {"embargo_until": "2030-01-01T00:00:00Z"},
    "correct": {"note": "The time was wrong.", **CONTENT},
    "withhold": {"reason": "in doubt"},
    "release": {},
    "kill": {"reason": "false"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("writing") / "data"


@pytest.fixture(scope="module")
def address(data: Path) -> Iterator[str]:
    with site(data) as running:
        yield running


@pytest.fixture(scope="module")
def desk(address: str, data: Path) -> Iterator[Writer]:
    with Writer(address, new_key(data, acts=ACTS)) as writer:
        writer.open(STORY)
        yield writer


def name() -> str:
    return f"update-{next(NUMBERS)}"


def target(write: Write, *, story: str, update: str) -> tuple[str, Json]:
    """Return an address and a body that it takes."""
    if write.name == "open_story":
        return write.path, {"id": story, "title": "Another story"}
    if write.name == "publish":
        return write.path.format(story=story), {"id": update, **CONTENT}
    return write.path.format(story=story, update=update), BODIES[write.name]


@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
def test_each_address_appends_its_event_and_answers_with_the_verdict(write: Write, desk: Writer) -> None:
    story, update = f"story-of-{write.name.replace('_', '-')}", name()
    if write.name != "open_story":
        desk.open(story)
    if "{update}" in write.path:
        desk.publish(story, update)
    path, body = target(write, story=story, update=update)

    answer = desk.post(path, body)

    assert answer.status_code == (409 if write.name in ("reopen_story", "release") else 201), answer.text
    told = answer.json().get("outcome", answer.json())
    assert told["story"] == story
    assert told["seq"] == desk.get(f"/v1/stories/{story}/updates").json()["seq"]


def test_the_answer_comes_when_readers_see_it(desk: Writer) -> None:
    update = name()

    told = desk.publish(STORY, update, "Seen at once").json()

    assert set(told) == {"status", "story", "update", "event_id", "seq", "revision", "partition", "offset"}
    seen = desk.get(f"/v1/stories/{STORY}/updates/{update}").json()
    assert (seen["headline"], seen["revision"], seen["seq"]) == ("Seen at once", told["revision"], told["seq"])


@pytest.mark.parametrize("write", WRITES, ids=lambda one: one.name)
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("where", ["all stories", "this story", "another story"])
def test_a_key_is_for_its_acts_in_its_stories_and_for_nothing_else(
    write: Write, act: Act, where: str, desk: Writer, data: Path, address: str
) -> None:
    stories = {"all stories": [], "this story": [STORY], "another story": ["skylab"]}[where]
    path, body = target(write, story=STORY, update="no-such-update")
    is_for = act == write.act and where != "another story"

    with Writer(address, new_key(data, "cape", acts=[act], stories=stories)) as writer:
        answer = writer.post(path, {**body, "unknown": 1})

    assert answer.status_code == (422 if is_for else 403), answer.text
    assert ("unknown" in answer.json()["detail"]) == is_for


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/subscriptions"),
        ("GET", "/v1/subscriptions/sub-x"),
        ("DELETE", "/v1/subscriptions/sub-x"),
        ("GET", f"/v1/stories/{STORY}/updates/x/deliveries"),
    ],
)
@pytest.mark.parametrize("act", ACTS)
def test_what_services_do_needs_a_key_that_may_operate(
    method: str, path: str, act: Act, desk: Writer, data: Path, address: str
) -> None:
    with Writer(address, new_key(data, "cape", acts=[act])) as writer:
        answer = writer.client.request(method, path)

    assert (answer.status_code == 403) == (act != "operate"), answer.text


@pytest.mark.parametrize(
    "path", [*[one.path.format(story=STORY, update="x") for one in WRITES], "/v1/events", "/v1/subscriptions"]
)
def test_nobody_writes_without_a_key_that_holds(path: str, address: str, data: Path) -> None:
    key = new_key(data)
    assert run(data, "desks", "revoke", key.split("_")[1]).code == 0

    for given, challenge in (
        (None, "Bearer"),
        ("nonsense", "invalid_token"),
        (key, "invalid_token"),
        (key[:-1], "invalid_token"),
    ):
        with Writer(address, given) as stranger:
            answer = stranger.post(path)
        assert answer.status_code in (401, 429), answer.text
        assert answer.status_code == 429 or challenge in answer.headers["www-authenticate"]


def test_a_key_that_is_revoked_opens_nothing_more_at_once(data: Path, address: str, desk: Writer) -> None:
    added = json_of(run(data, "desks", "add", "recovery", "--json"))
    with Writer(address, added["key"]) as writer:
        before = writer.publish(STORY, name())
        run(data, "desks", "revoke", "recovery")
        after = writer.publish(STORY, name())

    assert (before.status_code, added["name"]) == (201, "recovery")
    assert after.status_code in (401, 429)


def test_wrong_keys_are_told_to_wait_and_right_ones_are_not(data: Path, address: str, desk: Writer) -> None:
    with Writer(address, "dk_00000000_wrong") as stranger:
        answers = [stranger.post("/v1/stories") for _ in range(2 * WRONG_AT_ONCE)]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert desk.publish(STORY, name()).status_code == 201


def test_keys_are_kept_as_hashes_for_their_owner_alone_and_said_by_no_log(tmp_path: Path) -> None:
    data = tmp_path / "data"
    key = new_key(data)
    with Serve(data) as serve:
        eventually(lambda: serve.get("/readyz").status_code == 200, within=30, what="the site")
        with Writer(serve.url, key) as writer:
            writer.open(STORY)
            writer.publish(STORY, "x", "y" * 10)
            writer.client.post("/v1/events", content=b"nonsense", headers=NDJSON)
        with Writer(serve.url, f"{key}x") as stranger:
            stranger.post("/v1/stories")
        serve.end(signal.SIGTERM)
        said = "\n".join(serve.said)

    secret = key.split("_", 2)[2]
    assert secret not in said
    assert all(secret.encode() not in one.read_bytes() for one in data.rglob("*") if one.is_file())
    assert stat.S_IMODE((data / KEY_FILE).stat().st_mode) == 0o600


def test_the_same_request_again_has_the_same_answer_also_after_a_restart(tmp_path: Path) -> None:
    data, body, repeat = tmp_path / "data", {"id": "launch", **CONTENT}, "0c1d"
    key, path = new_key(data), f"/v1/stories/{STORY}/updates"
    with site(data) as address, Writer(address, key) as writer:
        writer.open(STORY)
        first = writer.post(path, body, repeat=repeat)
        again = writer.post(path, body, repeat=repeat)
        writer.post(f"{path}/launch/corrections", {"note": "n", **CONTENT})
    with site(data) as address, Writer(address, key) as writer:
        later = writer.post(path, body, repeat=repeat)
        other = writer.post(path, {**body, "urgency": 1}, repeat=repeat)
        events = len(json_of(run(data, "history", STORY, "launch", "--json"))["history"])

    assert first.status_code == again.status_code == later.status_code == 201
    assert first.json() == again.json() == later.json()
    assert (other.status_code, "was used before for something else" in other.json()["detail"]) == (409, True)
    assert events == 2


def test_twins_at_the_same_moment_are_one_event(desk: Writer) -> None:
    update = name()
    body = {"id": update, **CONTENT}
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(desk.post, f"/v1/stories/{STORY}/updates", body, repeat=f"twin-{update}") for _ in range(8)]
        answers = [one.result() for one in sent]

    assert {one.status_code for one in answers} == {201}
    assert len({one.text for one in answers}) == 1
    assert len(desk.get(f"/v1/stories/{STORY}/updates/{update}/history").json()["history"]) == 1


def test_many_desks_at_once_lose_nothing_and_keep_each_story_in_order(desk: Writer, address: str, data: Path) -> None:
    stories = [f"many-{one}" for one in range(8)]

    def tell(story: str) -> list[int]:
        with Writer(address, new_key(data, story)) as writer:
            writer.open(story)
            return [writer.publish(story, f"u{one}", urgency=1 + one % 9).json()["seq"] for one in range(25)]

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(tell, stories))

    assert told == [list(range(2, 27))] * 8


def test_a_conflict_shows_both_versions(desk: Writer) -> None:
    update = name()
    desk.publish(STORY, update, "Theirs")
    mine = {"note": "wrong", "expects": 7, "content": {"headline": "Mine"}}

    answer = desk.post(f"/v1/stories/{STORY}/updates/{update}/corrections", mine)

    told = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert (told["expects"], told["revision"]) == (7, 1)
    assert (told["current"]["headline"], told["sent"]["headline"]) == ("Theirs", "Mine")
    assert told["outcome"]["status"] == "rejected"


BAD: list[tuple[str, bytes, dict[str, str], int, str]] = [
    ("/v1/stories", b"{", {}, 400, "no JSON"),
    ("/v1/stories", b"[]", {}, 400, "must be a JSON object"),
    ("/v1/stories", b"\xff", {}, 400, "no JSON"),
    ("/v1/stories", b'{"title": "x"}', {}, 422, "id: missing"),
    ("/v1/stories", b'{"id": "x", "story": "x"}', {}, 422, "story 'x': leave it out; it is called id here"),
    ("/v1/stories", b'{"id": "x", "desk": "y"}', {}, 422, "the key says whose it is"),
    ("/v1/stories", b'{"id": "x", "title": ""}', {}, 422, "title"),
    ("/v1/stories", b'{"id": "x", "title": "\\ud800"}', {}, 400, "no JSON"),
    (f"/v1/stories/{STORY}/updates", b'{"content": {"headlin": "x"}}', {}, 422, "did you mean 'headline'"),
    (f"/v1/stories/{STORY}/updates", b'{"content": {"headline": 1}}', {}, 422, "content.headline 1: this must be text"),
    (f"/v1/stories/{STORY}/updates", b'{"content": {"headline": "x"}, "occurred_at": "noon"}', {}, 422, "occurred_at"),
    (f"/v1/stories/{STORY}/updates", b'{"content": {"headline": "x"}}', {"content-type": "text/plain"}, 415, "text/plain"),
    (f"/v1/stories/{STORY}/updates", b"{}", {"content-encoding": "gzip"}, 415, "gzip"),
    (f"/v1/stories/{STORY}/updates", b'{"content": {"headline": "x"}}', {"idempotency-key": "k" * 300}, 422, "300 characters"),
    (f"/v1/stories/{STORY}/updates", b" " * (LONGEST + 1), {}, 413, "longer than"),
    (f"/v1/stories/{STORY}/updates/nothing/kill", b'{"reason": "x"}', {}, 404, "No update 'nothing'"),
    ("/v1/stories/apolo-13/close", b"{}", {}, 404, "did you mean 'apollo-13'"),
    ("/v1/events", b"{}", {"content-type": "application/json"}, 415, "application/x-ndjson"),
]


@pytest.mark.parametrize(("path", "body", "headers", "status", "says"), BAD)
def test_bad_input_is_told_what_is_wrong_and_writes_nothing(
    path: str, body: bytes, headers: dict[str, str], status: int, says: str, desk: Writer
) -> None:
    before = desk.get(f"/v1/stories/{STORY}/updates").json()["seq"]

    answer = desk.client.post(path, content=body, headers={"content-type": "application/json", **headers})

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert says in answer.json()["detail"]
    assert desk.get(f"/v1/stories/{STORY}/updates").json()["seq"] == before


def line(story: str, headline: str, **more: Any) -> Json:  # Any: an event's fields
    return {"type": "UpdatePublished", "story": story, "occurred_at": NOON, "content": {"headline": headline}, **more}


def test_a_batch_has_a_verdict_for_each_line_and_a_bad_one_harms_no_other(desk: Writer) -> None:
    story = "batch"
    desk.open(story)
    lines: list[Json | str] = [line(story, "one"), "nonsense", "", line(story, "two", desk="other"), line(story, "three")]

    first, again = desk.batch(*lines), desk.batch(*lines)

    assert [(one["line"], one["status"]) for one in first] == [(1, "accepted"), (2, "refused"), (4, "refused"), (5, "accepted")]
    assert [one["status"] for one in again] == ["duplicate", "refused", "refused", "duplicate"]
    assert [one.get("seq") for one in again] == [one.get("seq") for one in first]
    assert "this key is desk 'houston'" in first[2]["reason"]
    assert desk.get(f"/v1/stories/{story}/updates").json()["seq"] == 3


def test_a_long_batch_is_taken_to_its_limit_and_says_where_to_go_on(desk: Writer) -> None:
    story = "long-batch"
    desk.open(story)
    lines = [line(story, f"update {one}") for one in range(MOST_LINES + 5)]

    told = desk.batch(*lines)

    assert [one["status"] for one in told[:-1]] == ["accepted"] * MOST_LINES
    assert (told[-1]["line"], told[-1]["status"]) == (MOST_LINES + 1, "stopped")
    assert [one["seq"] for one in told[:-1]] == list(range(2, MOST_LINES + 2))


def test_a_line_that_is_too_long_is_refused_alone(desk: Writer) -> None:
    desk.open("long-line")

    told = desk.batch(line("long-line", "one"), "x" * (LONGEST + 1), line("long-line", "two"))

    assert [(one["line"], one["status"]) for one in told] == [(1, "accepted"), (2, "refused"), (3, "accepted")]


def test_who_goes_away_in_the_middle_of_a_body_has_written_nothing(desk: Writer, address: str) -> None:
    where = urlsplit(address)
    before = desk.get(f"/v1/stories/{STORY}/updates").json()["seq"]
    with socket.create_connection((where.hostname or "", where.port or 0)) as client:
        head = (
            f"POST /v1/stories/{STORY}/updates HTTP/1.1\r\nHost: x\r\nAuthorization: {desk.client.headers['authorization']}\r\n"
        )
        client.sendall(head.encode() + b"Content-Length: 100\r\n\r\n" + json.dumps({"id": "half"}).encode())

    assert desk.publish(STORY, name()).json()["seq"] == before + 1


def test_an_embargoed_update_is_taken_and_shown_to_nobody(desk: Writer) -> None:
    update = name()

    told = desk.publish(STORY, update, "Not yet", embargo_until="2040-01-01T00:00:00Z")

    assert (told.status_code, told.json()["status"]) == (201, "accepted")
    assert desk.get(f"/v1/stories/{STORY}/updates/{update}").status_code == 404
    assert "Not yet" not in desk.get(f"/v1/stories/{STORY}/updates?limit=100").text


def test_the_log_says_who_did_what(desk: Writer, data: Path) -> None:
    update = name()
    desk.publish(STORY, update, author="jim")

    exported = [json.loads(one) for one in run(data, "log", "export").out.splitlines()]

    [said] = [one for one in exported if one.get("update") == update]
    assert (said["desk"], said["author"]) == ("houston", "jim")


def test_a_service_subscribes_and_unsubscribes(desk: Writer) -> None:
    added = desk.post("/v1/subscriptions", {"target": "https://example.org/hook", "stories": [STORY], "min_urgency": 3})
    one = desk.get(added.headers["location"])
    listed = desk.get("/v1/subscriptions").json()["subscriptions"]
    gone = desk.client.delete(added.headers["location"])

    assert (added.status_code, added.json()["secret"][:6]) == (201, "whsec_")
    assert one.json() in listed
    assert "secret" not in one.json()
    assert (gone.status_code, desk.get(added.headers["location"]).status_code) == (204, 404)


@pytest.mark.parametrize("target", ["http://127.0.0.1/x", "https://10.0.0.1/", "nonsense", ""])
def test_a_subscription_to_where_nothing_may_go_is_refused(target: str, desk: Writer) -> None:
    assert desk.post("/v1/subscriptions", {"target": target}).status_code == 422


def test_the_proof_of_deliveries_needs_a_key(desk: Writer, address: str) -> None:
    path = f"/v1/stories/{STORY}/updates/x/deliveries"

    assert desk.get(path).json() == {"story": STORY, "update": "x", "revisions": []}
    assert httpx.get(address + path).status_code in (401, 429)
