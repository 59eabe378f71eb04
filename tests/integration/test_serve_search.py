"""`GET /v1/search` and the page of results, asked over HTTP of `dateline serve`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.cli import run
from tests.support.servers import eventually
from tests.support.site_server import KILLED, STORY, restore_coverage, site

Json = dict[str, Any]  # Any: whatever JSON holds


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site") / "data"


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[httpx.Client]:
    """What asks a server over the coverage of Apollo 13, once all of that is found."""
    restore_coverage(data)
    with site(data) as address, httpx.Client(base_url=address, timeout=20.0) as asking:
        eventually(lambda: asking.get(f"/v1/search?story={STORY}").json()["total"]["value"] == 30, what="the whole in the index")
        yield asking


def asked(client: httpx.Client, **query: str | int) -> Json:
    answer = client.get("/v1/search", params=query)
    assert answer.status_code == 200, answer.text
    document: Json = answer.json()
    return document


def ids(document: Json) -> list[str]:
    return [one["id"] for one in document["results"]]


def test_a_result_is_the_update_with_what_to_show_of_it(client: httpx.Client) -> None:
    found = asked(client, q="headline:oxygen")

    assert found["total"] == {"value": 1, "exact": True}
    (one,) = found["results"]
    beside = {name: one.pop(name) for name in ("story_title", "corrected_at", "snippets")}
    assert one == client.get(f"/v1/stories/{STORY}/updates/{one['id']}").json()
    assert "<mark>oxygen</mark>" in beside["snippets"]["headline"]


def test_pages_in_a_row_are_the_whole(client: httpx.Client) -> None:
    for sort in ("relevance", "newest"):
        every = asked(client, q="crew", sort=sort, limit=100)
        seen: list[str] = []
        page = asked(client, q="crew", sort=sort, limit=3)
        while True:
            seen += ids(page)
            if page["next"] is None:
                break
            page = asked(client, q="crew", sort=sort, limit=3, cursor=page["next"])

        assert seen == ids(every), sort
        assert len(seen) == every["total"]["value"] > 3


def test_what_was_killed_is_in_no_answer(client: httpx.Client) -> None:
    assert KILLED not in ids(asked(client, story=STORY, limit=100))


def test_a_misspelt_word_is_answered_with_what_was_meant(client: httpx.Client) -> None:
    assert asked(client, q="oxigen")["did_you_mean"] == "oxygen"


def test_what_a_desk_does_is_found_within_a_second_or_no_more(data: Path, client: httpx.Client) -> None:
    def is_found() -> bool:
        return "zeppelin" in ids(asked(client, q="zeppelin"))

    run(data, "story", "open", "balloons", "--title", "Balloons")
    assert not is_found()
    run(data, "publish", "balloons", "--id", "zeppelin", "--headline", "A zeppelin lands")
    eventually(is_found, within=5.0, what="what was published")
    run(data, "kill", "balloons", "zeppelin", "--reason", "It did not.")
    eventually(lambda: not is_found(), within=5.0, what="an index without it")


def test_an_answer_that_is_the_same_is_not_sent_twice(client: httpx.Client) -> None:
    first = client.get("/v1/search?q=lovell")

    again = client.get("/v1/search?q=lovell", headers={"if-none-match": first.headers["etag"]})

    assert again.status_code == 304
    assert first.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=3"


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("q=" + "x" * 1001, 400, "1,000 characters"),
        ("q=" + "word+" * 65, 400, "64 words"),
        ("q=crew&cursor=nothing", 400, "cursor"),
        ("q=crew&sort=oldest", 400, "relevance, newest"),
        ("q=crew&since=yesterday", 400, "since: "),
        ("q=crew&verification=maybe", 400, "disputed"),
        ("q=crew&limit=0", 400, "limit"),
        ("q=crew&colour=red", 400, "no parameter"),
        ("q=crew&story=apolo-13", 404, "apollo-13"),
        ("q=crew&story=%00", 404, "No story"),
    ],
)
def test_a_mistake_is_a_problem_that_says_which(client: httpx.Client, query: str, status: int, says: str) -> None:
    answer = client.get(f"/v1/search?{query}")

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


@pytest.mark.parametrize("text", ['"', "OR", "-", '"a', "headline:", "*", "(", "'; drop table x; --", "🚀", "\x00", "<script>"])
def test_any_text_is_answered(client: httpx.Client, text: str) -> None:
    assert asked(client, q=text)["query"] == text


def test_the_page_shows_a_mistake_as_a_page(client: httpx.Client) -> None:
    for query, status in (("q=" + "x" * 1001, 400), ("q=crew&story=apolo-13", 404), ("q=crew&cursor=nothing", 400)):
        answer = client.get(f"/search?{query}")

        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")


def test_no_search_engine_keeps_the_page(client: httpx.Client) -> None:
    assert '<meta name="robots" content="noindex">' in client.get("/search?q=crew").text
