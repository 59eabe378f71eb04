"""The writing commands, as processes on a real embedded deployment: what they say, exit with and leave behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from consumers.state import Story, Update
from dateline.cli import sending
from dateline.cli.content import KINDS
from dateline.deployment import Deployment
from dateline.errors import MaybeWritten
from dateline.log.partitioner import partition_of
from dateline.settings import read_settings
from schemas.codec import committed_codec
from schemas.content import SOURCE_KINDS, Block, Media, Source
from schemas.topics import EVENTS_TOPIC
from tests.integration.cli import Result, json_of, run

IMAGE = "https://nasa.example/liftoff.jpg"
MOST = 262_144
NO_REDIS = {"DATELINE_REDIS": "redis://127.0.0.1:1"}


class Newsroom:
    """A data folder, the deployment on it (which keeps its Redis running between commands), and one story's name."""

    def __init__(self, deployment: Deployment, story: str) -> None:
        self.deployment = deployment
        self.data = Path(deployment.settings.data)
        self.story = story

    def does(self, command: str, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run a command about the story."""
        words = command.split()
        return run(self.data, *words, self.story, *args, stdin=stdin, env=env)

    def done(self, command: str, *args: str, stdin: bytes | None = None) -> str:
        """Run a command about the story that succeeds without a word on stderr, and return what it says."""
        result = self.does(command, *args, stdin=stdin)
        assert (result.code, result.err) == (0, "")
        return result.out

    def update(self, name: str) -> Update:
        self.deployment.timeline.catch_up()
        update = self.deployment.reader.update(self.story, name)
        assert update is not None
        return update

    def told(self) -> Story:
        self.deployment.timeline.catch_up()
        story = self.deployment.reader.story(self.story)
        assert story is not None
        return story

    def ends(self) -> Mapping[int, int]:
        return self.deployment.log.end_offsets(EVENTS_TOPIC)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    data = tmp_path_factory.mktemp("newsroom") / "data"
    with Deployment(read_settings({}, data=str(data))) as opened:
        opened.warm_up()
        opened.timeline.catch_up()
        yield opened


@pytest.fixture
def newsroom(deployment: Deployment, request: pytest.FixtureRequest) -> Newsroom:
    """A story of the test's own, open, with one update."""
    story = request.node.name.replace("[", ".").rstrip("]")[:120].replace(" ", "-")
    desk = deployment.desk()
    desk.open_story(story, title="Apollo 13", summary="To the Moon.", time_zone="America/Chicago")
    picture = Media(uri=IMAGE, caption="Lift-off.", credit="NASA", alt="A rocket.")
    desk.publish(story, update="liftoff", headline="Lift-off", body="At 14:12.", media=[picture], tags=["launch"])
    return Newsroom(deployment, story)


@pytest.fixture(scope="module")
def quiet(deployment: Deployment) -> Newsroom:
    """A story that refused commands are tried on: nothing may ever change in it."""
    desk = deployment.desk()
    desk.open_story("apollo-13", title="Apollo 13")
    desk.publish("apollo-13", update="liftoff", headline="Lift-off", body="At 14:12.")
    desk.publish("apollo-13", update="rumour", headline="A rumour", body="They say.")
    desk.kill("apollo-13", "rumour", reason="Not true.")
    deployment.timeline.catch_up()
    return Newsroom(deployment, "apollo-13")


def assert_refused(result: Result, code: int, *said: str) -> None:
    """One line on stderr says why, and nothing stands on stdout."""
    assert (result.code, result.out) == (code, "")
    assert_one_line(result, *said)


def assert_one_line(result: Result, *said: str) -> None:
    assert result.err.startswith("dateline: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    for words in said:
        assert words in result.err


# What is done


def test_a_story_is_opened_published_into_and_closed(deployment: Deployment) -> None:
    newsroom = Newsroom(deployment, "the-whole-way")

    said = [
        newsroom.done("story open", "--title", "Apollo 13", "--topic", "space"),
        newsroom.done("publish", "--headline", "Lift-off", "--body", "At 14:13.", "--id", "liftoff"),
        newsroom.done("story close", "--note", "Home."),
        newsroom.done("story reopen"),
    ]

    assert said == [
        "Opened the-whole-way (seq 1): Apollo 13\n",
        "Published liftoff, revision 1 (seq 2).\n",
        "Closed the-whole-way (seq 3).\n",
        "Reopened the-whole-way (seq 4).\n",
    ]
    assert newsroom.told().heading.topics == ("space",)


def test_everything_that_can_be_published_is(newsroom: Newsroom) -> None:
    words = ["--headline", "A problem", "--id", "problem", "--urgency", "1", "--key-event", "--pin", "--version", "2"]
    picture = ["--image", IMAGE, "--caption", "Tank 2.", "--credit", "NASA", "--alt", "A tank."]
    lists = ["--source", "NASA:official", "--source", "AP", "--place", "Houston", "--tag", "a", "--tag", "b"]
    about = ["--at", "1970-04-13T21:08:20-06:00", "--author", "J. Doe", "--desk", "houston", "--from-story", "artemis-2"]

    newsroom.done("publish", *words, *picture, *lists, *about, "--body-file", "-", stdin=b"\xef\xbb\xbf## Oxygen\n\nIt leaks.")

    update = newsroom.update("problem")
    assert update.content.body == (Block("heading", "Oxygen"), Block(text="It leaks."))
    assert update.content.media == (Media("image", IMAGE, "Tank 2.", "NASA", "A tank."),)
    assert update.content.sources == (Source("NASA", "official"), Source("AP"))
    assert (update.content.places, update.content.tags) == (("Houston",), ("a", "b"))
    assert (update.urgency, update.key_event, update.pinned, update.version) == (1, True, True, 2)
    assert (str(update.published_at), update.from_story) == ("1970-04-14 03:08:20+00:00", "artemis-2")


def test_the_desk_is_named_by_the_environment_unless_an_option_says_otherwise(newsroom: Newsroom) -> None:
    env = {"DATELINE_DESK": "houston"}

    newsroom.does("publish", "--headline", "a", "--id", "a", env=env)
    newsroom.does("publish", "--headline", "b", "--id", "b", "--desk", "london", env=env)

    partition = partition_of(newsroom.story.encode(), newsroom.deployment.partitions)
    batch = newsroom.deployment.log.read(EVENTS_TOPIC, partition, newsroom.ends()[partition] - 2, limit=2)
    assert [committed_codec().decode(record.value).desk for record in batch.records] == ["houston", "london"]


def test_a_correction_changes_what_is_given_and_keeps_the_rest(newsroom: Newsroom) -> None:
    before = newsroom.update("liftoff").content

    said = newsroom.done("correct", "liftoff", "--note", "The time was wrong.", "--body", "At 14:13.", "--caption", "Up.")

    after = newsroom.update("liftoff")
    assert said == "Corrected liftoff, now revision 2 (seq 3): The time was wrong.\n"
    assert after.content.body == (Block(text="At 14:13."),)
    assert after.content.media == (Media("image", IMAGE, "Up.", "NASA", "A rocket."),)
    assert (after.content.headline, after.content.tags) == (before.headline, before.tags)
    assert [(one.note, one.severity) for one in after.corrections] == [("The time was wrong.", "substantive")]


def test_a_minor_correction_is_told_as_one(newsroom: Newsroom) -> None:
    newsroom.done("correct", "liftoff", "--note", "A letter.", "--headline", "Liftoff", "--minor")

    assert newsroom.update("liftoff").corrections[0].severity == "minor"


def test_a_part_can_be_left_out(newsroom: Newsroom) -> None:
    newsroom.done("revise", "liftoff", "--without", "image", "--without", "tags")

    content = newsroom.update("liftoff").content
    assert (content.media, content.tags, content.body) == ((), (), (Block(text="At 14:12."),))


def test_a_correction_of_the_note_alone_warns_that_the_content_stays(newsroom: Newsroom) -> None:
    result = newsroom.does("correct", "liftoff", "--note", "An earlier version had the wrong time.")

    assert result.code == 0
    assert_one_line(result, "dateline: warning: the content is the same as before")


def test_withheld_and_embargoed_copy_can_be_revised_and_stays_hidden(newsroom: Newsroom) -> None:
    newsroom.done("withhold", "liftoff", "--reason", "In doubt.")
    hidden = newsroom.done("revise", "liftoff", "--headline", "Lift-off, perhaps")
    newsroom.done("embargo", "liftoff", "--until", "2999-01-01T00:00:00Z")
    released = newsroom.done("release", "liftoff")
    lifted = newsroom.done("embargo", "liftoff", "--lift")

    assert hidden == "Revised liftoff, now revision 2 (seq 4). It is withheld, so readers do not see it.\n"
    assert released == "Released liftoff, revision 2 (seq 6). It is under embargo until 2999-01-01 00:00:00 UTC.\n"
    assert lifted == "Lifted the embargo on liftoff (seq 7).\n"
    assert newsroom.update("liftoff").is_public
    assert newsroom.update("liftoff").content.headline == "Lift-off, perhaps"


def test_a_note_is_echoed_and_what_follows_it_is_a_sentence_of_its_own(newsroom: Newsroom) -> None:
    revised = newsroom.done("revise", "liftoff", "--headline", "Second", "--note", "New figures")
    newsroom.done("withhold", "liftoff", "--reason", "In doubt.")
    corrected = newsroom.done("correct", "liftoff", "--headline", "Third", "--note", "One figure was wrong")
    again = newsroom.done("correct", "liftoff", "--headline", "Fourth", "--note", "Was it?")

    hidden = "It is withheld, so readers do not see it."
    assert revised == "Revised liftoff, now revision 2 (seq 3): New figures\n"
    assert corrected == f"Corrected liftoff, now revision 3 (seq 5): One figure was wrong. {hidden}\n"
    assert again == f"Corrected liftoff, now revision 4 (seq 6): Was it? {hidden}\n"


def test_copy_under_embargo_is_published_hidden(newsroom: Newsroom) -> None:
    said = newsroom.done("publish", "--headline", "Findings", "--id", "findings", "--embargo-until", "2999-01-01T00:00:00Z")

    assert said == "Published findings, revision 1 (seq 3). It is under embargo until 2999-01-01 00:00:00 UTC.\n"
    assert not newsroom.update("findings").is_public


def test_marks_are_set_and_taken_off(newsroom: Newsroom) -> None:
    said = newsroom.done("mark", "liftoff", "--pin", "--key-event", "--verification", "verified")
    newsroom.done("mark", "liftoff", "--unpin")

    update = newsroom.update("liftoff")
    assert said == "Marked liftoff: pinned, a key event, verified (seq 3).\n"
    assert (update.pinned, update.key_event, update.verification) == (False, True, "verified")


def test_a_kill_names_what_to_use_instead(newsroom: Newsroom) -> None:
    newsroom.done("publish", "--headline", "Lift-off at 14:13", "--id", "better")

    said = newsroom.done("kill", "liftoff", "--reason", "Wrong.", "--substitute", "better")

    assert said == "Killed liftoff in every version, for good (seq 4).\n"
    assert newsroom.update("liftoff").killed_at is not None


def test_a_storys_words_are_revised_one_by_one(newsroom: Newsroom) -> None:
    newsroom.done("story revise", "--title", "Apollo 13: the way home")

    heading = newsroom.told().heading
    assert (heading.title, heading.summary) == ("Apollo 13: the way home", "To the Moon.")
    assert heading.time_zone == "America/Chicago"


def test_stories_are_listed(newsroom: Newsroom) -> None:
    document = json_of(run(newsroom.data, "story", "list", "--json"))
    text = run(newsroom.data, "story", "list").out

    listed = next(one for one in document["stories"] if one["id"] == newsroom.story)
    assert (listed["status"], listed["seq"], listed["updates"]) == ("open", 2, 1)
    assert any(line.startswith(f"{newsroom.story} ") and line.endswith("  Apollo 13") for line in text.splitlines())


def test_an_empty_list_says_how_to_begin(tmp_path: Path) -> None:
    result = run(tmp_path / "new", "story", "list")

    assert (result.code, result.out) == (0, "")
    assert "dateline story open STORY --title" in result.err


def test_the_same_idempotency_key_is_the_same_event(newsroom: Newsroom) -> None:
    said = [newsroom.done("publish", "--headline", "Once", "--idempotency-key", "k") for _ in range(2)]

    assert said[0].startswith("Published u-")
    assert said[1] == "Nothing new: this event was recorded before (seq 3).\n"


def test_a_key_used_for_something_else_is_named_and_no_event_id(newsroom: Newsroom) -> None:
    newsroom.done("publish", "--headline", "Once", "--id", "one", "--idempotency-key", "k")

    result = newsroom.does("publish", "--headline", "Twice", "--id", "one", "--idempotency-key", "k", "--json")

    assert result.code == 1
    assert_one_line(result, "The idempotency key 'k' was used before with other content (seq 3). Give a new key.")
    assert "event id" not in json_of(result)["reason"]


def test_the_same_event_id_with_other_content_is_rejected(newsroom: Newsroom) -> None:
    newsroom.done("publish", "--headline", "Once", "--event-id", "e-1")

    result = newsroom.does("publish", "--headline", "Twice", "--event-id", "e-1")

    assert_refused(result, 1, "'e-1' was used before with other content (seq 3)")


def test_late_wire_copy_is_kept_and_said_to_be_late(newsroom: Newsroom) -> None:
    newsroom.done("publish", "--headline", "Second", "--id", "wire", "--version", "24")

    said = newsroom.done("publish", "--headline", "First", "--id", "wire", "--version", "2")

    assert said == "Kept as late copy of wire (seq 4): readers have newer, revision 1.\n"
    assert newsroom.update("wire").content.headline == "Second"


# The verdict document


def test_json_is_the_verdict_and_nothing_else(newsroom: Newsroom) -> None:
    result = newsroom.does("publish", "--headline", "A problem", "--id", "problem", "--event-id", "e-1", "--json")

    document = json_of(result)
    assert (result.code, result.err) == (0, "")
    assert (document.pop("partition"), document.pop("offset")) in {(part, end - 1) for part, end in newsroom.ends().items()}
    assert document == {
        "status": "accepted",
        "story": newsroom.story,
        "update": "problem",
        "event_id": "e-1",
        "seq": 3,
        "revision": 1,
    }


def test_a_rejection_is_told_in_json_and_on_stderr(newsroom: Newsroom) -> None:
    result = newsroom.does("release", "liftoff", "--json")

    document = json_of(result)
    assert result.code == 1
    assert (document["status"], document["seq"], document["revision"]) == ("rejected", 3, 1)
    assert document["reason"] == "Update 'liftoff' is not withheld, so it cannot be released."
    assert_one_line(result, document["reason"])


def test_another_revision_than_expected_is_a_conflict(newsroom: Newsroom) -> None:
    newsroom.done("revise", "liftoff", "--headline", "Second")

    result = newsroom.does("correct", "liftoff", "--note", "n", "--headline", "Third", "--expects", "1", "--json")

    assert result.code == 3
    assert (json_of(result)["status"], json_of(result)["revision"]) == ("rejected", 2)
    assert_one_line(result, "is at revision 2, not 1", f"dateline history {newsroom.story} liftoff")
    assert newsroom.update("liftoff").content.headline == "Second"


def test_a_rejected_event_sent_again_is_still_no_success(newsroom: Newsroom) -> None:
    results = [newsroom.does("release", "liftoff", "--event-id", "e-1", "--json") for _ in range(2)]

    assert [(result.code, json_of(result)["status"]) for result in results] == [(1, "rejected"), (1, "duplicate")]
    assert_one_line(results[1], "recorded before (seq 3) and rejected then", "is not withheld")


# Without Redis


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("publish", ["--headline", "A flash", "--id", "flash"]),
        ("kill", ["liftoff", "--reason", "Wrong."]),
        ("story close", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_redis_what_needs_no_view_is_written_and_unconfirmed(newsroom: Newsroom, command: str, args: list[str]) -> None:
    before = sum(newsroom.ends().values())

    result = newsroom.does(command, *args, "--json", env=NO_REDIS)

    document = json_of(result)
    assert (result.code, document["status"], document["seq"]) == (4, "unconfirmed", None)
    assert_one_line(result, "Written, but no consumer has confirmed it", "redis://127.0.0.1:1")
    assert sum(newsroom.ends().values()) == before + 1


@pytest.mark.parametrize(
    ("command", "args"),
    [
        ("correct", ["liftoff", "--note", "n", "--headline", "h"]),
        ("revise", ["liftoff", "--headline", "h"]),
        ("embargo", ["liftoff", "--lift"]),
        ("story revise", ["--title", "t"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_without_redis_what_builds_on_the_view_is_refused(quiet: Newsroom, command: str, args: list[str]) -> None:
    before = quiet.ends()

    result = quiet.does(command, *args, env=NO_REDIS)

    assert_refused(result, 1, "Nothing was written", "redis://127.0.0.1:1")
    assert quiet.ends() == before


def test_what_is_maybe_written_is_unconfirmed_and_says_how_to_send_it_again(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gives_no_answer(*_: object) -> None:
        raise MaybeWritten("The log gave no answer.")

    monkeypatch.setattr(newsroom.deployment.log, "append", gives_no_answer)

    event, told = sending.send(newsroom.deployment, lambda desk: desk.close_story(newsroom.story), desk="desk", blind=None)

    assert (told.status, told.event_id, told.partition, told.offset) == ("unconfirmed", event.event_id, None, None)
    assert told.reason == f"The log gave no answer. Send it again with: --event-id {event.event_id}"


# Bad input


BODY = ["--headline", "h", "--id", "new"]
REFUSED: Mapping[str, tuple[int, list[str], str]] = {
    "no such story": (1, ["publish", "apolo-13", *BODY], "No story 'apolo-13' (did you mean 'apollo-13'?). Open it with: "),
    "no such story to close": (1, ["story", "close", "apolo-13"], "did you mean 'apollo-13'?"),
    "no such story to revise": (1, ["story", "revise", "apolo-13", "--title", "t"], "did you mean 'apollo-13'?"),
    "no such update": (1, ["withhold", "apollo-13", "lift-off", "--reason", "r"], "No update 'lift-off' in story 'apollo-13'"),
    "nearest update": (1, ["kill", "apollo-13", "lift-off", "--reason", "r"], "(did you mean 'liftoff'?)"),
    "no such update to correct": (1, ["correct", "apollo-13", "x", "--note", "n", "--headline", "h"], "No update 'x'"),
    "an update of no story": (1, ["mark", "apolo-13", "liftoff", "--pin"], "No story 'apolo-13'"),
    "no such substitute": (
        1,
        ["kill", "apollo-13", "liftoff", "--reason", "r", "--substitute", "lift-of"],
        "(did you mean 'liftoff'?)",
    ),
    "a name with a blank": (1, ["publish", "apollo 13", *BODY], "'apollo 13' holds ' ' (U+0020)"),
    "an update's name with a slash": (1, ["publish", "apollo-13", "--headline", "h", "--id", "a/b"], "'a/b' holds '/'"),
    "a desk without a name": (1, ["publish", "apollo-13", *BODY, "--desk", ""], "The desk name ''"),
    "an empty headline": (1, ["publish", "apollo-13", "--headline", " "], "headline ' ': this may not be blank"),
    "an empty headline in a correction": (
        1,
        ["correct", "apollo-13", "liftoff", "--note", "n", "--headline", ""],
        "headline '': this may not be blank",
    ),
    "a blank note": (1, ["correct", "apollo-13", "liftoff", "--note", " ", "--headline", "h"], "note ' ': this may not be blank"),
    "a blank reason": (1, ["withhold", "apollo-13", "liftoff", "--reason", ""], "reason '': this may not be blank"),
    "a blank title": (1, ["story", "revise", "apollo-13", "--title", ""], "title '': this may not be blank"),
    "an unknown time zone": (
        1,
        ["story", "open", "new", "--title", "t", "--time-zone", "America/Chicgo"],
        "no such time zone (did you mean 'America/Chicago'?)",
    ),
    "an unknown kind of source": (
        1,
        ["revise", "apollo-13", "liftoff", "--source", "NASA:oficial"],
        "no such kind of source (did you mean 'official'?)",
    ),
    "an image that is no address": (1, ["publish", "apollo-13", *BODY, "--image", "a.jpg"], "'a.jpg': this is no web address"),
    "an unknown option": (2, ["publish", "apollo-13", *BODY, "--urgncy", "1"], "--urgncy"),
    "an unknown command": (2, ["story", "opne", "apollo-13"], "'opne'"),
    "no headline": (2, ["publish", "apollo-13", "--body", "b"], "Missing option '--headline'"),
    "no title": (2, ["story", "open", "new"], "Missing option '--title'"),
    "no reason": (2, ["kill", "apollo-13", "liftoff"], "Missing option '--reason'"),
    "a correction without a note": (2, ["correct", "apollo-13", "liftoff", "--headline", "h"], "A correction needs --note"),
    "a revision without anything new": (2, ["revise", "apollo-13", "liftoff", "--note", "n"], "Say what is new"),
    "a story revised by nothing": (2, ["story", "revise", "apollo-13"], "Say what changes"),
    "a mark of nothing": (2, ["mark", "apollo-13", "liftoff"], "--verification"),
    "an unknown verification": (2, ["mark", "apollo-13", "liftoff", "--verification", "true"], "'debunked'"),
    "urgency 0": (2, ["publish", "apollo-13", *BODY, "--urgency", "0"], "'--urgency': '0' is no whole number from 1 to 9"),
    "urgency high": (2, ["publish", "apollo-13", *BODY, "--urgency", "high"], "'high' is no whole number from 1 to 9"),
    "a revision below 0": (2, ["revise", "apollo-13", "liftoff", "--tag", "t", "--expects", "-1"], "'-1' is no whole number"),
    "a naive time": (
        2,
        ["publish", "apollo-13", *BODY, "--at", "1970-04-14T03:08:20"],
        "'--at': '1970-04-14T03:08:20' has no zone. Write it like 1970-04-14T03:08:20Z",
    ),
    "an impossible time": (2, ["publish", "apollo-13", *BODY, "--at", "1970-02-30T00:00:00Z"], "is no time. Write it like"),
    "a time outside the calendar": (2, ["publish", "apollo-13", *BODY, "--at", "0001-01-01T00:00:00Z"], "outside the calendar"),
    "a time to come": (1, ["publish", "apollo-13", *BODY, "--at", "2999-01-01T00:00:00Z"], "more than an hour ahead"),
    "an embargo that is over": (
        1,
        ["publish", "apollo-13", *BODY, "--embargo-until", "1970-01-01T00:00:00Z"],
        "--embargo-until 1970-01-01 00:00:00 UTC has passed",
    ),
    "an embargo moved to what is over": (
        1,
        ["embargo", "apollo-13", "liftoff", "--until", "1971-01-01T00:00:00Z"],
        "--until 1971-01-01 00:00:00 UTC has passed",
    ),
    "an embargo set and lifted at once": (
        2,
        ["embargo", "apollo-13", "liftoff", "--lift", "--until", "2999-01-01T00:00:00Z"],
        "one of the two",
    ),
    "an embargo neither set nor lifted": (2, ["embargo", "apollo-13", "liftoff"], "one of the two"),
    "an embargo lifted that is none": (1, ["embargo", "apollo-13", "liftoff", "--lift"], "'liftoff' is under no embargo"),
    "pinned and unpinned at once": (2, ["mark", "apollo-13", "liftoff", "--pin", "--unpin"], "Give --pin or --unpin, not both."),
    "a key event and none at once": (
        2,
        ["mark", "apollo-13", "liftoff", "--key-event", "--no-key-event"],
        "Give --key-event or --no-key-event, not both.",
    ),
    "a correction of what is killed": (
        1,
        ["correct", "apollo-13", "rumour", "--note", "n", "--headline", "h"],
        "never to be used again. Publish a new update instead.",
    ),
    "words of a picture that is not given": (2, ["publish", "apollo-13", *BODY, "--alt", "a"], "--alt says something"),
    "words of a picture that is not there": (1, ["revise", "apollo-13", "liftoff", "--credit", "NASA"], "There is no picture"),
    "two bodies": (2, ["publish", "apollo-13", *BODY, "--body", "b", "--body-file", "-"], "not both"),
    "two identities": (2, ["publish", "apollo-13", *BODY, "--event-id", "e", "--idempotency-key", "k"], "not both"),
    "an empty idempotency key": (2, ["publish", "apollo-13", *BODY, "--idempotency-key", ""], "--idempotency-key is empty"),
    "an empty body": (1, ["publish", "apollo-13", *BODY, "--body", " \n"], "--body holds no text"),
    "a control character": (1, ["publish", "apollo-13", *BODY, "--body", "bell\a"], "the character U+0007 may not be in a text"),
    "a headline that is not UTF-8": (
        1,
        ["publish", "apollo-13", "--headline", "caf\udce9"],
        r"--headline holds bytes that are not UTF-8: 'caf\xe9'",
    ),
    "a tag that is not UTF-8": (1, ["publish", "apollo-13", *BODY, "--tag", "a", "--tag", "\udcff"], "--tag holds bytes"),
    "a story's name that is not UTF-8": (1, ["publish", "caf\udce9", *BODY], "STORY holds bytes that are not UTF-8"),
    "a body file that is not there": (
        1,
        ["publish", "apollo-13", *BODY, "--body-file", "nix"],
        "The body file 'nix' is not there",
    ),
    "a body file that is a folder": (
        1,
        ["publish", "apollo-13", *BODY, "--body-file", "/"],
        "'/' cannot be read (Is a directory)",
    ),
    "a body file without an end": (1, ["publish", "apollo-13", *BODY, "--body-file", "/dev/zero"], "has more than 262,144 bytes"),
    "nothing on stdin": (1, ["publish", "apollo-13", *BODY, "--body-file", "-"], "Stdin holds no text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(quiet: Newsroom, case: str) -> None:
    code, command, words = REFUSED[case]
    before = quiet.ends()

    result = run(quiet.data, *command)

    assert_refused(result, code, words)
    assert quiet.ends() == before


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * (MOST + 1), "has 262,145 bytes; an update may have 262,144"),
        (b"x" * MOST, "all text together may have 262,144 bytes"),
        (b"caf\xe9", "is not UTF-8 (byte 0xe9 at 3)"),
        (b" \n", "holds no text"),
        (b"a\0b", "the character U+0000 may not be in a text"),
    ],
    ids=["too long", "too long with the headline", "Latin-1", "blank", "a null character"],
)
def test_a_body_file_that_will_not_do_is_refused(quiet: Newsroom, tmp_path: Path, data: bytes, words: str) -> None:
    before = quiet.ends()
    (tmp_path / "body.txt").write_bytes(data)

    from_file = quiet.does("publish", "--headline", "h", "--body-file", str(tmp_path / "body.txt"))
    from_stdin = quiet.does("publish", "--headline", "h", "--body-file", "-", stdin=data)

    assert_refused(from_file, 1, words)
    assert_refused(from_stdin, 1, words.replace("has 262,145", "has more than 262,144"))
    assert quiet.ends() == before


@pytest.mark.parametrize(
    ("command", "args", "words"),
    [
        ("story open", ["--title", "Again"], "is open already. Change its title or summary with: dateline story revise"),
        ("publish", ["--headline", "Again", "--id", "liftoff"], "was published before (revision 1)"),
        ("release", ["liftoff"], "'liftoff' is not withheld, so it cannot be released."),
        ("story reopen", [], "only a closed story can be reopened"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_the_fold_rejects_is_said_in_one_line(newsroom: Newsroom, command: str, args: list[str], words: str) -> None:
    result = newsroom.does(command, *args)

    assert_refused(result, 1, words)


def test_every_act_on_a_killed_update_is_rejected(newsroom: Newsroom) -> None:
    newsroom.done("kill", "liftoff", "--reason", "Wrong.")

    for command, args in {"mark": ["--pin"], "withhold": ["--reason", "r"], "release": [], "kill": ["--reason", "r"]}.items():
        result = newsroom.does(command, "liftoff", *args)
        assert_refused(result, 1, "never to be used again")
        assert re.search(r"was killed on \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ,", result.err)


def test_a_closed_story_takes_no_new_update(newsroom: Newsroom) -> None:
    newsroom.done("story close")

    result = newsroom.does("publish", "--headline", "Late")

    assert_refused(result, 1, f"Open it again with: dateline story reopen {newsroom.story}")


def test_a_picture_without_words_is_published_with_a_warning_for_each(newsroom: Newsroom) -> None:
    result = newsroom.does("publish", "--headline", "The crew", "--image", IMAGE)

    lines = result.err.splitlines()
    assert result.code == 0
    assert [line.startswith("dateline: warning: ") for line in lines] == [True, True]
    assert "no alternative text" in lines[0]
    assert "no credit" in lines[1]


@pytest.mark.parametrize("where", ["a file", "a read-only place"])
def test_a_data_folder_that_cannot_be_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    data = tmp_path / "file" if where == "a file" else Path("/dev/null/data")

    result = run(data, "publish", "apollo-13", "--headline", "h")

    assert_refused(result, 1, f"Cannot use the data folder {data}", "nothing was written", "--data")


def test_no_update_under_embargo_is_named_to_who_mistypes_it(newsroom: Newsroom) -> None:
    newsroom.done("publish", "--headline", "Secret", "--id", "secret-findings", "--embargo-until", "2999-01-01T00:00:00Z")

    result = newsroom.does("withhold", "secret-finding", "--reason", "r")

    assert_refused(result, 1, "No update 'secret-finding'")
    assert "secret-findings" not in result.err


# Help


@pytest.mark.parametrize("command", ["publish", "correct", "revise"])
def test_help_names_how_a_body_is_written_and_the_kinds_of_sources(tmp_path: Path, command: str) -> None:
    said = " ".join(run(tmp_path, command, "--help").out.split())

    signs = ('"## "', '"- "', '"> "', '"> — Speaker"', "<https://…>", "**bold** *italic* [link](url)")
    assert not [sign for sign in signs if sign not in said]
    assert KINDS == SOURCE_KINDS
    assert f"KIND: {', '.join(SOURCE_KINDS)}." in said


COMMANDS = ["publish", "correct", "revise", "withhold", "release", "kill", "embargo", "mark"]
STORY_COMMANDS = ["story", "story open", "story revise", "story close", "story reopen", "story list"]


@pytest.mark.parametrize("command", [*COMMANDS, *STORY_COMMANDS])
def test_help_fits_a_screen_and_shows_an_example(tmp_path: Path, command: str) -> None:
    result = run(tmp_path / "data", *command.split(), "--help", env={"COLUMNS": "80"})

    lines = result.out.splitlines()
    assert result.code == 0
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    assert lines[-2].strip() == "Example:"
    assert lines[-1].strip().startswith(f"dateline {command}")
    assert not (tmp_path / "data").exists()
