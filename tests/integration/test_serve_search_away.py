"""`GET /v1/search` while the index is away: 503 with the time to come back in, then answers again by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from consumers.search.fts5.index import Fts5Index
from consumers.search.opensearch.index import OpenSearchIndex
from tests.integration.cli import run
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.opensearch_server import opensearch_server
from tests.support.searched import feed
from tests.support.served import Served, served
from tests.support.servers import eventually

SEARCH = "/v1/search?q=launch"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[LiveRoom]:
    with live_room(tmp_path) as room:
        room.publish("launch")
        yield room


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["results"]]


def assert_away(site: Served) -> None:
    """The search says that it is away and when to ask again; the timeline goes on."""
    away, page = site.get(SEARCH), site.get("/search?q=launch")
    assert (away.status_code, away.headers["content-type"]) == (503, "application/problem+json")
    assert (away.headers["retry-after"], away.headers["cache-control"]) == ("2", "no-store")
    assert (page.status_code, page.headers["retry-after"]) == (503, "2")
    assert page.headers["content-type"].startswith("text/html")
    assert site.get(f"/v1/stories/{STORY}/updates").status_code == 200


def eventually_found(site: Served) -> None:
    eventually(lambda: site.get(SEARCH).status_code == 200, within=30, what="the index again")
    assert ids(site.get(SEARCH)) == ["launch"]


def replay(room: LiveRoom) -> None:
    replayed = run(room.data, "replay", "search")
    assert replayed.code == 0, replayed.err


def replaced(path: Path, content: bytes | None) -> None:
    """Put other bytes in a file's place, or nothing."""
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"no database at all " * 500], ids=["removed", "unreadable"])
@pytest.mark.parametrize("name", ["search.db", "search-g1.db"])
def test_an_index_in_files_that_is_away_is_said_and_comes_back(room: LiveRoom, name: str, content: bytes | None) -> None:
    feed(room.log, Fts5Index(room.data))
    with served(room.data) as site:
        assert ids(site.get(SEARCH)) == ["launch"]

        replaced(room.data / name, content)
        assert_away(site)

        if content is not None:
            replay(room)
        feed(room.log, Fts5Index(room.data))
        eventually_found(site)


def test_an_index_that_was_never_built_is_said_and_found_once_it_is(room: LiveRoom) -> None:
    with served(room.data) as site:
        assert_away(site)

        feed(room.log, Fts5Index(room.data))

        eventually_found(site)


def test_an_opensearch_that_is_away_is_said_and_comes_back_by_itself(room: LiveRoom, tmp_path: Path) -> None:
    with opensearch_server(tmp_path / "opensearch") as server, closing(OpenSearchIndex(server.url)) as index:
        feed(room.log, index)
        with served(room.data, env={"DATELINE_SEARCH": server.url}) as site:
            assert ids(site.get(SEARCH)) == ["launch"]

            server.kill()
            assert_away(site)

            server.start()
            eventually_found(site)
