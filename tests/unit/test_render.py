"""What the reading commands print: readable at any width, in the story's own time, and never obeyed by the terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from rich.cells import cell_len
from rich.text import Text

from consumers.document import document
from consumers.local_time import LocalTime
from consumers.state import Change, Correction, Heading, Story, Update
from consumers.timeline.answers import HistoryEntry, ListedCorrection, Page, PublicChange
from consumers.timeline.diff import changed_words, diff
from consumers.timeline.shown import read_document
from consumers.timeline.told import with_diffs
from consumers.words import words_of
from dateline.cli.prose import markdown, plain, wrap
from dateline.cli.render import show_timeline
from dateline.cli.render_changes import ChangeSheet
from dateline.cli.render_past import marks_changed, show_corrections, show_history
from dateline.cli.sheet import Sheet
from schemas.content import Block, Content, Media, Source
from schemas.times import to_ms
from tests.strategies import prose

NOON = datetime(1970, 4, 14, 12, tzinfo=UTC)
MORE = ("dateline", "timeline", "apollo-13")
HOSTILE = "a\x1b[31mred\x1b]0;title\x07 \x9b2J\x90q\x9c [bold]tag[/bold] [red] :smile: \x00\r\x08\u202ereversed end"


def a_story(zone: str = "UTC", **heading: object) -> Story:
    shown = {"title": "Apollo 13", "summary": "To Fra Mauro.", "time_zone": zone, "opened_at": NOON, **heading}
    return Story("apollo-13", Heading(**shown))  # type: ignore[arg-type]  # the test names its fields


LIFT_OFF = Content("Lift-off", (Block(text="Apollo 13 left the pad."),))


def an_update(name: str = "launch", *, at: datetime = NOON, seq: int = 1, content: Content = LIFT_OFF, **more: object) -> Update:
    about = Change(seq, 0, "published", name, 1, None, None, at, to_ms(at))
    shown = {"words": words_of(content), "published_at": at, "updated_at": at, "place": seq, "last": about, **more}
    return structs.replace(Update(name, revision=1, published=True), **shown)


def bytes_of(update: Update) -> bytes:
    return document("apollo-13", update).encode()


def printed(show: Callable[[Sheet], None], *, width: int = 80) -> str:
    out = StringIO()
    show(Sheet(out, width=width))
    return out.getvalue()


def timeline(*updates: Update, width: int = 80, story: Story | None = None, after: str | None = None) -> str:
    page = Page(story or a_story(), 9, after, [bytes_of(update) for update in updates])
    return printed(lambda sheet: show_timeline(sheet, page, as_of=None, more=MORE), width=width)


def everything(text: str) -> Update:
    """An update that says `text` wherever something can be said."""
    body = tuple(Block(kind, text, text, (text,), text) for kind in ("paragraph", "quote", "heading", "list", "embed", "new"))
    content = Content(text, body, (Media(text, text, text, text, text),), (Source(text, text, text),), (text,), (text,))
    told = Correction(2, text, "substantive", NOON)
    update = an_update(content=content, corrections=(told,), verification=text, from_story=text)
    return structs.replace(update, urgency=1, key_event=True, pinned=True)


# What comes from outside is text


def assert_harmless(out: str) -> None:
    assert {character for character in out if unicodedata.category(character) == "Cc"} <= {"\n"}
    assert not set("\u202a\u202b\u202c\u202d\u202e") & set(out)


def test_no_control_character_reaches_the_terminal_and_no_markup_is_read() -> None:
    hostile = everything(HOSTILE)
    story = a_story("\x1b[2J/../etc", title=HOSTILE, summary=HOSTILE, language=HOSTILE)

    out = timeline(hostile, story=story)

    assert_harmless(out)
    assert out.count("[bold]tag[/bold] [red] :smile:") > 15
    assert "[31mred]0;title" in out


def test_neither_history_nor_corrections_nor_changes_obey_what_they_print() -> None:
    update, story = everything(HOSTILE), a_story("Nowhere/None", title=HOSTILE, summary=HOSTILE)
    about = Change(1, 0, "corrected", "launch", 2, HOSTILE, "minor", NOON, to_ms(NOON))
    first, second = HistoryEntry(an_update().last or about, bytes_of(an_update())), HistoryEntry(about, bytes_of(update))
    listed = ListedCorrection("apollo-13", "launch", Correction(2, HOSTILE, "minor", NOON), bytes_of(update))
    story_change = structs.replace(about, kind="story_revised", update=None)
    story = structs.replace(story, heading_change=story_change)

    def show_changes(sheet: Sheet) -> None:
        changes = ChangeSheet(sheet, story)
        for change in (PublicChange(about, bytes_of(update)), PublicChange(about, None), PublicChange(story_change, None)):
            changes.show(story, change)

    assert_harmless(printed(lambda sheet: show_history(sheet, story, "launch", [first, second])))
    assert_harmless(printed(lambda sheet: show_corrections(sheet, [listed], {"apollo-13": story})))
    assert_harmless(printed(show_changes))


@given(st.text())
def test_plain_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    assert_harmless(plain(text))


def test_plain_text_keeps_what_scripts_need() -> None:
    family, persian, nbsp = "👩\u200d👧", "می\u200cخواهم", "10\u202fkm"

    assert plain(f"{family} {persian} {nbsp}") == f"{family} {persian} {nbsp}"
    assert plain("one\r\ntwo\rthree\u2028four\tfive") == "one\ntwo\nthree\nfour    five"


# Markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**bold** and *italic* and _too_", "bold and italic and too"),
        ("a snake_case_name and 2 * 3 * 4", "a snake_case_name and 2 * 3 * 4"),
        (r"\*as it stands\* and \[this\](x)", "*as it stands* and [this](x)"),
        ("[NASA](https://nasa.gov/a_b_c) says", "NASA (https://nasa.gov/a_b_c) says"),
        ("[click](javascript:alert(1)) <b>no</b>", "[click](javascript:alert(1)) <b>no</b>"),
        ("**[NASA](https://nasa.gov)** and **_both_**", "NASA (https://nasa.gov) and both"),
        ("**never closed, *nor this", "**never closed, *nor this"),
    ],
)
def test_a_small_markdown_is_shown(text: str, shown: str) -> None:
    assert markdown(text).plain == shown


def test_bold_and_italic_are_styles() -> None:
    spans = {(markdown("a **b** *c*").plain[span.start : span.end], span.style) for span in markdown("a **b** *c*").spans}

    assert spans == {("b", "bold"), ("c", "italic")}


@pytest.mark.parametrize("text", ["**a " * 60_000, "*" * 200_000, "_a " * 80_000, "[a](https://" * 20_000, "[" * 200_000])
def test_no_text_takes_long(text: str) -> None:
    start = datetime.now(UTC)

    wrap(markdown(text), 80)

    assert datetime.now(UTC) - start < timedelta(seconds=5)


# Widths


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


@given(prose(max_size=200), st.integers(10, 80))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    text = plain(text)

    lines = wrap(Text(text), width)

    assert squeezed("".join(line.plain for line in lines)) == squeezed(text)


COPY = {
    "chinese": "阿波罗十三号在飞往月球途中发生故障，三名宇航员正在返回地球。「休斯敦，我们遇到了问题。」" * 4,
    "japanese": "アポロ13号は月への途中で事故を起こし、3人の飛行士は着陸船に移りました。" * 4,
    "korean": "아폴로 13호는 달로 가는 도중 사고를 당했고 세 명의 우주비행사가 돌아오고 있다. " * 4,
    "arabic": "تعرضت أبولو 13 لعطل في طريقها إلى القمر، ويعود ثلاثة رواد فضاء إلى الأرض. " * 4,
    "emoji": "🚀 lift-off 👩‍🚀👨‍🚀 and 🇬🇧 flags ☎️ ring " * 6,
    "long": "Donaudampfschifffahrtsgesellschaftskapitän" * 5,
}


@pytest.mark.parametrize("copy", COPY.values(), ids=COPY)
@pytest.mark.parametrize("width", [24, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_or_a_comfortable_measure(copy: str, width: int) -> None:
    out = timeline(everything(copy), width=width)

    assert max(map(cell_len, out.splitlines())) <= min(width, 80)
    assert squeezed(out.replace("│", "")).count(squeezed(copy)[:60]) >= 10, "nothing is left out"


def test_an_address_and_a_command_are_never_cut() -> None:
    address = f"https://example.org/{'a' * 200}"
    content = Content("h", (Block(text=f"See {address} for more."), Block("embed", uri=address)), (Media(uri=address),))

    out = timeline(an_update(content=content), width=60, after="p7")

    assert out.count(address) == 3
    assert "dateline timeline apollo-13 --cursor p7\n" in out


def test_chinese_lines_break_between_characters_but_not_before_a_full_stop() -> None:
    lines = [line.plain for line in wrap(Text("甲乙丙丁戊。己庚"), 10)]

    assert lines == ["甲乙丙丁", "戊。己庚"]


def test_piped_output_has_no_escape() -> None:
    assert "\x1b" not in timeline(everything("text"))


# What a reader sees


def test_an_update_reads_as_it_should() -> None:
    content = Content(
        "A problem aboard",
        (
            Block(text="The crew reported it."),
            Block("quote", "Houston, we've had a problem.", "James Lovell"),
            Block("heading", "What is known"),
            Block("list", items=("one", "two")),
        ),
        (Media(uri="https://x.org/a.jpg", caption="The crew.", credit="NASA", alt="Three men"),),
        (Source("NASA", "official"), Source("A caller", "eyewitness")),
        ("Houston",),
    )
    told = Correction(2, "The name was wrong.", "substantive", NOON + timedelta(minutes=9))
    update = an_update(content=content, urgency=1, key_event=True, pinned=True, verification="disputed", corrections=(told,))

    out = timeline(structs.replace(update, revision=2, updated_at=told.corrected_at, from_story="expo-70"))

    assert (
        out
        == """\
Apollo 13
To Fra Mauro.
Open since Tuesday 14 April 1970, 12:00
Language en · times of UTC

── Tuesday 14 April 1970 ───────────────────────────────────────────────────────

12:00  FLASH · Key event · Pinned · Disputed · Corrected · From another story:
       expo-70
       A problem aboard

       The crew reported it.

       │ Houston, we've had a problem.
       │ — James Lovell

       What is known

       • one
       • two

       Picture: The crew. (NASA)
       https://x.org/a.jpg

       Sources: NASA (official); A caller (eyewitness)
       │ Correction, 12:09: The name was wrong.
       Houston · launch · revision 2 · updated 12:09

There is nothing earlier.
"""
    )


def test_a_picture_without_a_caption_is_told_by_its_alternative_text() -> None:
    content = Content("h", (), (Media(uri="https://x.org/a.jpg", alt="Three men on a deck"),))

    assert "Picture: Three men on a deck\n" in timeline(an_update(content=content))


def test_an_empty_story_says_so() -> None:
    assert timeline().endswith("Nothing here yet.\n")


# Times


def test_days_and_hours_are_those_of_the_story() -> None:
    late = datetime(1970, 4, 14, 3, 8, tzinfo=UTC)

    out = timeline(an_update("b", at=NOON), an_update("a", at=late), story=a_story("America/Chicago"))

    assert re.findall(r"── (.*?) ─", out) == ["Tuesday 14 April 1970", "Monday 13 April 1970"]
    assert re.findall(r"^\d\d:\d\d", out, re.MULTILINE) == ["06:00", "21:08"]


def test_a_day_is_written_once_as_long_as_it_lasts() -> None:
    out = timeline(an_update("b", at=NOON), an_update("a", at=NOON - timedelta(hours=3)))

    assert out.count("── Tuesday 14 April 1970 ─") == 1


def test_the_hour_that_comes_twice_says_which_it_is() -> None:
    london = LocalTime("Europe/London")
    before, after = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))

    assert [(london.hour(when), london.season(when)) for when in (before, after)] == [("01:30", "BST"), ("01:30", "GMT")]
    assert london.season(after + timedelta(hours=1)) == ""
    assert london.moment(before, near=after) == "01:30 BST"
    assert "01:30  BST\n" in timeline(an_update(at=before), story=a_story("Europe/London"))


def test_summer_time_begins_and_the_clock_goes_on() -> None:
    new_york = LocalTime("America/New_York")
    moments = [datetime(2026, 3, 8, 6, 59, tzinfo=UTC), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)]

    assert [new_york.hour(when) for when in moments] == ["01:59", "03:00"]


@pytest.mark.parametrize("zone", ["Mars/Phobos", "../../etc/passwd", "", "/etc", "America", "a\x00b", "x" * 5000])
def test_a_zone_that_does_not_exist_is_utc(zone: str) -> None:
    assert LocalTime(zone).name == "UTC"
    assert "times of UTC" in timeline(an_update(), story=a_story(zone))


@pytest.mark.parametrize("when", [datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, 23, 59, tzinfo=UTC)])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_ends_of_the_calendar_can_be_shown(when: datetime, zone: str) -> None:
    assert str(LocalTime(zone).local(when).year) in timeline(an_update(at=when), story=a_story(zone))


# What changed


def test_a_diff_names_what_changed_in_each_part() -> None:
    old = Content("h", (Block(text="one"), Block(text="two")), (Media(uri="u", caption="A rocket"),), (Source("NASA"),))
    new = replace(old, headline="H", body=(Block(text="one"), Block(text="2")), media=(Media(uri="u", caption="A raket"),))

    changed = diff(bytes_of(an_update(content=old)), bytes_of(an_update(content=new)), context=0)

    assert [line for line in changed if not line.startswith("@@")] == [
        "-Headline: h",
        "+Headline: H",
        "-two",
        "+2",
        "-  Caption: A rocket",
        "+  Caption: A raket",
    ]


def test_marks_that_changed_are_said_one_by_one() -> None:
    before, after = (read_document(bytes_of(update)) for update in (an_update(pinned=True), an_update(verification="verified")))

    assert list(marks_changed(before, after)) == ["no longer pinned", "now verified"]
    assert list(marks_changed(after, before)) == ["now pinned", "no longer marked for its truth"]


def test_the_words_that_differ_are_found() -> None:
    line, other = "the height was 137 miles", "the height was 158 miles"

    assert [line[start:end] for start, end in changed_words(line, other)] == ["137"]
    assert changed_words("nothing alike here", "quite another thing") == []
    assert changed_words("a " * 5000, "b " * 5000) == []


def test_late_copy_is_no_ground_for_a_diff() -> None:
    def told(kind: str, seq: int, text: str) -> HistoryEntry:
        about = Change(seq, 0, kind, "a", 1, None, None, NOON, 0)
        return HistoryEntry(about, bytes_of(an_update("a", content=Content(text))))

    entries = [told("published", 1, "one"), told("late", 2, "nought"), told("revised", 3, "two")]

    assert [changed for _, changed in with_diffs(entries, context=0)] == [
        [],
        [],
        ["@@ -1 +1 @@", "-Headline: one", "+Headline: two"],
    ]
