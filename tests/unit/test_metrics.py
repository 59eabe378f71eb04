"""The list of metrics is well formed, and every figure that is known becomes a sample."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import asdict
from prometheus_client.parser import text_string_to_metric_families

from consumers.web.figures import Figures
from dateline.metrics import METRICS, NOTHING_FOUND, Metric, rendered

PARTITION: dict[str, Any] = {  # Any: what JSON holds
    "partition": 0,
    "generation": "g1",
    "position": 7,
    "end": 9,
    "lag": 2,
    "lag_seconds": 1.5,
    "stories": 1,
    "undecodable": 3,
    "homeless": 4,
    "parked": 1,
    "owner": "desk7:41",
    "seen_s": 2.5,
    "rate": 12.5,
    "error": "It was down.",
    "error_at": 1700000000.25,
}
WORKER: dict[str, Any] = {"worker": "1"} | asdict(Figures(answered_2xx=7, answers_kept=5, streams=3))  # Any: as above
FOUND: dict[str, Any] = {  # Any: as above
    "log": {"topic": "t", "records": 9, "size_bytes": 4096, "partitions": [{"partition": 0, "begin": 0, "end": 9}]},
    "redis": {"memory_bytes": 1000, "room_bytes": 500, "eviction": "noeviction"},
    "views": ["timeline", "search"],
    "timeline": {"state": "behind", "size_bytes": 2048, "partitions": [PARTITION]},
    "search": None,
    "notify": {
        **{"active": 2, "paused": 0, "lag": 1, "waiting": 3, "under_way": 1, "ledger": 9},
        "circuits": [{"host": "example.org:443", "since": 1.0, "failures": 6, "problem": "No."}],
    },
    "clock": {"due": 1, "late_s": 2.5, "next_at": None},
    "serving": [WORKER],
}


def samples(document: dict[str, Any]) -> dict[str, list[tuple[dict[str, str], float]]]:
    families = text_string_to_metric_families(rendered(document))
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for one in (sample for family in families for sample in family.samples):
        found.setdefault(one.name, []).append((one.labels, one.value))
    return found


def test_every_metric_has_a_sample_where_everything_is_known() -> None:
    assert set(samples(FOUND)) == {metric.name for metric in METRICS}


def test_a_sample_carries_its_labels_and_value() -> None:
    found = samples(FOUND)

    assert found["dateline_view_lag_seconds"] == [({"view": "timeline", "partition": "0"}, 1.5)]
    assert found["dateline_view_holder_info"] == [
        ({"view": "timeline", "partition": "0", "generation": "g1", "owner": "desk7:41"}, 1.0)
    ]
    assert ({"worker": "1", "status": "2xx"}, 7.0) in found["dateline_http_requests_total"]
    assert found["dateline_log_size_bytes"] == [({"topic": "t"}, 4096.0)]


def test_what_is_not_known_is_left_out_and_not_zero() -> None:
    unknown = dict.fromkeys(("owner", "seen_s", "rate", "lag_seconds", "error", "error_at"))
    document = FOUND | {"timeline": {"state": "up to date", "size_bytes": None, "partitions": [PARTITION | unknown]}}

    found = samples(document)

    assert "dateline_view_seen_seconds" not in found
    assert "dateline_view_size_bytes" not in found
    assert "dateline_view_rate_records_per_second" not in found
    assert "dateline_view_error_timestamp_seconds" not in found
    assert found["dateline_view_holder_info"][0][0]["owner"] == ""


def test_where_nothing_could_be_asked_it_is_said_that_nothing_is_up() -> None:
    assert samples(NOTHING_FOUND) == {"dateline_up": [({}, 0.0)]}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_name_tells_its_unit_as_prometheus_has_it(metric: Metric) -> None:
    endings = {"bytes": "_bytes", "seconds": "_seconds", "seconds since 1970": "_timestamp_seconds", "offset": "_offset"}

    assert metric.name.startswith("dateline_")
    assert metric.name.endswith(endings.get(metric.unit, ""))
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert metric.meaning.endswith(".")


def test_no_name_is_given_twice() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)
