"""Sending webhooks to real receivers on loopback, kind and hostile: signed, and done in bounded time and memory."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks import Webhook, WebhookVerificationError

from consumers.notifications.attempt import Attempt
from consumers.notifications.guard import Guard
from consumers.notifications.webhook import PER_HOST, Limits, Message, Sender
from tests.support.receivers import (
    Behaviour,
    Receiver,
    answering,
    ok,
    pouring,
    receiver,
    resetting,
    resetting_after_the_request,
    silent,
)

SECRET, OLDER = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2))
QUICK = Limits(connect=0.5, silence=0.5, total=1.0)
MESSAGE = Message("msg-1", json.dumps({"type": "update.corrected", "data": {"note": "größe 🚀"}}, ensure_ascii=False))
BOUND = 3.0
"""Seconds within which an attempt with `QUICK` limits is over on a busy machine."""

Got = tuple[Attempt, Receiver]


def deliver(behave: Behaviour, *, secrets: tuple[str, ...] = (SECRET,), times: int = 1) -> Got:
    """Send a message to a receiver and return how the last attempt went."""

    async def send() -> Got:
        guard = Guard(allow_loopback=True)
        async with receiver(behave) as served, Sender(guard, limits=QUICK) as sender:
            to = guard.destination(served.url)
            attempts = [await sender.deliver(to, MESSAGE, secrets=secrets) for _ in range(times)]
            return attempts[-1], served

    return asyncio.run(send())


def test_a_message_arrives_signed_with_its_id_and_its_body() -> None:
    attempt, served = deliver(ok())

    asked = served.asked[0]
    assert (attempt.status, attempt.problem, asked.line) == (204, None, "POST /hook HTTP/1.1")
    assert asked.headers["webhook-id"] == "msg-1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("Dateline/")
    assert asked.headers["host"] == f"127.0.0.1:{served.port}"
    assert Webhook(SECRET).verify(asked.body, asked.headers) == json.loads(MESSAGE.body)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLDER).verify(asked.body, asked.headers)


def test_while_a_secret_is_being_changed_either_one_verifies() -> None:
    _, served = deliver(ok(), secrets=(SECRET, OLDER))

    for secret in (SECRET, OLDER):
        Webhook(secret).verify(served.asked[0].body, served.asked[0].headers)


def test_each_attempt_is_signed_anew_under_the_same_id(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(datetime.now(UTC) + timedelta(seconds=n) for n in range(10))
    monkeypatch.setattr("consumers.notifications.webhook.now", lambda: next(moments))

    _, served = deliver(ok(), times=3)

    assert {asked.headers["webhook-id"] for asked in served.asked} == {"msg-1"}
    assert len({asked.headers["webhook-signature"] for asked in served.asked}) == 3


def test_messages_one_after_the_other_share_a_connection() -> None:
    _, served = deliver(ok(), times=5)

    assert (served.connections, len(served.asked)) == (1, 5)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "400 Bad", "401 No", "410 Gone", "500 Oh", "503 Busy"])
def test_what_is_no_2xx_is_no_success(status: str) -> None:
    attempt, served = deliver(ok(status, "Location: http://127.0.0.1:1/", "Retry-After: 7"))

    assert (attempt.status, attempt.retry_after_s) == (int(status[:3]), 7.0)
    assert attempt.in_words.startswith(f"The target answered {status[:3]}")
    assert len(served.asked) == 1, "no redirection is followed"


def hostile(name: str) -> Behaviour:
    """Return one of the receivers that never end, lie, or break off."""
    endless_head = pouring(b"HTTP/1.1 200 OK\r\n", b"X-Bomb: " + b"x" * 4000 + b"\r\n")
    return {
        "never answers": silent,
        "resets at once": resetting,
        "resets after the request": resetting_after_the_request,
        "a head that never ends": endless_head,
        "a header line that never ends": pouring(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
        "a head one byte at a time": pouring(b"HTTP/1.1 200 OK\r\nX: ", b"x", pause=0.05),
        "a status line that never ends": pouring(b"HTTP/1.1 200 ", b"x" * 65536),
        "nothing but provisional answers": pouring(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        "early hints without end": pouring(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100),
        "no HTTP": answering(b"\x00\xff\x00garbage\r\n\r\n"),
        "SSH": answering(b"SSH-2.0-OpenSSH_9.6\r\n"),
        "an empty answer": answering(b"", times=1),
        "an answer that is cut off": answering(b"HTTP/1.1 200 OK\r\nContent-Le", times=1),
        "ten thousand headers": answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n"),
        "lengths that contradict": answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nxxxxx"),
        "a protocol of its own": answering(b"HTTP/1.1 101 Switching\r\nUpgrade: evil\r\nConnection: upgrade\r\n\r\n"),
    }[name]


@pytest.mark.parametrize(
    "name",
    [
        *("never answers", "resets at once", "resets after the request", "a head that never ends"),
        *("a header line that never ends", "a head one byte at a time", "a status line that never ends"),
        *("nothing but provisional answers", "early hints without end", "no HTTP", "SSH", "an empty answer"),
        *("an answer that is cut off", "ten thousand headers", "lengths that contradict", "a protocol of its own"),
    ],
)
def test_a_hostile_receiver_costs_bounded_time_and_memory(name: str) -> None:
    deliver(ok())  # what is loaded once is not counted
    tracemalloc.start()
    began = time.monotonic()

    attempt, _ = deliver(hostile(name))

    took, (_, peak_bytes) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not attempt.is_success
    assert attempt.in_words.isprintable()
    assert took < BOUND
    assert peak_bytes < 8_000_000


@pytest.mark.parametrize(
    ("head", "piece", "pause"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0.0),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536, 0.0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n", 0.0),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.01),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 1000, 0.01),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", 0.05),
    ],
)
def test_a_body_without_end_is_left_and_the_message_has_arrived(head: bytes, piece: bytes, pause: float) -> None:
    """What counts is the answer's head."""
    began = time.monotonic()

    attempt, served = deliver(pouring(head, piece, pause=pause))

    assert (attempt.status, attempt.problem) == (200, None)
    assert time.monotonic() - began < BOUND
    assert served.sent_bytes < 20_000_000


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n\x00\xff\xfe\x80<<<",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: \xff\xff\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_of_200_with_garbage_is_an_answer_of_200(answer: bytes) -> None:
    attempt, _ = deliver(answering(answer, times=1))

    assert attempt.status == 200


def test_a_packed_bomb_is_never_unpacked() -> None:
    import zlib

    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    deliver(ok())
    tracemalloc.start()

    attempt, _ = deliver(answering(head + bomb, times=1))

    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert attempt.status == 200
    assert peak_bytes < 5_000_000


def test_nobody_there_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening, so nobody else answers there
        attempt = to_url(f"http://127.0.0.1:{taken.getsockname()[1]}/")

    assert (attempt.status, attempt.is_success) == (0, False)
    assert attempt.in_words.startswith("No connection")


def to_url(url: str, *, guard: Guard | None = None, tls: ssl.SSLContext | None = None) -> Attempt:
    """Send a message to wherever `url` leads."""

    async def send() -> Attempt:
        strict = guard or Guard(allow_loopback=True)
        async with Sender(strict, limits=QUICK, tls=tls) as sender:
            return await sender.deliver(strict.destination(url), MESSAGE, secrets=(SECRET,))

    return asyncio.run(send())


def test_a_name_that_leads_inside_by_now_is_not_connected_to() -> None:
    """DNS that changes: when it was added the name was somebody's; now it is this machine."""

    async def send() -> Got:
        answers = iter([["93.184.215.14"], ["127.0.0.1"]])
        guard = Guard(lookup=lambda host, port: next(answers))
        async with receiver(ok()) as served, Sender(guard, limits=QUICK) as sender:
            assert await guard.resolve("rebind.example.com", 443)
            to = guard.destination("https://rebind.example.com/")
            return await sender.deliver(to, MESSAGE, secrets=(SECRET,)), served

    attempt, served = asyncio.run(send())
    assert attempt.problem == "No message goes to rebind.example.com: 127.0.0.1 is not a public address."
    assert served.connections == 0


def test_an_address_that_was_never_looked_at_is_not_connected_to() -> None:
    """The last look is at the socket: here a destination was made by a guard that lets more through."""

    async def send() -> Got:
        lax, strict = Guard(allow_loopback=True), Guard()
        async with receiver(ok()) as served, Sender(strict, limits=QUICK) as sender:
            return await sender.deliver(lax.destination(served.url), MESSAGE, secrets=(SECRET,)), served

    attempt, served = asyncio.run(send())
    assert "is not a public address" in (attempt.problem or "")
    assert served.connections == 0


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    attempt, _ = deliver(ok())

    assert attempt.is_success


def test_a_login_kept_on_this_machine_is_not_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login desk password sesame\n")
    monkeypatch.setenv("NETRC", str(netrc))

    _, served = deliver(ok())

    assert "authorization" not in served.asked[0].headers


def test_a_cookie_is_not_kept() -> None:
    _, served = deliver(ok("200 OK", "Set-Cookie: a=b; Path=/"), times=2)

    assert [asked.headers.get("cookie") for asked in served.asked] == [None, None]


def test_a_host_has_only_so_many_messages_under_way_and_another_does_not_wait() -> None:
    async def send() -> tuple[int, bool, bool, Attempt]:
        guard = Guard(allow_loopback=True)
        async with receiver(silent) as slow, receiver(ok()) as quick, Sender(guard, limits=QUICK) as sender:
            to_slow, to_quick = guard.destination(slow.url), guard.destination(quick.url)
            waiting = [asyncio.create_task(sender.deliver(to_slow, MESSAGE, secrets=(SECRET,))) for _ in range(3 * PER_HOST)]
            async with asyncio.timeout(BOUND):
                while len(slow.asked) < PER_HOST:
                    await asyncio.sleep(0)
            attempt = await sender.deliver(to_quick, MESSAGE, secrets=(SECRET,))
            found = slow.connections, sender.has_room(to_slow), sender.has_room(to_quick), attempt
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert sender.has_room(to_slow)
            assert not sender._gates
            return found

    connections, slow_has_room, quick_has_room, attempt = asyncio.run(send())
    assert (connections, slow_has_room, quick_has_room, attempt.status) == (PER_HOST, False, True, 204)


def test_a_lookup_that_hangs_takes_its_time_alone() -> None:
    stuck = Event()

    def lookup(host: str, port: int) -> list[str]:
        if host.startswith("slow"):
            stuck.wait(BOUND)
        return ["127.0.0.1"]

    async def send() -> tuple[Attempt, float, list[Attempt]]:
        guard = Guard(allow_loopback=True, lookup=lookup)
        async with Sender(guard, limits=QUICK) as sender:
            urls = [f"https://slow{n}.example.com/" for n in range(16)]
            slow = [asyncio.create_task(sender.deliver(guard.destination(url), MESSAGE, secrets=(SECRET,))) for url in urls]
            await asyncio.sleep(0)
            began = time.monotonic()
            quick = await sender.deliver(guard.destination("https://quick.example.com/"), MESSAGE, secrets=(SECRET,))
            took = time.monotonic() - began
            found = quick, took, await asyncio.gather(*slow)
        stuck.set()
        guard.close()
        return found

    quick, took, slow = asyncio.run(send())
    assert quick.in_words.startswith("No connection"), "nobody listens there"
    assert took < 0.5
    assert {attempt.in_words for attempt in slow} == {"The target did not answer in time."}


def certificate(folder: Path, *, name: str = "127.0.0.1", expired: bool = False) -> tuple[Path, Path]:
    """Write a certificate that signs itself, and its key."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    ends = datetime.now(UTC) + timedelta(days=-1 if expired else 1)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(os.urandom(8), "big"))
        .not_valid_before(ends - timedelta(days=10))
        .not_valid_after(ends)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert.pem").write_bytes(made.public_bytes(pem))
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, plain))
    return folder / "cert.pem", folder / "key.pem"


def over_tls(folder: Path, *, trusted: bool, name: str = "127.0.0.1", expired: bool = False) -> Attempt:
    """Send a message to a receiver that shows a certificate."""
    cert, key = certificate(folder, name=name, expired=expired)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    client = ssl.create_default_context(cafile=str(cert)) if trusted else None

    async def send() -> Attempt:
        guard = Guard(allow_loopback=True)
        async with receiver(ok(), tls=server) as served, Sender(guard, limits=QUICK, tls=client) as sender:
            to = guard.destination(f"https://127.0.0.1:{served.port}/")
            return await sender.deliver(to, MESSAGE, secrets=(SECRET,))

    return asyncio.run(send())


def test_a_certificate_that_holds_is_taken(tmp_path: Path) -> None:
    assert over_tls(tmp_path, trusted=True).status == 204


@pytest.mark.parametrize(
    ("trusted", "name", "expired"), [(False, "127.0.0.1", False), (True, "127.0.0.2", False), (True, "127.0.0.1", True)]
)
def test_a_certificate_that_does_not_hold_is_refused(tmp_path: Path, trusted: bool, name: str, expired: bool) -> None:
    attempt = over_tls(tmp_path, trusted=trusted, name=name, expired=expired)

    assert attempt.status == 0
    assert attempt.in_words.startswith("The target's certificate does not hold")


def test_a_receiver_that_speaks_no_tls_is_refused() -> None:
    async def send() -> Attempt:
        guard = Guard(allow_loopback=True)
        async with receiver(answering(b"HTTP/1.1 400 Bad\r\n\r\n")) as served, Sender(guard, limits=QUICK) as sender:
            return await sender.deliver(guard.destination(f"https://127.0.0.1:{served.port}/"), MESSAGE, secrets=(SECRET,))

    attempt = asyncio.run(send())
    assert not attempt.is_success


def test_a_sender_goes_on_after_any_hostile_receiver() -> None:
    """One sender, all of them at once, and a kind one after that."""
    names = ("never answers", "resets at once", "a head that never ends", "no HTTP", "an empty answer", "a protocol of its own")

    async def send() -> Attempt:
        guard = Guard(allow_loopback=True)
        async with Sender(guard, limits=QUICK) as sender, receiver(ok()) as kind:
            await asyncio.gather(*(_against(sender, guard, hostile(name)) for name in names))
            return await sender.deliver(guard.destination(kind.url), MESSAGE, secrets=(SECRET,))

    assert asyncio.run(send()).status == 204


async def _against(sender: Sender, guard: Guard, behave: Behaviour) -> None:
    async with receiver(behave) as served:
        attempt = await sender.deliver(guard.destination(served.url), MESSAGE, secrets=(SECRET,))
        assert not attempt.is_success
