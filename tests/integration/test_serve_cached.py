"""With a real HTTP cache in between: it saves the server work, and a kill wins over it within ten seconds at every address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.cache import http_cache
from tests.support.live_room import STORY, LiveRoom, live_room
from tests.support.served import Served, served
from tests.support.servers import eventually

BASE = f"/v1/stories/{STORY}"
WORDS = "The words that are recalled."
PATHS = (
    f"{BASE}/updates",
    f"{BASE}/updates?limit=1",
    f"{BASE}/updates?as_of=3",
    f"{BASE}/updates/secret",
    f"{BASE}/updates/secret/history",
    f"{BASE}/changes?since=0",
    f"{BASE}/changes?since=1&limit=5",
    "/v1/corrections",
)
WITHIN_S = 10.0


@pytest.fixture
def room(tmp_path: Path) -> Iterator[LiveRoom]:
    with live_room(tmp_path / "room") as room:
        yield room


@pytest.fixture
def site(room: LiveRoom) -> Iterator[Served]:
    with served(room.data) as site:
        yield site


def test_a_kill_wins_over_every_cache_within_ten_seconds(room: LiveRoom, site: Served, tmp_path: Path) -> None:
    room.publish("before")
    room.publish("secret", body=WORDS)
    room.desk.correct(STORY, "secret", note=WORDS, headline="Again", body=WORDS, expects=1)
    room.catch_up()
    with http_cache(tmp_path / "cache", behind=site.port) as address, httpx.Client(base_url=address, timeout=10.0) as reader:
        first = {path: reader.get(path) for path in PATHS}
        assert [path for path, found in first.items() if WORDS not in found.text] == []
        assert {reader.get(path).headers["x-cache"] for path in PATHS} <= {"HIT", "STALE", "UPDATING"}

        room.kill("secret")
        deadline = time.monotonic() + WITHIN_S

        left = set(PATHS)
        while left:
            assert time.monotonic() < deadline, f"still given out: {left}"
            left = {path for path in left if _shows(reader, path, first[path].headers["etag"])}
        assert reader.get(f"{BASE}/updates/secret").status_code == 410


def _shows(reader: httpx.Client, path: str, etag: str) -> bool:
    """Tell whether an address still gives the words out, or says that who has them has the newest."""
    found, again = reader.get(path), reader.get(path, headers={"if-none-match": etag})
    assert "immutable" not in found.headers.get("cache-control", "")
    return WORDS in found.text or again.status_code == 304


def test_what_is_not_there_is_not_kept_for_long(room: LiveRoom, site: Served, tmp_path: Path) -> None:
    with http_cache(tmp_path / "cache", behind=site.port) as address:
        path = f"{address}{BASE}/updates/late"
        assert httpx.get(path).status_code == 404

        room.publish("late")

        eventually(lambda: httpx.get(path).status_code == 200, within=WITHIN_S, what="the update behind the cache")


def test_a_stream_goes_through_a_cache_as_it_comes(room: LiveRoom, site: Served, tmp_path: Path) -> None:
    with (
        http_cache(tmp_path / "cache", behind=site.port) as address,
        httpx.stream("GET", f"{address}{BASE}/stream?since=1", timeout=10.0) as answer,
    ):
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        room.publish("a")
        assert [next(lines) for _ in range(2)] == ["id: 2", "event: published"]
        assert "About a" in next(lines)
