"""Sending messages to people, by the services that Apprise knows: one target a call, each in bounded time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from msgspec import Struct

from consumers.notifications.apprise_process import ALLOW_LOOPBACK
from consumers.notifications.attempt import Attempt, one_line
from consumers.notifications.guard import TargetRefused
from schemas.subscriptions import LONGEST_TARGET

SENDERS: Final = 4
"""Processes that send to people, and so messages that are under way at once."""

TIMEOUT: Final = 30.0

_MOST_ANSWER_BYTES = 65_536
_STARTING = 15.0
_KEPT = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "TZ")

Json = dict[str, Any]  # Any: whatever JSON holds


class Words(Struct, frozen=True):
    """A message to a person: one line, and a few."""

    title: str
    body: str


class Messenger:
    """Sends to people, within one event loop. Its processes start with the first messages and end with it.

    A service that hangs costs its process, which is ended and started anew.
    """

    def __init__(self, *, allow_loopback: bool = False, senders: int = SENDERS, timeout: float = TIMEOUT) -> None:
        self._allow_loopback = allow_loopback
        self._timeout = timeout
        self._free: asyncio.LifoQueue[_Process] = asyncio.LifoQueue()
        self._processes = [_Process(allow_loopback) for _ in range(senders)]
        for process in self._processes:
            self._free.put_nowait(process)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in self._processes:
            await process.end()

    async def shown(self, url: str) -> str:
        """Return an address as it may be shown, without what is secret in it. Nothing is sent and nobody is asked.

        Raises:
            TargetRefused: It is no address of a service that is known here; the text shows nothing of it.
        """
        if len(url) > LONGEST_TARGET:
            raise TargetRefused(f"The target has {len(url)} characters; at most {LONGEST_TARGET} are taken.")
        answer = await self._ask({"url": url})
        if not answer["ok"]:
            raise TargetRefused(f"No message can go there: {answer['problem']}. Write https://… or an address of Apprise's.")
        return str(answer["shown"])

    async def deliver(self, url: str, words: Words) -> Attempt:
        """Send a message once and return how that went; nothing is raised, whatever the service does."""
        began = time.monotonic()
        answer = await self._ask({"url": url, "title": words.title, "body": words.body})
        problem = None if answer["ok"] else one_line(str(answer.get("problem", "the service did not take the message")))
        return Attempt(0, time.monotonic() - began, problem=problem)

    async def _ask(self, question: Json) -> Json:
        process = await self._free.get()
        try:
            return await process.ask(question, timeout=self._timeout)
        except (TimeoutError, OSError, ValueError):
            await process.end()
            return {"ok": False, "problem": f"the service did not answer within {self._timeout:.0f} s"}
        except BaseException:  # whoever waited has left, and the answer would be taken for another's
            await process.end()
            raise
        finally:
            self._free.put_nowait(process)


class _Process:
    """One process of `apprise_process`, started when it is first asked."""

    def __init__(self, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback
        self._running: asyncio.subprocess.Process | None = None

    async def ask(self, question: Json, *, timeout: float) -> Json:
        """Ask once; a process that must start first has time for that.

        Raises:
            TimeoutError, OSError, ValueError: There was no answer; the process must be ended.
        """
        started = self._running is not None and self._running.returncode is None
        async with asyncio.timeout(timeout if started else timeout + _STARTING):
            running = self._running if started and self._running is not None else await self._start()
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write(json.dumps(question).encode() + b"\n")
            await running.stdin.drain()
            answer: Json = json.loads(await running.stdout.readuntil(b"\n"))
            return answer

    async def end(self) -> None:
        """End the process, whatever it is at."""
        running, self._running = self._running, None
        if running is not None:
            with suppress(ProcessLookupError):
                running.kill()
            await running.wait()
            if running.stdin is not None:
                running.stdin.close()

    async def _start(self) -> asyncio.subprocess.Process:
        arguments = [ALLOW_LOOPBACK] if self._allow_loopback else []
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-m", "consumers.notifications.apprise_process", *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            env=environment,  # neither a proxy nor a secret of ours
            limit=_MOST_ANSWER_BYTES,
        )
        return self._running
