"""Sending to people through the real Apprise, to servers on loopback: one message a call, nothing inside, no program, no file."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from consumers.notifications.attempt import Attempt
from consumers.notifications.guard import TargetRefused
from consumers.notifications.people import Messenger, Words
from tests.support.receivers import Asked, Behaviour, Reader, Receiver, Writer, answering, ok, receiver, silent

WORDS = Words("Correction: A problem aboard", "Story: Apollo 13\nWhat was wrong: It was Swigert.")


def send(url: str, behave: Behaviour, *, allow_loopback: bool = True, timeout: float = 20.0) -> tuple[Attempt, Receiver]:
    """Send to a service at a receiver; `{port}` in the address is its port."""

    async def run() -> tuple[Attempt, Receiver]:
        async with (
            receiver(behave) as served,
            Messenger(allow_loopback=allow_loopback, senders=1, timeout=timeout) as messenger,
        ):
            return await messenger.deliver(url.format(port=served.port), WORDS), served

    return asyncio.run(run())


def shown(*urls: str) -> list[str]:
    async def run() -> list[str]:
        async with Messenger(senders=1) as messenger:
            return [await messenger.shown(url) for url in urls]

    return asyncio.run(run())


def test_a_push_message_arrives_once() -> None:
    attempt, served = send("ntfy://127.0.0.1:{port}/desk", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))

    assert (attempt.is_success, len(served.asked)) == (True, 1)
    said = json.loads(served.asked[0].body)
    assert (said["topic"], said["title"]) == ("desk", WORDS.title)
    assert said["message"] == WORDS.body


async def mail_server(served: Receiver, reader: Reader, writer: Writer) -> None:
    """A mail server in a few lines, which takes every mail."""
    writer.write(b"220 mail.example\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            mail = await reader.readuntil(b"\r\n.\r\n")
            served.asked.append(Asked("DATA", {}, mail))
        writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
        await writer.drain()


def test_a_mail_arrives_with_its_headers_as_they_are_meant() -> None:
    attempt, served = send("mailto://127.0.0.1:{port}?from=desk@example.org&to=editor@example.org&mode=insecure", mail_server)

    assert attempt.is_success, attempt.in_words
    mail = served.asked[0].body.decode()
    assert "Subject: Correction: A problem aboard" in mail
    assert mail.lower().count("\nto:") == 1


def test_a_service_that_says_no_is_a_failure() -> None:
    attempt, _ = send("ntfy://127.0.0.1:{port}/desk", ok("403 Forbidden"))

    assert attempt.in_words == "ntfy did not take the message."


def test_a_redirection_is_not_followed() -> None:
    attempt, served = send("ntfy://127.0.0.1:{port}/desk", ok("302 Found", "Location: /elsewhere"))

    assert not attempt.is_success
    assert [asked.line.split()[1] for asked in served.asked] == ["/"]


def test_a_service_that_hangs_costs_its_time_and_the_next_message_goes_out() -> None:
    async def run() -> tuple[Attempt, Attempt, float]:
        async with (
            receiver(silent) as slow,
            receiver(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as quick,
            Messenger(allow_loopback=True, senders=1, timeout=1.5) as messenger,
        ):
            await messenger.shown("ntfys://example.org/x")  # the process has started
            began = time.monotonic()
            one = await messenger.deliver(f"ntfy://127.0.0.1:{slow.port}/x", WORDS)
            took = time.monotonic() - began
            return one, await messenger.deliver(f"ntfy://127.0.0.1:{quick.port}/x", WORDS), took

    hung, arrived, took = asyncio.run(run())
    assert not hung.is_success
    assert took < 5.0
    assert arrived.is_success


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::1]"])
def test_nothing_is_sent_inside(host: str) -> None:
    attempt, served = send(f"ntfy://{host}:{{port}}/desk", ok("200 OK"), allow_loopback=False)

    assert not attempt.is_success
    assert served.connections == 0


def test_nor_by_mail() -> None:
    url = "mailto://127.0.0.1:{port}?from=desk@example.org&to=editor@example.org&mode=insecure"
    attempt, served = send(url, mail_server, allow_loopback=False)

    assert not attempt.is_success
    assert served.connections == 0


def test_with_the_switch_it_is_this_machine_alone() -> None:
    attempt, _ = send("ntfy://169.254.169.254:{port}/desk", ok("200 OK"), timeout=5.0)

    assert not attempt.is_success
    assert attempt.latency_s < 5.0 + 15.0


@pytest.mark.parametrize(
    "url",
    [
        "syslog://",
        "dbus://",
        "gnome://",
        "macosx://",
        "windows://",
        "json://example.org/",
        "form://example.org/",
        "apprise://example.org/x",
        "rsyslog://example.org",
        "mqtt://example.org/x",
        "file:///etc/passwd",
        "ssh://example.org",
        "ntfy",
        "ntfys://example.org/x y",
        "ntfys://example.org/x\r\nX: 1",
        "slack://",
        "tgram://",
        "",
    ],
)
def test_what_is_no_service_for_people_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused, match="No message can go there"):
        shown(url)


def test_an_address_is_shown_without_its_secrets() -> None:
    found = shown(
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#news",
        "mailtos://user:sesame@example.org",
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "ntfys://user:sesame@ntfy.example.org/topic?token=opensesame",
    )

    assert [one.partition("://")[0] for one in found] == ["slack", "mailtos", "tgram", "ntfys"]
    assert not [one for one in found if "sesame" in one or "TIiajkdnlazkcOXrIdevi7FQ" in one or "hijklmnop" in one]


def test_neither_a_proxy_nor_a_secret_of_ours_reaches_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("DATELINE_SECRET_KEY", "sesame-sesame-sesame")

    attempt, served = send("ntfy://127.0.0.1:{port}/desk", answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))

    assert (attempt.is_success, len(served.asked)) == (True, 1)


def test_a_message_reads_no_file_of_this_machine(tmp_path: Path) -> None:
    """A key file that an address names is not read, so nothing of it can be sent anywhere."""
    secret = tmp_path / "secret.asc"
    secret.write_text("sesame")
    url = f"mailto://127.0.0.1:{{port}}?from=a@example.org&to=b@example.org&mode=insecure&pgp=yes&pgpkey={secret}"

    _, served = send(url, mail_server)

    assert not [asked for asked in served.asked if b"sesame" in asked.body]
