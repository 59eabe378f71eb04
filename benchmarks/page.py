"""What the live page weighs, and how soon a browser shows it, over loopback."""

from __future__ import annotations

import gzip
import http.client
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import brotli
from playwright.sync_api import sync_playwright

from benchmarks.harness import QUICK, Row
from benchmarks.servers import HOST, dateline_serve
from consumers.web.pages.endpoints import PER_PAGE
from dateline.demo.archive import STORY, read_archive, restore
from dateline.log import open_log
from dateline.settings import Settings
from schemas.events import Event, UpdateCorrected, UpdatePublished, UpdateRevised

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_VISITS = 5 if QUICK else 15


def rows() -> list[Row]:
    with _page_served() as address:
        return [*_weights(address), *_paints(address)]


@contextmanager
def _page_served() -> Iterator[str]:
    """Serve the demo's coverage, without its pictures, which are elsewhere; yield its page's address."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with open_log(Settings(data=folder).log_url) as log:
            restore(log, [replace(one, event=_without_pictures(one.event)) for one in read_archive()])
        with dateline_serve(Path(folder)) as server:
            yield f"http://{HOST}:{server.port}/stories/{STORY}"


def _without_pictures(event: Event) -> Event:
    if isinstance(event, UpdatePublished | UpdateRevised | UpdateCorrected):
        return replace(event, content=replace(event.content, media=()))
    return event


def _weights(address: str) -> list[Row]:
    html = _get(address, "identity").decode()
    base = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    loaded = [base + path for path in re.findall(r'(?:href|src)="(/static/[^"]+\.(?:css|js))"', html)]
    files = {
        "HTML": [address],
        "CSS": [one for one in loaded if one.endswith("css")],
        "JS": [one for one in loaded if one.endswith("js")],
    }
    files["HTML + CSS + JS"] = [address, *loaded]
    goals = {("HTML + CSS + JS", "gzip"): "< 40", ("JS", "gzip"): "< 15"}
    found = []
    for name, addresses in files.items():
        for coding in ("identity", "gzip", "br"):
            size = sum(len(_get(one, coding)) for one in addresses) / 1000
            about = f"page of {PER_PAGE} updates: {name}, {'plain' if coding == 'identity' else coding}"
            found.append(Row(about, "kB", size, (size, size), goal=goals.get((name, coding), "")))
    return found


def _get(address: str, coding: str) -> bytes:
    """Return what goes over the line; it is read again to see that it is whole."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request("GET", parts.path, headers={"Accept-Encoding": coding})
    answer = connection.getresponse()
    body = answer.read()
    assert answer.status == 200
    assert answer.getheader("content-encoding", "identity") == coding
    assert {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress}[coding](body)
    connection.close()
    return body


def _paints(address: str) -> list[Row]:
    """Visit the page several times, each with an empty cache."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        return []
    times: dict[str, list[float]] = {"first paint": [], "first contentful paint": [], "load": []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_OPTIONS)
        for _ in range(_VISITS + 1):
            context = browser.new_context(viewport={"width": 412, "height": 823})
            page = context.new_page()
            page.goto(address)
            page.wait_for_function("() => performance.getEntriesByType('paint').length > 1")
            for name, time in page.evaluate(_TIMES).items():
                times[name].append(time)
            context.close()
        browser.close()
    return [_row(f"page of {PER_PAGE} updates: {name}", found[1:]) for name, found in times.items()]


_TIMES = """() => {
  const paints = performance.getEntriesByType('paint').map((one) => [one.name.replaceAll('-', ' '), one.startTime]);
  return {...Object.fromEntries(paints), load: performance.getEntriesByType('navigation')[0].loadEventEnd};
}"""


def _row(question: str, found: list[float]) -> Row:
    return Row(question, "ms", median(found), (min(found), max(found)))
