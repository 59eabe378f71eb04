"""The read API: what the command line shows, by the same bytes; pages that neither skip nor repeat; caching; what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.cli import run
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.planted import cover
from tests.support.served import Served, served
from tests.support.servers import eventually

UPDATES = f"/v1/stories/{STORY}/updates"


@pytest.fixture(scope="module")
def covered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveRoom, Served]]:
    """A coverage with something of everything, which the tests only read."""
    with live_room(tmp_path_factory.mktemp("room")) as room:
        cover(room.log, "apollo-14")
        cover(room.log)
        room.desk.publish(STORY, update="secret", headline="Not yet", embargo_until=datetime.now(UTC) + timedelta(days=2))
        room.catch_up()
        with served(room.data) as site:
            yield room, site


@pytest.fixture
def room(tmp_path: Path) -> Iterator[LiveRoom]:
    with live_room(tmp_path) as room:
        yield room


@pytest.fixture
def site(room: LiveRoom) -> Iterator[Served]:
    with served(room.data) as site:
        yield site


def printed(room: LiveRoom, *args: str) -> bytes:
    done = run(room.data, *args, "--json")
    assert done.code == 0, done.err
    return done.out.encode().rstrip(b"\n")


@pytest.mark.parametrize(
    ("path", "command"),
    [
        (UPDATES, ["timeline", STORY]),
        (f"{UPDATES}?limit=1", ["timeline", STORY, "--limit", "1"]),
        (f"{UPDATES}?limit=1&cursor=p3", ["timeline", STORY, "--limit", "1", "--cursor", "p3"]),
        (f"{UPDATES}?key_events=true", ["timeline", STORY, "--key-events"]),
        (f"{UPDATES}?as_of=3", ["timeline", STORY, "--as-of", "3"]),
        (f"{UPDATES}/problem/history", ["history", STORY, "problem"]),
    ],
)
def test_what_is_served_is_what_the_command_line_prints(covered: tuple[LiveRoom, Served], path: str, command: list[str]) -> None:
    room, site = covered

    assert site.get(path).content == printed(room, *command)


def test_corrections_and_stories_are_those_of_the_command_line(covered: tuple[LiveRoom, Served]) -> None:
    room, site = covered

    corrections = site.get("/v1/corrections").json()
    assert corrections.pop("next") is None
    assert corrections == json.loads(printed(room, "corrections"))
    assert site.get(f"/v1/corrections?story={STORY}").json()["corrections"][0]["story"] == STORY
    stories = site.get("/v1/stories").json()
    assert {one["id"] for one in stories["stories"]} == {STORY, "apollo-14"}
    assert stories["stories"] == json.loads(printed(room, "story", "list"))["stories"]
    assert site.get(f"/v1/stories/{STORY}").json() in stories["stories"]


def test_lists_over_stories_go_on_by_their_cursor(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered

    for path, key in (("/v1/stories", "stories"), ("/v1/corrections", "corrections")):
        first = site.get(f"{path}?limit=1").json()
        second = site.get(f"{path}?limit=1&cursor={first['next']}").json()
        assert second["next"] is None
        assert first[key] + second[key] == site.get(path).json()[key]


def test_one_update_is_the_document_of_the_timeline(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered

    for document in site.get(UPDATES).json()["updates"]:
        assert site.get(f"{UPDATES}/{document['id']}").json() == document


def test_changes_are_told_page_by_page(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered
    whole = site.get(f"/v1/stories/{STORY}/changes").json()

    since, paged = 0, []
    while True:
        page = site.get(f"/v1/stories/{STORY}/changes?since={since}&limit=2").json()
        paged += page["changes"]
        assert page["since"] == since
        since = page["seq"]
        if not page["more"]:
            break
        assert page["next_poll"] == 0

    assert paged == whole["changes"]
    assert since == whole["seq"] == site.get(UPDATES).json()["seq"]
    assert page["next_poll"] > 0
    empty = site.get(f"/v1/stories/{STORY}/changes?since={since}").json()
    assert (empty["seq"], empty["changes"], empty["more"]) == (since, [], False)


def test_a_killed_update_answers_410_with_its_tombstone_alone(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered

    for path in (f"{UPDATES}/wrong", f"{UPDATES}/wrong/history"):
        found = site.get(path)
        assert found.status_code == 410
        assert list(found.json()) == ["id", "status", "killed_at"]
        assert found.json()["id"] == "wrong"
        assert found.json()["status"] == "killed"
        assert "max-age=1" in found.headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/v1/stories/apolo-13", "No story 'apolo-13' (did you mean 'apollo-13'?)"),
        ("/v1/stories/apolo-13/updates", "did you mean 'apollo-13'?"),
        ("/v1/stories/apolo-13/changes", "did you mean 'apollo-13'?"),
        ("/v1/stories/apolo-13/stream", "did you mean 'apollo-13'?"),
        ("/v1/corrections?story=apolo-13", "did you mean 'apollo-13'?"),
        (f"{UPDATES}/lanch", "(did you mean 'launch'?)"),
        (f"{UPDATES}/rumour", "No update 'rumour'"),
        (f"{UPDATES}/secret", "No update 'secret'"),
        (f"{UPDATES}/secret/history", "No update 'secret'"),
        (f"{UPDATES}/secre", "No update 'secre' in story 'apollo-13'."),
        (f"{UPDATES}?as_of=0", "As of 0, readers had nothing of story 'apollo-13'. Its beginning: as_of=1"),
        ("/v1/stories/", "nothing at this address"),
    ],
)
def test_what_is_not_there_answers_404_and_names_the_nearest_known(
    covered: tuple[LiveRoom, Served], path: str, said: str
) -> None:
    _, site = covered

    found = site.get(path)

    assert (found.status_code, found.headers["content-type"]) == (404, "application/problem+json")
    assert said in found.json()["detail"]
    assert "secret'?" not in found.text


@pytest.mark.parametrize("path", ["/nowhere", f"/stories/{STORY}/", f"/stories/{STORY}?as_of=0"])
def test_a_person_who_mistypes_an_address_gets_a_page_that_leads_on(covered: tuple[LiveRoom, Served], path: str) -> None:
    _, site = covered

    found = site.get(path)

    assert (found.status_code, found.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/' in found.text.partition("<main")[2]


def test_what_others_add_to_a_pages_address_may_be_in_latin_1(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered

    assert site.get(f"/stories/{STORY}?utm_campaign=caf%e9").status_code == 200
    assert site.get(f"/stories/{STORY}?cursor=p%e9").status_code == 400


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{UPDATES}?cursor=x", "'x' is no cursor. Take the one"),
        (f"{UPDATES}?cursor=p{'9' * 30}", "is no cursor"),
        (f"{UPDATES}?limit=0", "limit: '0' is no whole number from 1 to 500."),
        (f"{UPDATES}?limit=501", "from 1 to 500"),
        (f"{UPDATES}?as_of=yesterday", "as_of: "),
        (f"{UPDATES}?limt=3", "There is no parameter 'limt' here"),
        (f"{UPDATES}?limit=%ff", "UTF-8"),
        (f"/v1/stories/{STORY}/changes?since=-1", "since: '-1' is no whole number"),
        (f"/v1/stories/{STORY}/changes?since=999", "lies past the end; story 'apollo-13' is at seq"),
        (f"/v1/stories/{STORY}/stream?since=x", "since: 'x' is no whole number"),
        ("/v1/stories?cursor=%21", "is no cursor"),
        ("/v1/corrections?cursor=p3", "is no cursor"),
    ],
)
def test_a_bad_request_answers_400_and_says_why(covered: tuple[LiveRoom, Served], path: str, said: str) -> None:
    _, site = covered

    found = site.get(path)

    assert (found.status_code, found.headers["content-type"]) == (400, "application/problem+json")
    assert said in found.json()["detail"]
    assert found.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", [UPDATES, f"{UPDATES}/launch", "/v1/stories", f"{UPDATES}?as_of=3", f"{UPDATES}/launch/history"])
def test_an_answer_is_named_and_not_sent_twice(covered: tuple[LiveRoom, Served], path: str) -> None:
    _, site = covered
    first = site.get(path)

    again = site.get(path, headers={"if-none-match": first.headers["etag"]})
    head = httpx.head(site.url + path, headers={"accept-encoding": "identity"})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    assert int(head.headers["content-length"]) == len(first.content)
    assert first.headers["access-control-allow-origin"] == "*"
    fresh, stale = map(int, re.findall(r"=(\d+)", first.headers["cache-control"]))
    assert 2 * (fresh + stale) < 10
    assert "immutable" not in first.headers["cache-control"]


@pytest.mark.parametrize("coding", ["br", "gzip"])
def test_an_answer_is_packed_as_asked(covered: tuple[LiveRoom, Served], coding: str) -> None:
    _, site = covered

    packed = site.get(UPDATES, headers={"accept-encoding": coding})

    assert (packed.headers["content-encoding"], packed.headers["vary"]) == (coding, "accept-encoding")
    assert packed.content == site.get(UPDATES, headers={"accept-encoding": "identity"}).content


@pytest.mark.parametrize(
    ("path", "allowed"), [(UPDATES, "GET, HEAD, POST, OPTIONS"), (f"/v1/stories/{STORY}/stream", "GET, HEAD, OPTIONS")]
)
def test_other_sites_may_read_and_write_only_with_a_key(covered: tuple[LiveRoom, Served], path: str, allowed: str) -> None:
    _, site = covered

    asked = httpx.options(site.url + path)
    assert (asked.status_code, asked.content) == (204, b"")
    assert asked.headers["access-control-allow-methods"] == allowed
    assert "access-control-allow-credentials" not in asked.headers
    refused = httpx.delete(site.url + path)
    assert (refused.status_code, refused.headers["allow"]) == (405, allowed)


def test_clients_are_told_different_times_to_ask_again(covered: tuple[LiveRoom, Served]) -> None:
    _, site = covered

    assert len({site.get(UPDATES).headers["next-poll"] for _ in range(20)}) > 3


def test_pages_neither_skip_nor_repeat_while_copy_comes_in(room: LiveRoom, site: Served) -> None:
    room.publish(*(f"u-{n}" for n in range(20)))
    there = {f"u-{n}" for n in range(20)}

    seen: list[str] = []
    query = "?limit=3"
    for turn in range(100):
        page = site.get(UPDATES + query).json()
        seen += [one["id"] for one in page["updates"]]
        room.publish(f"new-{turn}")
        room.desk.revise(STORY, f"u-{turn % 20}", headline=f"Again {turn}", body="More.")
        room.catch_up()
        if page["next"] is None:
            break
        query = f"?limit=3&cursor={page['next']}"

    assert len(seen) == len(set(seen))
    assert set(seen) == there
    assert [int(one[2:]) for one in seen] == sorted(range(20), reverse=True)


def test_an_answer_is_new_as_soon_as_the_change_is_there(room: LiveRoom, site: Served) -> None:
    for number in range(20):
        before = site.get(UPDATES)
        room.publish(f"u-{number}")
        eventually(lambda n=number: f"u-{n}" in site.get(UPDATES).text, within=5.0, what="the update")  # type: ignore[misc]  # bound
        assert site.get(UPDATES, headers={"if-none-match": before.headers["etag"]}).status_code == 200


def test_a_page_of_the_past_is_new_once_something_of_it_is_killed(room: LiveRoom, site: Served) -> None:
    room.publish("a", "b")
    path = f"{UPDATES}?as_of=3"
    before = site.get(path)
    assert "It is b." in before.text

    room.kill("b")

    eventually(lambda: "It is b." not in site.get(path).text, within=5.0, what="the kill")
    again: Any = site.get(path, headers={"if-none-match": before.headers["etag"]})
    assert again.status_code == 200
    assert [one["id"] for one in again.json()["updates"]] == ["a"]


def test_a_cursor_of_another_generation_still_works(room: LiveRoom, site: Served) -> None:
    room.publish("a", "b", "c")
    first = site.get(f"{UPDATES}?limit=2").json()

    assert run(room.data, "replay", "timeline").code == 0
    room.desk.mark(STORY, "a", verification="verified")
    room.catch_up()
    eventually(lambda: 'W/"g2.' in site.get(UPDATES).headers["etag"], within=10.0, what="the new generation")

    rest = site.get(f"{UPDATES}?limit=2&cursor={first['next']}").json()
    assert [one["id"] for one in first["updates"] + rest["updates"]] == ["c", "b", "a"]
