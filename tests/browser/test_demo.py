"""The demo: the coverage of Apollo 13 plays into a page that somebody looks at."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import expect

from dateline.demo.archive import read_archive
from schemas.events import UpdateKilled, UpdatePublished
from tests.browser.conftest import Open
from tests.integration.cli import DATELINE
from tests.support.servers import eventually

PS = shutil.which("ps") or "/bin/ps"
SLOWEST = 60.0


def test_the_demo_plays_the_coverage_into_an_open_page_and_leaves_nothing_behind(tmp_path: Path, open_page: Open) -> None:
    events = [one.event for one in read_archive()]
    killed = {event.update for event in events if isinstance(event, UpdateKilled)}
    published = {event.update for event in events if isinstance(event, UpdatePublished)} - killed
    command = [str(DATELINE), "--data", str(tmp_path), "demo", "--serve", "--speed", "200", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as demo:
        try:
            page = open_page(said(demo, r"Look at (http\S+?):? "))
            said(demo, "That was all")
            page.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            more = page.page.locator("#_more")
            eventually(lambda: updates_shown(page.page.content()) >= 20, what="a page full of updates")
            while more.count():
                shown = len(page.articles())
                more.click()
                page.page.wait_for_function("shown => document.querySelectorAll('#_entries > article').length > shown", arg=shown)
            page.page.evaluate("scrollTo({top: 0, behavior: 'instant'})")

            eventually(lambda: sorted(page.articles()) == sorted(published), what="a page with the whole coverage")
            assert killed
            assert not any(f'data-update="{update}"' in page.text() for update in killed)
            expect(page.page.locator(".corrected, .correction").first).to_be_visible()
            assert [one for one in page.complaints if "net::" not in one] == []  # its pictures are elsewhere
        finally:
            demo.send_signal(signal.SIGINT)
        assert demo.wait(SLOWEST) == 130
    eventually(lambda: str(tmp_path) not in running(), what="an end of all processes")


def updates_shown(html: str) -> int:
    return len(re.findall(r"<article ", html))


def running() -> str:
    """Return the command lines of all processes."""
    return subprocess.run([PS, "-eo", "args"], capture_output=True, text=True, check=True).stdout


def said(process: subprocess.Popen[str], pattern: str) -> str:
    """Wait until a process says something on stderr, and return what the pattern's group holds, else all that matches."""
    assert process.stderr is not None
    heard = []
    for line in process.stderr:
        heard.append(line)
        if found := re.search(pattern, line):
            return found.group(found.lastindex or 0)
    pytest.fail(f"it ended without saying {pattern!r}: {heard}")
