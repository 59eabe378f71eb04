"""A page that is open keeps up with its story, and does not move what is being read."""

from __future__ import annotations

import re
from pathlib import Path

import redis
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.browser.conftest import Open
from tests.integration.cli import run
from tests.support.live_site import LiveApp, LiveSite, flood
from tests.support.planted import prefix_of
from tests.support.servers import eventually

RECONNECTING = re.compile(r"Reconnecting … – last updated \d\d:\d\d")
PHONE = {"width": 360, "height": 640}


def test_a_new_update_comes_to_the_top_of_a_page_that_is_open(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)

    site.story.publish("u4", "The bridge is closed")

    page.shows("u4", "u3", "u2", "u1")
    expect(page.update("u4")).to_contain_text("The bridge is closed")
    assert page.complaints == []


def test_new_updates_wait_while_one_reads_further_down_and_nothing_moves(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url, viewport=PHONE)
    page.update("u1").scroll_into_view_if_needed()
    page.page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    before = page.update("u1").bounding_box()

    site.story.publish("u4", "The bridge is closed")
    site.story.publish("u5", "The bridge is open")

    pill = page.page.get_by_role("button", name="2 new updates")
    expect(pill).to_be_visible()
    page.shows("u3", "u2", "u1")
    assert page.update("u1").bounding_box() == before
    assert page.page.title().startswith("(2) ")

    pill.click()

    page.shows("u5", "u4", "u3", "u2", "u1")
    expect(pill).to_be_hidden()
    assert page.page.evaluate("document.activeElement.closest('article').id") == "u5"


def test_a_correction_reaches_a_page_that_is_already_open(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)

    site.story.correct("u2", "Update two", note="The number was a figure.")

    expect(page.update("u2")).to_contain_text("The number was a figure.")
    expect(page.update("u2")).to_contain_text("Update two")
    page.update("u2").get_by_text("What changed").click()
    expect(page.update("u2").locator("del").first).to_have_text("2")
    assert page.complaints == []


def test_a_correction_above_does_not_move_what_is_being_read(site: LiveSite, open_page: Open) -> None:
    for number in range(4, 9):
        site.story.publish(f"u{number}")
    page = open_page(site.url, viewport=PHONE)
    page.page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    before = page.update("u1").bounding_box()

    site.story.correct("u8", "Update eight", "A much longer text. " * 40)
    expect(page.update("u8")).to_contain_text("A name was wrong.")
    after = page.update("u1").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2


def test_a_killed_update_is_gone_from_an_open_page_at_once(site: LiveSite, open_page: Open) -> None:
    site.story.publish("wrong", "The dam has broken", key_event=True, pinned=True)
    page = open_page(site.url)
    expect(page.update("wrong")).to_be_visible()
    assert "The dam has broken" in page.text()

    site.story.kill("wrong")

    page.shows("u3", "u2", "u1")
    assert "The dam has broken" not in page.text()
    expect(page.page.get_by_role("status").filter(has_text="An update was withdrawn")).to_be_visible()


def test_a_killed_update_is_gone_from_those_that_wait_too(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url, viewport=PHONE)
    page.page.evaluate("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    site.story.publish("wrong", "The dam has broken")
    site.story.publish("u4", "The dam holds")
    pill = page.page.get_by_role("button")
    expect(pill.filter(has_text="2 new updates")).to_be_visible()

    site.story.kill("wrong")

    expect(pill.filter(has_text="1 new update")).to_be_visible()
    pill.filter(has_text="1 new update").click()
    page.shows("u4", "u3", "u2", "u1")
    assert "The dam has broken" not in page.text()


def test_what_was_withheld_comes_back_to_its_place(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    site.story.withhold("u2")
    page.shows("u3", "u1")

    site.story.release("u2")

    page.shows("u3", "u2", "u1")


def test_marks_pins_and_key_events_reach_the_top_of_the_page(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)

    site.story.mark("u1", key_event=True, verification="verified")
    expect(page.page.locator(".keys")).to_contain_text("Update 1")
    expect(page.update("u1")).to_contain_text("Verified")

    site.story.mark("u2", pinned=True)
    expect(page.page.locator(".pinned")).to_contain_text("Update 2")
    expect(page.page.locator("#_entries .elsewhere")).to_have_count(1)

    site.story.mark("u2", pinned=False)
    expect(page.page.locator(".pinned")).to_have_count(0)
    page.shows("u3", "u2", "u1")


def test_a_page_that_is_open_is_told_that_coverage_ends_and_goes_on(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    state = page.page.locator(".state")

    site.story.rename("A flood recedes")
    expect(page.page.get_by_role("heading", level=1)).to_have_text("A flood recedes")
    assert page.page.title() == "A flood recedes"

    site.story.close()
    expect(state).to_contain_text("Ended")

    site.story.reopen()
    expect(state).to_contain_text("Live")


def test_what_a_desk_does_at_the_command_line_reaches_a_phone_that_reads_further_down(app: LiveApp, open_page: Open) -> None:
    site = flood(app, updates=12)
    page = open_page(site.url, viewport=PHONE)
    page.update("u2").evaluate("one => scrollTo({top: scrollY + one.getBoundingClientRect().top - 100, behavior: 'instant'})")
    before = page.update("u2").bounding_box()

    command(app, "publish", site.story.name, "--id", "u13", "--headline", "The bridge is closed", "--body", "Since noon.")
    expect(page.page.get_by_role("button", name="1 new update")).to_be_visible()
    command(app, "correct", site.story.name, "u11", "--note", "Two, no eleven.", "--headline", "Eleven", "--body", "Long. " * 200)
    expect(page.update("u11")).to_contain_text("Two, no eleven.")
    command(app, "kill", site.story.name, "u10", "--reason", "it is not true")
    expect(page.update("u10")).to_have_count(0)
    command(app, "story", "close", site.story.name)
    expect(page.page.locator(".state")).to_contain_text("Ended")

    after = page.update("u2").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(before["y"] - after["y"]) < 2
    page.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    page.shows("u13", "u12", "u11", *(f"u{number}" for number in range(9, 0, -1)))
    assert page.complaints == []


def test_a_page_that_lost_its_server_says_so_and_catches_up(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    page = open_page(site.url)
    status = page.page.locator("#_status")
    eventually(lambda: site.streams == 1, what="the stream")

    own_app.web.stop()
    expect(status).to_have_text(RECONNECTING, timeout=10_000)
    site.story.publish("u4", "Meanwhile")
    own_app.web.start()

    expect(page.update("u4")).to_be_visible(timeout=20_000)
    expect(status).to_be_empty()


def test_a_page_whose_site_lost_redis_says_so_and_goes_on_by_itself(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    page = open_page(site.url)
    status, badge = page.page.locator("#_status"), page.page.locator(".badge.live")
    eventually(lambda: site.streams == 1, what="the stream")

    own_app.redis.kill()
    expect(status).to_have_text(RECONNECTING, timeout=10_000)
    expect(badge).not_to_have_text("Live")
    site.story.publish("u4", "Meanwhile")
    site.story.kill("u2")
    own_app.redis.start()

    page.shows("u4", "u3", "u1")
    expect(badge).to_have_text("Live")
    expect(status).not_to_have_text(RECONNECTING)
    site.story.publish("u5", "Afterwards")
    page.shows("u5", "u4", "u3", "u1")
    assert [one for one in page.complaints if "503" not in one] == []


def test_a_page_that_connects_while_its_story_cannot_be_followed_says_so(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    page = open_page(site.url)
    status = page.page.locator("#_status")
    eventually(lambda: site.streams == 1, what="the stream")
    page.page.context.set_offline(True)
    own_app.redis.kill()
    eventually(lambda: not own_app.web.site.hub.is_up, what="a site that knows")

    page.page.context.set_offline(False)
    with page.page.expect_request("**/stream?*"):
        page.page.evaluate("dispatchEvent(new Event('online'))")

    expect(status).to_have_text(RECONNECTING)
    own_app.redis.start()
    expect(status).to_be_empty(timeout=20_000)


def test_a_reader_who_is_offline_is_told_and_caught_up_later(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    eventually(lambda: site.streams == 1, what="the stream")

    page.page.context.set_offline(True)
    page.page.evaluate("dispatchEvent(new Event('offline'))")
    expect(page.page.locator("#_status")).to_have_text(re.compile(r"Offline – last updated \d\d:\d\d"))
    site.story.kill("u3")
    site.story.publish("u4", "Meanwhile")
    page.page.context.set_offline(False)
    page.page.evaluate("dispatchEvent(new Event('online'))")

    page.shows("u4", "u2", "u1")
    expect(page.page.locator("#_status")).not_to_contain_text("Offline")


def test_where_there_is_no_stream_the_page_asks_for_changes(site: LiveSite, open_page: Open) -> None:
    def forbid_streams(page: Page) -> None:
        page.clock.install()
        page.route("**/stream?*", lambda route: route.fulfill(status=403))

    page = open_page(site.url, before=forbid_streams)

    site.story.publish("u4", "The bridge is closed")
    site.story.kill("u1")
    page.page.clock.fast_forward("00:15")

    expect(page.update("u4")).to_be_visible(timeout=20_000)
    page.shows("u4", "u3", "u2")
    assert site.streams == 0


def test_no_reader_of_an_open_page_notices_a_replay(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    page = open_page(site.url)
    eventually(lambda: site.streams == 1, what="the stream")
    shown, asked = page.page.locator("main").inner_html(), list(page.requests)

    replay(own_app)

    assert page.page.locator("main").inner_html() == shown
    assert page.requests == asked
    site.story.publish("u4", "The bridge is closed")
    page.shows("u4", "u3", "u2", "u1")
    assert page.complaints == []


def test_what_a_replay_puts_right_is_put_right_on_an_open_page(own_app: LiveApp, open_page: Open) -> None:
    site = flood(own_app)
    with redis.Redis.from_url(own_app.redis.url, decode_responses=True) as raw:
        documents = f"{prefix_of(raw, site.story.name)}docs/{site.story.name}"
        raw.hset(documents, "u2", str(raw.hget(documents, "u2")).replace("Update 2", "A wrong word"))
    page = open_page(site.url)
    expect(page.update("u2")).to_contain_text("A wrong word")
    eventually(lambda: site.streams == 1, what="the stream")

    replay(own_app)

    expect(page.update("u2")).to_contain_text("Update 2")
    assert "A wrong word" not in page.page.locator("main").inner_html()
    page.shows("u3", "u2", "u1")


def test_a_thousand_updates_are_loaded_to_the_end_none_missing_or_twice_while_copy_comes_in(
    app: LiveApp, open_page: Open
) -> None:
    site = LiveSite(app, app.begin())
    with site.story.at_once():
        for number in range(1, 1001):
            site.story.publish(f"u{number}", f"Update {number}")
    page = open_page(site.url)
    more, came = page.page.locator("#_more"), 0

    while more.count():
        shown = len(page.articles())
        if shown % 100 == 0:
            came += 1
            site.story.publish(f"new{came}", "Copy comes in")
        if shown == 300:
            site.story.kill("u500")
            site.story.correct("u990", "Update nine hundred and ninety")
        more.click()
        page.page.wait_for_function("shown => document.querySelectorAll('#_entries > article').length > shown", arg=shown)
    page.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")

    expect(page.page.locator("#_end")).to_have_text("The coverage begins here.")
    page.shows(*(f"new{n}" for n in range(came, 0, -1)), *(f"u{n}" for n in range(1000, 0, -1) if n != 500))
    expect(page.update("u990")).to_contain_text("nine hundred and ninety")
    assert came >= 9
    assert page.complaints == []


def test_an_older_part_of_the_page_takes_corrections_and_kills_and_no_news(app: LiveApp, open_page: Open) -> None:
    site = flood(app, updates=22)
    first = open_page(site.url, java_script_enabled=False)
    page = open_page(site.address + str(first.page.locator("#_more").get_attribute("href")))
    page.shows("u2", "u1")

    site.story.publish("u23", "News")
    site.story.correct("u2", "Update two")
    expect(page.update("u2")).to_contain_text("Update two")
    page.shows("u2", "u1")

    site.story.kill("u2")
    page.shows("u1")


def test_the_page_of_an_update_that_is_killed_becomes_the_page_that_says_so(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.update("u2"))
    site.story.correct("u2", "Update two")
    expect(page.page.locator("#_history")).to_contain_text("Corrected")

    site.story.kill("u2")

    expect(page.page.get_by_role("heading", level=1)).to_have_text("This update was withdrawn")
    assert "Update two" not in page.text()


def test_there_is_one_stream_and_none_once_the_page_is_left(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    eventually(lambda: site.streams == 1, what="the stream")

    page.page.goto(site.links.front())
    eventually(lambda: site.streams == 0, what="the end of the stream")
    page.page.go_back()
    site.story.publish("u4", "Meanwhile")

    expect(page.update("u4")).to_be_visible()
    eventually(lambda: site.streams == 1, what="the stream")


def test_the_focus_stays_where_it_was_when_its_update_changes(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    page.update("u2").get_by_role("button", name="Share").focus()

    site.story.correct("u2", "Update two")

    expect(page.update("u2")).to_contain_text("A name was wrong.")
    assert page.page.evaluate("document.activeElement.closest('article').id") == "u2"


def test_times_are_the_readers_own(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url, timezone_id="Asia/Tokyo")

    time = page.update("u1").locator("time").first

    expect(time).to_have_text("21:01")
    assert "13:01:00 (CET, Europe/Berlin)" in (time.get_attribute("title") or "")
    expect(page.page.locator(".zone")).to_have_text("Your time (Asia/Tokyo)")


def test_a_link_to_an_update_that_is_further_down_leads_to_it(app: LiveApp, open_page: Open) -> None:
    site = flood(app, updates=22)
    page = open_page(site.links.anchor(site.story.name, "u1"))

    expect(page.page.get_by_role("heading", level=1)).to_have_text("Update 1")


def test_a_page_whose_coverage_has_ended_still_hears_of_corrections(site: LiveSite, open_page: Open) -> None:
    def move_the_clock(page: Page) -> None:
        page.clock.install()
        page.route("**/changes?*", lambda route: route.continue_())  # past the browser's cache, whose clock stands still

    site.story.close()
    page = open_page(site.url, before=move_the_clock)

    site.story.correct("u2", "Update two")
    site.story.kill("u1")
    page.page.clock.fast_forward("01:30")

    expect(page.update("u2")).to_contain_text("Update two")
    page.shows("u3", "u2")
    assert site.streams == 0


def test_a_link_to_an_update_is_shared_by_a_press(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url, permissions=["clipboard-read", "clipboard-write"])

    page.update("u2").get_by_role("button", name="Share").click()

    expect(page.update("u2").get_by_role("button")).to_have_text("Link copied")
    assert page.page.evaluate("navigator.clipboard.readText()") == site.update("u2")


def test_every_open_page_asks_for_the_same_address(site: LiveSite, open_page: Open) -> None:
    pages = [open_page(site.url), open_page(site.url)]

    site.story.correct("u2", "Update two")

    for page in pages:
        expect(page.update("u2")).to_contain_text("Update two")
        assert [one for one in page.requests if "/entry" in one] == [f"{site.update('u2')}/entry?seq=5"]


def test_an_update_that_was_killed_while_it_was_asked_for_never_shows(site: LiveSite, open_page: Open) -> None:
    held: list[tuple[Route, APIResponse]] = []
    page = open_page(site.url)
    page.page.route("**/wrong/entry?*", lambda route: held.append((route, route.fetch())))
    site.story.publish("wrong", "The dam has broken")
    eventually(lambda: page.page.evaluate("true") and bool(held), what="the answer that the page asked for")

    site.story.kill("wrong")
    site.story.mark("u1", verification="verified")  # once the page has this, it has heard of the kill
    expect(page.update("u1")).to_contain_text("Verified")
    with page.page.expect_response("**/wrong/entry?*"):
        for route, answer in held:
            route.fulfill(response=answer)

    page.shows("u3", "u2", "u1")
    assert "The dam has broken" not in page.text()


def replay(app: LiveApp) -> None:
    """Have the timeline built anew and put in its place."""
    command(app, "replay", "timeline")


def command(app: LiveApp, *args: str) -> None:
    done = run(Path(app.settings.data), *args, env={"DATELINE_REDIS": app.redis.url})
    assert done.code == 0, done.err
