"""`dateline hooks`: adding, listing, pausing, rotating and testing subscriptions, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.integration.cli import Run, json_of, run

TARGET = "https://example.org/hook"
LOOPBACK = {"DATELINE_HOOKS_ALLOW_LOOPBACK": "1"}


@pytest.fixture
def hooks(tmp_path: Path) -> Run:
    """Runs `dateline hooks` on the embedded default."""
    return partial(run, tmp_path / "data", "hooks")


def add(hooks: Run, *args: str, **more: Any) -> Any:  # Any: what JSON holds
    return json_of(hooks("add", *(args or (TARGET,)), "--json", **more))


def listed(hooks: Run, *args: str) -> Any:  # Any: what JSON holds
    return json_of(hooks("list", *args, "--json"))


Request = tuple[dict[str, str], bytes]


@contextmanager
def web_server(status: int = 204) -> Iterator[tuple[str, list[Request]]]:
    """A plain server that takes what is posted; gives its address and what came in."""
    taken: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((dict(self.headers.items()), body))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook", taken
        server.shutdown()


def test_adding_answers_with_the_id_the_target_and_the_secret(hooks: Run) -> None:
    added = add(hooks)

    assert added.keys() == {"id", "target", "secret"}
    assert added["target"] == TARGET
    assert added["secret"].startswith("whsec_")


def test_what_was_asked_for_is_listed_without_the_secret(hooks: Run) -> None:
    options = ("--story", "apollo-13", "--story", "artemis-2", "--query", "oxygen", "--kind", "corrected", "--kind", "killed")
    added = add(hooks, TARGET, *options, "--min-urgency", "3", "--corrections-only", "--tag", "space", "--language", "de")

    (found,) = listed(hooks)
    assert (found["id"], found["target"], found["status"]) == (added["id"], TARGET, "active")
    assert (found["stories"], found["query"], found["kinds"]) == (["apollo-13", "artemis-2"], "oxygen", ["corrected", "killed"])
    assert (found["min_urgency"], found["corrections_only"], found["language"]) == (3, True, "de")
    assert found["filters"] == {"tag": "space"}
    assert added["secret"] not in hooks("list").out + hooks("list", "--json").out


def test_no_secret_lies_in_the_log(hooks: Run, tmp_path: Path) -> None:
    added = add(hooks, f"{TARGET}?token=opensesame")
    person = add(hooks, "ntfys://user:opensesame@ntfy.example.org/desk")
    rotated = json_of(hooks("rotate", added["id"], "--json"))

    kept = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("log.db*"))
    assert b"opensesame" not in kept
    assert added["secret"].removeprefix("whsec_").encode() not in kept
    assert rotated["secret"].removeprefix("whsec_").encode() not in kept
    assert person["secret"] is None
    assert "opensesame" not in hooks("list").out


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["http://example.org/"], "by https only"),
        (["https://127.0.0.1/"], "not a public address"),
        (["https://[::ffff:169.254.169.254]/"], "not a public address"),
        (["https://2130706433/"], "spells an address"),
        (["https://user:opensesame@example.org/"], "a name or a password"),
        (["example.org"], "no web address"),
        (["syslog://localhost"], "no service 'syslog' is known"),
        (["file:///etc/passwd"], "no service 'file' is known"),
        ([TARGET, "--story", "no such story"], "story name"),
        ([TARGET, "--language", "not a tag"], "language"),
    ],
)
def test_a_target_where_nothing_may_go_is_refused_and_not_kept(hooks: Run, args: list[str], reason: str) -> None:
    result = hooks("add", *args)

    assert (result.code, result.out) == (1, "")
    assert reason in result.err
    assert "opensesame" not in result.err
    assert listed(hooks) == []


@pytest.mark.parametrize("args", [["--kind", "sung"], ["--min-urgency", "0"], ["--min-urgency", "10"]])
def test_what_is_no_choice_is_a_fault_of_usage(hooks: Run, args: list[str]) -> None:
    assert hooks("add", TARGET, *args).code == 2


def test_pausing_and_resuming(hooks: Run) -> None:
    added = add(hooks)

    assert json_of(hooks("pause", added["id"], "--json"))["status"] == "paused"
    assert json_of(hooks("pause", added["id"], "--json"))["status"] == "paused"
    assert listed(hooks)[0]["paused_at"] is not None
    assert json_of(hooks("resume", added["id"], "--json"))["status"] == "active"


def test_removing_is_for_good(hooks: Run) -> None:
    added = add(hooks)
    assert hooks("remove", added["id"], "--note", "The contract ended.").out == f"{added['id']}: removed.\n"

    again = hooks("resume", added["id"])

    assert (again.code, listed(hooks)) == (1, [])
    assert "has ended (The contract ended.)" in again.err
    assert listed(hooks, "--all")[0]["status"] == "ended"


def test_an_unknown_id_names_the_nearest(hooks: Run) -> None:
    added = add(hooks)

    result = hooks("pause", added["id"][:-1])

    assert result.code == 1
    assert f"did you mean '{added['id']}'?" in result.err


def test_a_test_message_arrives_signed(hooks: Run) -> None:
    with web_server() as (url, taken):
        added = add(hooks, url, env=LOOPBACK)
        result = hooks("test", added["id"], "--json", env=LOOPBACK)

    assert json_of(result)["status"] == 204
    assert "DATELINE_HOOKS_ALLOW_LOOPBACK=1" in result.err, "the switch says so"
    headers, body = taken[0]
    assert Webhook(added["secret"]).verify(body, headers)["type"] == "dateline.test"
    assert json.loads(body)["data"] == {"subscription": added["id"]}


def test_after_a_rotation_both_secrets_verify_and_a_strangers_does_not(hooks: Run) -> None:
    with web_server() as (url, taken):
        added = add(hooks, url, env=LOOPBACK)
        rotated = json_of(hooks("rotate", added["id"], "--json"))
        hooks("test", added["id"], env=LOOPBACK)

    headers, body = taken[0]
    assert rotated["secret"] != added["secret"]
    for secret in (added["secret"], rotated["secret"]):
        Webhook(secret).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 43 + "=").verify(body, headers)


def test_a_target_that_says_no_is_exit_code_1(hooks: Run) -> None:
    with web_server(503) as (url, _):
        added = add(hooks, url, env=LOOPBACK)
        plain, as_json = (hooks("test", added["id"], *args, env=LOOPBACK) for args in ([], ["--json"]))

    assert (plain.code, as_json.code) == (1, 1)
    assert "The target answered 503." in plain.err
    assert json_of(as_json)["delivered"] is False


def test_without_the_switch_this_machine_is_no_target_any_more(hooks: Run) -> None:
    with web_server() as (url, taken):
        added = add(hooks, url, env=LOOPBACK)
        result = hooks("test", added["id"])

    assert (result.code, taken) == (1, [])


def test_another_master_key_signs_nothing(hooks: Run) -> None:
    other = {**LOOPBACK, "DATELINE_SECRET_KEY": "a key of another machine's"}
    with web_server() as (url, taken):
        added = add(hooks, url, env=LOOPBACK)
        refused = hooks("test", added["id"], env=other)
        rotated = json_of(hooks("rotate", added["id"], "--json", env=other))
        hooks("test", added["id"], env=other)

    assert refused.code == 1
    assert "derives from another master key" in refused.err
    (headers, body) = taken[0]
    Webhook(rotated["secret"]).verify(body, headers)


def test_a_message_to_a_person_can_be_tried(hooks: Run) -> None:
    with web_server(200) as (url, taken):
        added = add(hooks, url.replace("http://", "ntfy://").replace("/hook", "/desk"), "--language", "de", env=LOOPBACK)
        result = hooks("test", added["id"], env=LOOPBACK)

    assert (result.code, added["secret"]) == (0, None)
    assert json.loads(taken[0][1])["title"] == "Eine Testnachricht"


def test_a_copy_of_the_log_has_the_subscriptions_and_their_secrets(hooks: Run, tmp_path: Path) -> None:
    added = add(hooks)
    run(tmp_path / "data", "story", "open", "apollo-13", "--title", "Apollo 13")
    copied = run(tmp_path / "data", "log", "copy", f"sqlite:///{tmp_path}/data/log.db", f"sqlite:///{tmp_path}/copy.db")

    found = listed(partial(run, tmp_path / "data", "hooks", env={"DATELINE_LOG": f"sqlite:///{tmp_path}/copy.db"}))

    assert copied.code == 0, copied.err
    assert found == listed(hooks)
    assert found[0]["id"] == added["id"]


def test_an_archive_of_the_stories_holds_no_subscription(hooks: Run, tmp_path: Path) -> None:
    add(hooks)
    run(tmp_path / "data", "story", "open", "apollo-13", "--title", "Apollo 13")
    archive = run(tmp_path / "data", "log", "export", "-")

    restored = run(tmp_path / "other", "log", "import", "-", stdin=archive.out.encode())

    assert restored.code == 0, restored.err
    assert listed(partial(run, tmp_path / "other", "hooks")) == []
