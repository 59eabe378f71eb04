"""A page that is open keeps up with its story, and does not move what is being read."""

from __future__ import annotations

import re
import threading

from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.support.live_site import LiveSite
from tests.support.servers import eventually

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


def test_a_page_that_lost_its_server_says_so_and_catches_up(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    status = page.page.locator("#_status")

    site.is_down = True
    expect(status).to_have_text(re.compile(r"Reconnecting … – last updated \d\d:\d\d"), timeout=10_000)
    site.story.publish("u4", "Meanwhile")
    site.is_down = False

    expect(page.update("u4")).to_be_visible(timeout=20_000)
    expect(status).to_be_empty()


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
    site.has_streams = False
    page = open_page(site.url)

    site.story.publish("u4", "The bridge is closed")
    site.story.kill("u1")

    expect(page.update("u4")).to_be_visible(timeout=10_000)
    page.shows("u4", "u3", "u2")


def test_a_gap_makes_the_page_read_itself_again(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    eventually(lambda: site.streams == 1, what="the stream")
    site.story.changes.clear()  # what comes now reaches nobody as a change

    site.story.kill("u2")
    site.story.correct("u1", "Update one")
    site.story.publish("u4", "The bridge is closed")
    site.story.changes.clear()
    site.resets += 1

    expect(page.update("u4")).to_be_visible()
    page.shows("u4", "u3", "u1")
    expect(page.update("u1")).to_contain_text("A name was wrong.")


def test_more_is_loaded_to_the_end_with_none_missing_or_twice_while_copy_comes_in(site: LiveSite, open_page: Open) -> None:
    site.page_size = 5
    for number in range(4, 24):
        site.story.publish(f"u{number}", f"Update {number}")
    page = open_page(site.url)
    more = page.page.locator("#_more")

    for round_ in range(4):
        count = len(page.articles())
        site.story.publish(f"new{round_}", "Copy comes in")
        more.click()
        eventually(lambda count=count: len(page.articles()) >= count + 3, what="more")  # type: ignore[misc]

    page.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    expect(page.page.locator("#_end")).to_have_text("The coverage begins here.")
    expected = [f"new{n}" for n in (3, 2, 1, 0)] + [f"u{n}" for n in range(23, 0, -1)]
    page.shows(*expected)
    assert page.complaints == []


def test_an_older_part_of_the_page_takes_corrections_and_kills_and_no_news(site: LiveSite, open_page: Open) -> None:
    site.page_size = 1
    page = open_page(f"{site.url}?cursor=p4")
    page.shows("u2")

    site.story.publish("u4", "News")
    site.story.correct("u2", "Update two")
    expect(page.update("u2")).to_contain_text("Update two")
    page.shows("u2")

    site.story.kill("u2")
    page.shows()


def test_the_page_of_an_update_that_is_killed_becomes_the_page_that_says_so(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.site.links.update("flood", "u2"))
    site.story.correct("u2", "Update two")
    expect(page.page.locator("#_history")).to_contain_text("Corrected")

    site.story.kill("u2")

    expect(page.page.get_by_role("heading", level=1)).to_have_text("This update was withdrawn")
    assert "Update two" not in page.text()


def test_there_is_one_stream_and_none_once_the_page_is_left(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    eventually(lambda: site.streams == 1, what="the stream")

    page.page.goto(site.site.links.front())
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


def test_a_link_to_an_update_that_is_further_down_leads_to_it(site: LiveSite, open_page: Open) -> None:
    site.page_size = 1
    page = open_page(site.site.links.anchor("flood", "u1"))

    expect(page.page.get_by_role("heading", level=1)).to_have_text("Update 1")


def test_a_page_whose_coverage_has_ended_still_hears_of_corrections(site: LiveSite, open_page: Open) -> None:
    site.story.close()
    page = open_page(site.url)

    site.story.correct("u2", "Update two")
    site.story.kill("u1")

    expect(page.update("u2")).to_contain_text("Update two")
    page.shows("u3", "u2")
    assert site.streams == 0


def test_a_link_to_an_update_is_shared_by_a_press(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url, permissions=["clipboard-read", "clipboard-write"])

    page.update("u2").get_by_role("button", name="Share").click()

    expect(page.update("u2").get_by_role("button")).to_have_text("Link copied")
    assert page.page.evaluate("navigator.clipboard.readText()") == site.site.links.update("flood", "u2")


def test_every_open_page_asks_for_the_same_address(site: LiveSite, open_page: Open) -> None:
    pages = [open_page(site.url), open_page(site.url)]

    site.story.correct("u2", "Update two")

    for page in pages:
        expect(page.update("u2")).to_contain_text("Update two")
    assert [one for one in site.requests if "/entry" in one] == ["/stories/flood/updates/u2/entry?seq=5"] * 2


def test_an_update_that_was_killed_while_it_was_asked_for_never_shows(site: LiveSite, open_page: Open) -> None:
    page = open_page(site.url)
    arrives = site.held["wrong"] = threading.Event()
    site.story.publish("wrong", "The dam has broken")
    eventually(lambda: any("wrong/entry" in one for one in site.requests), what="the page's asking")

    site.story.kill("wrong")
    site.story.mark("u1", verification="verified")  # once the page has this, it has heard of the kill
    expect(page.update("u1")).to_contain_text("Verified")
    with page.page.expect_response("**/wrong/entry?*"):
        arrives.set()

    page.shows("u3", "u2", "u1")
    assert "The dam has broken" not in page.text()
