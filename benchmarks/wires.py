"""Items of each wire format from bytes to checked events, beside the bare parser on the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import feedparser
from lxml import etree

from benchmarks.harness import QUICK, Row, compare, rates
from dateline.wire_memory import Memory
from dateline.wires import Reading, Told, events_in

COUNT = 300 if QUICK else 1500
EXAMPLES = Path(__file__).parents[1] / "examples" / "wires"
WORDS = "A container ship hit the harbour bridge on Monday and one of its arches fell into the water, police say. " * 4
PARAGRAPHS = f"<p>{WORDS}</p>" * 4


def rows() -> list[Row]:
    return [
        _row("ninjs", _ninjs(), json.loads, "json.loads"),
        _row("newsml-g2", _newsml(), etree.fromstring, "lxml alone"),
        _row("rss", _rss(), feedparser.parse, "feedparser", of=50),
        _row("atom", _atom(), feedparser.parse, "feedparser", of=50),
    ]


def _row(form: str, data: bytes, bare: Callable[[bytes], object], peer_name: str, *, of: int = 1) -> Row:
    """Measure one format.

    Args:
        of: How many items the document has.
    """
    documents = max(COUNT // of, 1)

    def ours() -> int:
        told = 0
        for _ in range(documents):
            reading = Reading(form=form, desk="desk", story="s", now=datetime.now(UTC), memory=Memory())
            told += sum(isinstance(one, Told) for one in events_in(data, reading))
        assert told == documents * of
        return told

    def peer() -> int:
        for _ in range(documents):
            bare(data)
        return documents * of

    size = len(data) // of
    return compare(f"{form}: items of {size} bytes to events", "items/s", ours=rates(ours), peer=rates(peer), peer_name=peer_name)


def _ninjs() -> bytes:
    item = json.loads((EXAMPLES / "ninjs" / "ninjs-3.json").read_text(encoding="utf-8"))
    item["bodies"] = [{"role": "main", "contentType": "text/html", "value": PARAGRAPHS}]
    return json.dumps(item).encode()


def _newsml() -> bytes:
    text = (EXAMPLES / "newsml-g2" / "01-urgent.xml").read_text(encoding="utf-8")
    return text.replace("</p>", f"</p>{PARAGRAPHS}", 1).encode()


def _rss() -> bytes:
    entries = "".join(
        f"<item><guid>{number}</guid><title>Bridge</title><pubDate>Mon, 02 Mar 2026 06:05:00 GMT</pubDate>"
        f"<description><![CDATA[{PARAGRAPHS}]]></description></item>"
        for number in range(50)
    )
    return f'<rss version="2.0"><channel><title>Example Radio</title>{entries}</channel></rss>'.encode()


def _atom() -> bytes:
    entries = "".join(
        f"<entry><id>{number}</id><title>Bridge</title><updated>2026-03-02T06:05:00Z</updated>"
        f'<content type="html"><![CDATA[{PARAGRAPHS}]]></content></entry>'
        for number in range(50)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Port</title>{entries}</feed>'.encode()
