"""What is under embargo is nowhere: no byte of it on any public surface before its time, and all of it on each afterwards."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from dateline.app import ENDPOINTS
from producers.desk import Desk
from schemas.content import Block, Media, Source
from tests.integration.cli import json_of
from tests.support.served import Listening, Serve
from tests.support.servers import eventually

STORY = "apollo-13"
MARK = "zqx"
"""Part of every word that nobody may see, and of no other."""

SECRET = "the-zqx-report"
LATER = datetime.now(UTC) + timedelta(days=2)
Json = Any  # Any: what JSON holds


@dataclass
class Hook:
    """A receiver of webhooks."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def kinds(self, update: str) -> list[str]:
        told = [json.loads(body) for body in self.bodies]
        return [one["type"] for one in told if one["data"]["update"] == update]


@contextmanager
def hook() -> Iterator[Hook]:
    found = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def content(word: str) -> dict[str, Any]:  # Any: a desk's options
    """Words that hold the mark wherever words may stand."""
    image = Media(
        uri=f"https://images.example/{word}-image", caption=f"{word}-caption", credit=f"{word}-credit", alt=f"{word}-alt"
    )
    body = (
        Block(text=f"{word}-paragraph"),
        Block("heading", f"{word}-heading"),
        Block("quote", f"{word}-quote", f"{word}-speaker"),
        Block("list", items=(f"{word}-item",)),
        Block("embed", uri=f"https://video.example/{word}-embed"),
    )
    source = Source(f"{word}-source", "official", f"https://{word}.example/")
    said: dict[str, Any] = {"headline": f"{word}-headline", "body": body, "media": (image,), "sources": (source,)}
    return {**said, "places": (f"{word}-place",), "tags": (f"{word}-tag",)}


def tell(desk: Desk) -> None:
    """A coverage in which much is under embargo, each in another way."""
    desk.open_story(STORY, title="Apollo 13")
    for name in ("first", "old", "wrong"):
        desk.publish(STORY, update=name, headline=f"The {name} update", body="In the open.", key_event=True)
    about = content("zqx")
    desk.publish(STORY, update=SECRET, embargo_until=LATER, key_event=True, urgency=1, author="zqx-author", **about)
    desk.correct(STORY, SECRET, note="zqx-note", author="zqx-author", **about)
    desk.revise(STORY, SECRET, note="zqx-new", **about)
    desk.mark(STORY, SECRET, pinned=True, verification="verified")
    desk.set_embargo(STORY, SECRET, until=LATER + timedelta(hours=1))
    desk.publish(STORY, update=SECRET, headline="zqx-again")  # rejected
    desk.correct(STORY, SECRET, note="zqx-conflict", expects=9, **about)  # rejected
    desk.set_embargo(STORY, "zqx-early", until=LATER)  # before its copy
    desk.publish(STORY, update="zqx-early", version=5, **about)
    desk.revise(STORY, "zqx-early", version=3, note="zqx-late", **about)  # late copy
    desk.publish(STORY, update="zqx-killed", embargo_until=LATER, **about)
    desk.kill(STORY, "zqx-killed", reason="zqx-reason", substitute=SECRET)
    desk.publish(STORY, update="zqx-withheld", embargo_until=LATER, **about)
    desk.withhold(STORY, "zqx-withheld", reason="zqx-reason")
    desk.kill(STORY, "wrong", reason="zqx-reason", substitute=SECRET)
    desk.set_embargo(STORY, "first", until=LATER)  # readers have had it
    desk.correct(STORY, "first", note="zqx-note", **about)
    desk.lift_embargo(STORY, SECRET, until=LATER)  # of an earlier end: stale
    desk.publish(STORY, update="last", headline="The last update", body="In the open.")


@dataclass
class Newsroom:
    site: Serve
    desk: Desk
    hook: Hook
    stream: Listening


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsroom]:
    data = tmp_path_factory.mktemp("data")
    with hook() as told, Serve(data, env={"DATELINE_HOOKS_ALLOW_LOOPBACK": "1"}) as site:
        for more in (), ("--corrections-only",):
            added = site.run("hooks", "add", f"http://127.0.0.1:{told.port}/{len(more)}", *more)
            assert added.code == 0, added.err
        with Desk.connect(f"sqlite:///{data}/log.db", name="houston") as desk:
            desk.open_story("other", title="Another story")
            tell(desk)
            seen(site, "last")
            eventually(lambda: "update.published" in told.kinds("last"), within=30, what="the last message")
            with Listening(site.port, f"/v1/stories/{STORY}/stream?since=0") as stream:
                yield Newsroom(site, desk, told, stream)


def seen(site: Serve, update: str) -> None:
    """Wait until readers have an update, in the timeline and in the search."""
    eventually(lambda: site.get(f"/v1/stories/{STORY}/updates/{update}").status_code == 200, what=update)
    word = site.get(f"/v1/stories/{STORY}/updates/{update}").json()["headline"]
    query = {"q": f'"{word}"'}
    eventually(lambda: bool(site.get("/v1/search", params=query).json()["results"]), what=f"{update} in the search")


def addresses(seq: int) -> list[str]:
    """Every public address that does not name what is secret, with the parameters that change what is shown."""
    found = [one.path for one in ENDPOINTS if "{update}" not in one.path]
    paths = [path.replace("{story}", STORY) for path in found]
    paths += [f"/v1/stories/{STORY}/updates?{query}" for query in ("key_events=true", f"as_of={seq}", "as_of=6", "limit=500")]
    paths += [f"/v1/stories/{STORY}/changes?since=0&limit=500", f"/stories/{STORY}?as_of=6", f"/v1/corrections?story={STORY}"]
    paths += [f"/v1/stories/{STORY}/feed.atom?archive={number}" for number in (1, 2)]
    paths += [f"/stories/{STORY}/head?seq={seq}", "/v1/search?q=update", "/search?q=update", "/v1/search?q=update&sort=newest"]
    return [*paths, "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs"]


def shown_at(site: Serve, path: str) -> str:
    answer = site.get(path, follow_redirects=True)
    return (answer.text + str(answer.headers)).lower()


def test_before_its_time_no_address_shows_a_byte_of_it(room: Newsroom) -> None:
    seq = room.site.get(f"/v1/stories/{STORY}/updates").json()["seq"]

    found = [path for path in addresses(seq) if MARK in shown_at(room.site, path)]

    assert found == []
    assert seq > 20, "that something was recorded is no secret"


@pytest.mark.parametrize("hidden", [SECRET, "zqx-early", "zqx-killed", "zqx-withheld"])
@pytest.mark.parametrize("path", [one.path for one in ENDPOINTS if "{update}" in one.path])
def test_its_id_is_answered_as_one_that_nobody_ever_used(room: Newsroom, path: str, hidden: str) -> None:
    def told(update: str) -> tuple[int, str, str]:
        answer = room.site.get(path.replace("{story}", STORY).replace("{update}", update))
        return answer.status_code, answer.text.replace(update, "ID"), answer.headers["content-type"]

    unknown = "never-used-by-anybody"[: len(hidden)]

    assert told(hidden) == told(unknown)
    assert told(hidden)[0] == 404
    assert MARK not in room.site.get(path.replace("{story}", STORY).replace("{update}", f"{hidden[1:]}")).text.replace(
        hidden[1:], ""
    )


@pytest.mark.parametrize("path", ["/v1/search", "/search"])
@pytest.mark.parametrize("word", ["zqx-headline", "zqx", "zqx-headlin", "zqx-tagg", '"zqx-caption"', "zqx-speakerr"])
def test_a_search_for_its_words_is_answered_as_one_for_words_that_nobody_wrote(room: Newsroom, path: str, word: str) -> None:
    def told(query: str) -> str:
        return re.sub("(?i)(%22|&quot;|&#34;)", "", room.site.get(path, params={"q": query}).text).replace(query.strip('"'), "Q")

    assert told(word) == told(word.replace("zqx", "vwk"))


@pytest.mark.parametrize(
    "command",
    [
        ("timeline", STORY),
        ("timeline", STORY, "--key-events"),
        ("timeline", STORY, "--as-of", "12"),
        ("timeline", "apolo-13"),
        ("corrections",),
        ("corrections", STORY),
        ("search", "update"),
        ("story", "list"),
        ("story", "list", "--json"),
        ("status",),
        ("status", "--metrics"),
        ("generations",),
        ("verify", "--json"),
        ("history", STORY, "last"),
        ("history", STORY, "wrong"),
        ("hooks", "deliveries", STORY, "last"),
    ],
    ids=" ".join,
)
def test_no_command_for_readers_prints_a_byte_of_it(room: Newsroom, command: tuple[str, ...]) -> None:
    done = room.site.run(*command)

    assert MARK not in (done.out + done.err).lower()


@pytest.mark.parametrize("command", [("history", STORY), ("hooks", "deliveries", STORY)], ids=" ".join)
@pytest.mark.parametrize("hidden", [SECRET, "zqx-killed", "zqx-repor"])
def test_a_command_that_names_it_says_what_it_says_of_an_unknown_one(
    room: Newsroom, command: tuple[str, ...], hidden: str
) -> None:
    def told(update: str) -> tuple[int, str, str]:
        done = room.site.run(*command, update)
        return done.code, done.out.replace(update, "ID"), done.err.replace(update, "ID")

    assert told(hidden) == told("never-used-by-anybody"[: len(hidden)])


@pytest.mark.parametrize("act", ["corrections", "revisions", "withhold", "release", "kill", "marks", "embargo", "deliveries"])
@pytest.mark.parametrize("key", [{}, {"authorization": "Bearer dk_wrong"}], ids=["no key", "a wrong key"])
def test_who_has_no_key_learns_nothing_by_writing_to_it(room: Newsroom, act: str, key: dict[str, str]) -> None:
    def told(update: str) -> tuple[int, str]:
        address = f"{room.site.url}/v1/stories/{STORY}/updates/{update}/{act}"
        ask = httpx.get if act == "deliveries" else httpx.post
        answer = ask(address, headers=key)
        return answer.status_code, answer.text.replace(update, "ID")

    assert told(SECRET) == told("never-used-by-")
    assert told(SECRET)[0] in (401, 404, 429)


def test_nobody_who_listens_or_is_subscribed_is_told(room: Newsroom) -> None:
    changes = room.site.get(f"/v1/stories/{STORY}/changes?since=0&limit=500").json()["changes"]

    streamed = room.stream.changes(len(changes))

    assert [one["seq"] for one in streamed] == [one["seq"] for one in changes]
    assert MARK not in json.dumps(streamed).lower()
    assert not [body for body in room.hook.bodies if MARK.encode() in body.lower()]
    assert [one["kind"] for one in changes if one["update"] == "first"] == ["published", "withheld"]


def test_what_was_said_of_it_since_does_not_come_back_with_the_past(room: Newsroom) -> None:
    page = room.site.get(f"/v1/stories/{STORY}/updates?as_of=4").json()

    assert [one["id"] for one in page["updates"]] == ["old"], "what is killed or under embargo today is left out"


def test_once_it_is_lifted_it_is_everywhere(room: Newsroom) -> None:
    before = room.site.get(f"/v1/stories/{STORY}/updates").json()
    heard = len(room.site.get(f"/v1/stories/{STORY}/changes?since=0&limit=500").json()["changes"])
    lifted = room.site.run("embargo", STORY, SECRET, "--lift", "--json")
    assert json_of(lifted)["status"] == "accepted"
    seen(room.site, SECRET)
    eventually(lambda: room.hook.kinds(SECRET) == ["update.published"], within=30, what="the message")

    with Listening(room.site.port, f"/v1/stories/{STORY}/stream?since=0") as stream:
        told = stream.changes(heard + 1)[-1]
    after = room.site.get(f"/v1/stories/{STORY}/updates").json()
    addresses = [
        f"/v1/stories/{STORY}/updates",
        f"/v1/stories/{STORY}/updates/{SECRET}",
        f"/v1/stories/{STORY}/updates/{SECRET}/history",
        f"/v1/stories/{STORY}/changes",
        f"/v1/stories/{STORY}/feed.atom",
        f"/v1/stories/{STORY}/feed.rss",
        f"/v1/stories/{STORY}/feed.json",
        f"/v1/stories/{STORY}/feed.ninjs",
        f"/v1/stories/{STORY}/feed.newsml",
        f"/stories/{STORY}",
        f"/stories/{STORY}/updates/{SECRET}",
        f"/stories/{STORY}/updates/{SECRET}/entry",
        f"/stories/{STORY}/sitemap.xml",
        "/v1/search?q=zqx-headline",
        "/search?q=zqx-headline",
    ]

    assert (told["kind"], told["update"], told["document"]["headline"]) == ("published", SECRET, "zqx-headline")
    assert [path for path in addresses if SECRET not in room.site.get(path).text] == []
    assert after["updates"][0]["id"] == SECRET, "newest first: by when it became public"
    assert [one["id"] for one in after["updates"][1:]] == [one["id"] for one in before["updates"]]
    assert room.site.get(f"/v1/stories/{STORY}/updates?as_of={before['seq']}").json()["updates"] == before["updates"]
    assert room.site.get(f"/v1/stories/{STORY}/updates?as_of={after['seq']}").json()["updates"] == after["updates"]
    others = {"zqx-early", "zqx-killed", "zqx-withheld", "zqx-reason"}
    assert not [word for word in others if word in room.site.get(f"/v1/stories/{STORY}/changes?since=0&limit=500").text]
