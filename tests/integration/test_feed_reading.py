"""What feeds are made of, read from a live view in a real Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from consumers.web.coverage import Coverage
from consumers.web.feeds.archives import HEAD, WINDOW, Archives, beside_archive, places_of
from consumers.web.feeds.atom import atom_feed
from consumers.web.links import Links
from consumers.web.reading import FeedReader, read_coverage
from dateline.errors import Refused
from dateline.log import open_log
from dateline.private_redis import PrivateRedis
from dateline.redis_store import Store
from tests.integration.test_reader import LATER, STORY, Newsroom

LINKS = Links("https://live.example.org")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with PrivateRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def room(server: str, tmp_path: Path) -> Iterator[Newsroom]:
    import redis  # the test's own broom

    with redis.Redis.from_url(server) as client:
        client.flushall()
    with closing(Store(server)) as store, open_log(f"sqlite:///{tmp_path}/log.db") as log:
        room = Newsroom(log, store)
        yield room
        room.close()


def fill(room: Newsroom, count: int) -> None:
    """Publish `count` updates named by their places, the story's first record among them."""
    for place in range(1, count + 1):
        room.desk.publish(STORY, update=f"u{place}", headline=f"No. {place}")
    room.catch_up()


def coverage(room: Newsroom, **options: object) -> Coverage:
    found = read_coverage(room.reader, STORY, **options)  # type: ignore[arg-type]  # as the caller gives them
    assert found is not None
    return found


def ids(found: Coverage) -> list[str]:
    return [update.id for update in found.updates]


def gone(found: Coverage) -> list[tuple[str, str, int, int]]:
    return [(one.update, one.kind, one.seq, one.published_seq) for one in found.gone]


# Pages with places


def test_a_page_names_its_places_and_its_generation(room: Newsroom) -> None:
    room.publish(*"abc")
    room.desk.revise(STORY, "a", headline="a, anew")
    room.catch_up()

    page, then = room.page(limit=2), room.page_as_of(2)

    assert (list(page.places), page.generation) == ([3, 2], "g1")
    assert (list(then.places), then.generation) == ([2, 1], "g1")
    assert b"places" not in page.json().partition(b'"updates"')[0]


# A coverage


def test_a_coverage_is_a_page_and_what_was_taken_off(room: Newsroom) -> None:
    room.publish(*"abcdef")
    room.desk.withhold(STORY, "b", reason="In doubt.")
    room.desk.kill(STORY, "e", reason="Wrong.")
    room.desk.set_embargo(STORY, "c", until=LATER)
    room.desk.kill(STORY, "never-published", reason="Before it came.")
    room.catch_up()

    found = coverage(room, limit=2)

    assert ids(found) == ["f", "d"]
    assert list(found.places) == [6, 4]
    assert gone(found) == [("c", "withheld", 9, 3), ("e", "killed", 8, 5), ("b", "withheld", 7, 2)]
    assert (found.seq, found.generation, found.next) == (10, "g1", "p4")
    assert ids(coverage(room, limit=2, cursor="p4")) == ["a"]


def test_what_was_released_is_gone_no_more(room: Newsroom) -> None:
    room.publish(*"ab")
    room.desk.withhold(STORY, "a", reason="In doubt.")
    room.desk.release(STORY, "a")
    room.catch_up()

    found = coverage(room)

    assert ids(found) == ["b", "a"]
    assert found.gone == []


def test_what_was_withheld_and_then_killed_is_killed(room: Newsroom) -> None:
    room.publish(*"ab")
    room.desk.withhold(STORY, "a", reason="In doubt.")
    room.desk.kill(STORY, "a", reason="Wrong.")
    room.catch_up()

    assert gone(coverage(room)) == [("a", "killed", 4, 1)]


def test_a_story_that_nobody_knows_has_no_coverage(room: Newsroom) -> None:
    feeds = FeedReader(room.reader)

    assert read_coverage(room.reader, "nobody") is None
    assert feeds.head("nobody") is None
    assert feeds.archive("nobody", number=1) is None
    assert feeds.archives("nobody") == Archives()


def test_a_cursor_that_is_none_of_ours_is_refused(room: Newsroom) -> None:
    room.publish("a")

    with pytest.raises(Refused, match="is no cursor"):
        coverage(room, cursor="7")


# The head


def test_a_correction_of_an_old_update_is_in_the_head(room: Newsroom) -> None:
    fill(room, HEAD + 20)
    room.desk.correct(STORY, "u3", note="Wrong.", headline="No. 3, put right")
    room.desk.mark(STORY, "u5", verification="debunked")
    room.desk.correct(STORY, "u60", note="Wrong.", headline="No. 60, put right")
    room.catch_up()

    found = FeedReader(room.reader).head(STORY)

    assert found is not None
    head, _ = found
    newest = [f"u{place}" for place in range(HEAD + 20, 20, -1)]
    assert ids(head)[:HEAD] == newest
    beside = ids(head)[HEAD:]
    assert beside[:2] == ["u20", "u19"]
    assert {"u3", "u5"} <= {*beside}
    assert list(head.places) == sorted(head.places, reverse=True)
    assert len(set(ids(head))) == len(head.updates)


def test_head_and_archives_hold_every_update(room: Newsroom) -> None:
    fill(room, 2 * WINDOW + 7)
    room.desk.withhold(STORY, "u4", reason="In doubt.")
    room.desk.kill(STORY, "u70", reason="Wrong.")
    room.catch_up()
    feeds = FeedReader(room.reader)

    found = feeds.head(STORY)
    assert found is not None
    head, archives = found
    parts = [feeds.archive(STORY, number=number) for number in (1, 2)]

    assert len(archives.versions) == 2
    held, off = {*ids(head)}, {one.update for one in head.gone}
    for part in parts:
        assert part is not None
        held |= {*ids(part[0])}
        off |= {one.update for one in part[0].gone}
    assert held == {f"u{place}" for place in range(1, 2 * WINDOW + 8)} - {"u4", "u70"}
    assert off == {"u4", "u70"}


# The archives


def test_an_archive_is_what_has_its_place_there(room: Newsroom) -> None:
    fill(room, WINDOW - 1)
    feeds = FeedReader(room.reader)
    assert feeds.archive(STORY, number=1) is None

    fill(room, WINDOW)  # all but the last are refused: each is a record of the story
    room.desk.kill(STORY, "u7", reason="Wrong.")
    room.catch_up()
    found = feeds.archive(STORY, number=1)

    assert found is not None
    assert ids(found[0]) == [f"u{place}" for place in range(WINDOW - 1, 0, -1) if place != 7]
    assert [(one.update, one.kind) for one in found[0].gone] == [("u7", "killed")]
    assert places_of(1) == (1, WINDOW)
    assert feeds.archive(STORY, number=0) is None
    assert feeds.archive(STORY, number=99) is None


def documents(room: Newsroom, feeds: FeedReader) -> dict[str, bytes]:
    """Return every archive of the story by its address."""
    found = {}
    for number in range(1, len(feeds.archives(STORY).versions) + 1):
        part = feeds.archive(STORY, number=number)
        assert part is not None
        beside = beside_archive(LINKS, STORY, part[1], number=number)
        found[beside.itself] = atom_feed(part[0], LINKS, beside=beside)
    return found


def test_a_document_at_an_address_never_changes_and_a_kill_gives_a_new_one(room: Newsroom) -> None:
    desk, feeds = room.desk, FeedReader(room.reader)
    fill(room, 2 * WINDOW + 3)
    acts: list[Callable[[], object]] = [
        lambda: desk.publish(STORY, update="more", headline="More"),
        lambda: desk.correct(STORY, "u60", note="Wrong.", headline="No. 60, put right"),
        lambda: desk.kill(STORY, "u60", reason="Wrong."),
        lambda: desk.withhold(STORY, "u9", reason="In doubt."),
        lambda: desk.release(STORY, "u9"),
        lambda: desk.mark(STORY, f"u{2 * WINDOW}", key_event=True),
        lambda: desk.close_story(STORY, note="The end."),
        lambda: desk.reopen_story(STORY),
        lambda: desk.revise_story(STORY, title="Another title"),
        lambda: desk.mark(STORY, f"u{2 * WINDOW + 3}", pinned=True),
    ]
    renewed = [set[int](), {2}, {2}, {1, 2}, {1, 2}, {2}, set[int](), set[int](), {1, 2}, set[int]()]

    seen = documents(room, feeds)
    for act, numbers in zip(acts, renewed, strict=True):
        before = [*documents(room, feeds)]
        act()
        room.catch_up()
        now = documents(room, feeds)
        assert {number for number, address in enumerate(now, start=1) if address != before[number - 1]} == numbers
        for address, document in now.items():
            assert seen.setdefault(address, document) == document


def test_what_is_remembered_of_the_archives_is_what_is_read_anew(room: Newsroom) -> None:
    feeds = FeedReader(room.reader)
    for count in (WINDOW, 2 * WINDOW + 1):
        fill(room, count)
        room.desk.correct(STORY, "u2", note=f"Wrong {count}.", headline=f"u2, {count}")
        room.catch_up()

        assert feeds.archives(STORY) == FeedReader(room.reader).archives(STORY)


def test_marks_are_read_in_as_many_parts_as_it_takes(room: Newsroom) -> None:
    fill(room, WINDOW + 2)
    room.desk.correct(STORY, "u2", note="Wrong.", headline="u2, put right")
    room.catch_up()
    whole = room.reader.marks(STORY, window=WINDOW)
    assert whole is not None

    last: dict[int, int] = {}
    since, more = 0, True
    while more:
        part = room.reader.marks(STORY, since=since, window=WINDOW, limit=7)
        assert part is not None
        last |= part.last
        since, more = part.reached, part.more

    assert last == whole.last == {0: WINDOW + 3, 1: WINDOW + 2}


def test_a_redis_that_was_emptied_has_no_archives(room: Newsroom, server: str) -> None:
    import redis  # the test's own broom

    fill(room, WINDOW)
    feeds = FeedReader(room.reader)
    before = feeds.archives(STORY)

    with redis.Redis.from_url(server) as client:
        client.flushall()

    assert before.versions == (WINDOW,)
    assert feeds.archives(STORY) == Archives()
