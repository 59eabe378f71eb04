"""Every metric: its name, unit and meaning, and how its value is found in what `dateline.status` has found.

What `dateline serve` adds is `serving`: for each worker its name and its `consumers.web.figures.Figures`.

docs/operations.md lists them, and a test holds it to this list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from prometheus_client import Metric as Family

Json = dict[str, Any]  # Any: whatever JSON holds
Sample = tuple[Sequence[str], float | None]
"""A value and its labels' values. A value that is not known is left out."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus has it.
        kind: A `counter` only rises, but for a replay and for a view that is built anew.
        samples: Finds its values in the document of `examine`.
    """

    name: str
    kind: Literal["gauge", "counter"]
    unit: str
    meaning: str
    labels: tuple[str, ...]
    samples: Callable[[Json], Iterable[Sample]]


def _of_log(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((found["log"]["topic"],), found["log"][field])] if found["log"] else []


def _of_log_partitions(field: str) -> Callable[[Json], Iterable[Sample]]:
    def samples(found: Json) -> Iterator[Sample]:
        for one in found["log"]["partitions"] if found["log"] else ():
            yield (found["log"]["topic"], str(one["partition"])), one[field]

    return samples


def _of_redis(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((), found["redis"][field])] if found["redis"] else []


def _of_views(value: Callable[[Json], float | None]) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((name,), value(found[name])) for name in found["views"] if found[name]]


def _of_partitions(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((name, str(one["partition"])), one[field]) for name, one in _partitions(found)]


def _holders(found: Json) -> Iterator[Sample]:
    for name, one in _partitions(found):
        yield (name, str(one["partition"]), one["generation"] or "", one["owner"] or ""), 1.0


def _partitions(found: Json) -> Iterator[tuple[str, Json]]:
    for name in found["views"]:
        for one in found[name]["partitions"] if found[name] else ():
            yield name, one


def _of_workers(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((one["worker"],), one[field]) for one in found.get("serving", ())]


def _of_workers_by(name: str, values: Sequence[str]) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [
        ((one["worker"], value), one[f"{name}_{value}"]) for one in found.get("serving", ()) for value in values
    ]


def _of_notify(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((), found["notify"][field])] if found.get("notify") else []


def _of_clock(field: str) -> Callable[[Json], Iterable[Sample]]:
    return lambda found: [((), found["clock"][field])] if found.get("clock") else []


def _of_circuits(found: Json) -> Iterator[Sample]:
    for one in found["notify"]["circuits"] if found.get("notify") else ():
        yield (one["host"],), one["failures"]


def _is_up(found: Json) -> Iterable[Sample]:
    return [((), float(bool(found["log"] and found["redis"])))]


def _evicts(found: Json) -> Iterable[Sample]:
    return [((), float(found["redis"]["eviction"] != "noeviction"))] if found["redis"] else []


_TOPIC = ("topic",)
_TOPIC_PARTITION = ("topic", "partition")
_VIEW = ("view",)
_VIEW_PARTITION = ("view", "partition")
_WORKER = ("worker",)

METRICS: Final[Sequence[Metric]] = (
    Metric("dateline_up", "gauge", "0 or 1", "Whether log and Redis could both be asked.", (), _is_up),
    Metric(
        "dateline_log_begin_offset",
        "gauge",
        "offset",
        "The first record that the log holds; above 0, records are gone.",
        _TOPIC_PARTITION,
        _of_log_partitions("begin"),
    ),
    Metric(
        "dateline_log_end_offset",
        "gauge",
        "offset",
        "Where the log ends; its rate is that of what is appended.",
        _TOPIC_PARTITION,
        _of_log_partitions("end"),
    ),
    Metric("dateline_log_records", "gauge", "records", "How many records the log holds.", _TOPIC, _of_log("records")),
    Metric(
        "dateline_log_size_bytes",
        "gauge",
        "bytes",
        "What the log takes on disk: an SQLite log's file, a Kafka topic's replicas.",
        _TOPIC,
        _of_log("size_bytes"),
    ),
    Metric("dateline_redis_memory_bytes", "gauge", "bytes", "What Redis uses.", (), _of_redis("memory_bytes")),
    Metric(
        "dateline_redis_room_bytes",
        "gauge",
        "bytes",
        "What is left to Redis: of its maxmemory, else of the machine.",
        (),
        _of_redis("room_bytes"),
    ),
    Metric("dateline_redis_evicts", "gauge", "0 or 1", "Whether Redis may forget keys; it must not.", (), _evicts),
    Metric(
        "dateline_view_stopped",
        "gauge",
        "0 or 1",
        "Whether only a hand can put the view right.",
        _VIEW,
        _of_views(lambda view: float(view.get("state") == "stopped")),
    ),
    Metric(
        "dateline_view_size_bytes",
        "gauge",
        "bytes",
        "What the view takes on disk; absent for the timeline, which is in Redis's memory.",
        _VIEW,
        _of_views(lambda view: view["size_bytes"]),
    ),
    Metric(
        "dateline_view_holder_info",
        "gauge",
        "1",
        "Who holds a partition (empty: nobody who gives signs), and the live generation.",
        (*_VIEW_PARTITION, "generation", "owner"),
        _holders,
    ),
    Metric(
        "dateline_view_seen_seconds",
        "gauge",
        "seconds",
        "Since the holder's last sign; there is one every 5 s.",
        _VIEW_PARTITION,
        _of_partitions("seen_s"),
    ),
    Metric(
        "dateline_view_position_offset",
        "gauge",
        "offset",
        "The first record that the view has not seen.",
        _VIEW_PARTITION,
        _of_partitions("position"),
    ),
    Metric(
        "dateline_view_lag_records",
        "gauge",
        "records",
        "From there to the log's end.",
        _VIEW_PARTITION,
        _of_partitions("lag"),
    ),
    Metric(
        "dateline_view_lag_seconds",
        "gauge",
        "seconds",
        "Since that first record was recorded, by its own time; 0 when up to date.",
        _VIEW_PARTITION,
        _of_partitions("lag_seconds"),
    ),
    Metric(
        "dateline_view_rate_records_per_second",
        "gauge",
        "records per second",
        "What the holder did between its last two signs.",
        _VIEW_PARTITION,
        _of_partitions("rate"),
    ),
    Metric("dateline_view_stories", "gauge", "stories", "How many stories it shows.", _VIEW_PARTITION, _of_partitions("stories")),
    Metric(
        "dateline_view_undecodable_total",
        "counter",
        "records",
        "Records that are no readable event of their story.",
        _VIEW_PARTITION,
        _of_partitions("undecodable"),
    ),
    Metric(
        "dateline_view_homeless_total",
        "counter",
        "records",
        "Records that belong to no story.",
        _VIEW_PARTITION,
        _of_partitions("homeless"),
    ),
    Metric(
        "dateline_view_parked_stories",
        "gauge",
        "stories",
        "Stories whose later records wait for somebody to look.",
        _VIEW_PARTITION,
        _of_partitions("parked"),
    ),
    Metric(
        "dateline_view_error_timestamp_seconds",
        "gauge",
        "seconds since 1970",
        "When something last went wrong there, by the holder's clock; absent while nothing did.",
        _VIEW_PARTITION,
        _of_partitions("error_at"),
    ),
    Metric("dateline_embargoes_due", "gauge", "embargoes", "How many are over and not lifted.", (), _of_clock("due")),
    Metric(
        "dateline_embargoes_late_seconds",
        "gauge",
        "seconds",
        "For how long the oldest of these has been over; 0 if there is none.",
        (),
        _of_clock("late_s"),
    ),
    Metric("dateline_notify_subscriptions", "gauge", "subscriptions", "How many are told.", (), _of_notify("active")),
    Metric("dateline_notify_lag_records", "gauge", "records", "From its index to the log's end.", (), _of_notify("lag")),
    Metric(
        "dateline_notify_waiting",
        "gauge",
        "subscriptions in stories",
        "What is due, or to be tried again.",
        (),
        _of_notify("waiting"),
    ),
    Metric("dateline_notify_under_way", "gauge", "messages", "What is being sent.", (), _of_notify("under_way")),
    Metric("dateline_notify_ledger_total", "counter", "entries", "What the ledger holds.", (), _of_notify("ledger")),
    Metric(
        "dateline_notify_circuit_failures",
        "gauge",
        "messages",
        "How often in a row a host failed to which hardly anything is sent now.",
        ("host",),
        _of_circuits,
    ),
    Metric(
        "dateline_http_following",
        "gauge",
        "0 or 1",
        "Whether the worker hears of what changes; while it does not, it keeps no answer and tells no stream.",
        _WORKER,
        _of_workers("is_following"),
    ),
    Metric(
        "dateline_http_requests_total",
        "counter",
        "requests",
        "What was answered, by the class of its status; a stream counts when it ends.",
        ("worker", "status"),
        _of_workers_by("answered", ("2xx", "3xx", "4xx", "5xx")),
    ),
    Metric("dateline_http_streams", "gauge", "streams", "How many are open.", _WORKER, _of_workers("streams")),
    Metric(
        "dateline_http_streams_shed_total",
        "counter",
        "streams",
        "Sent away, to come back later: too many were open, or from that address, or the worker was ending.",
        _WORKER,
        _of_workers("streams_shed"),
    ),
    Metric(
        "dateline_http_slow_clients_total",
        "counter",
        "streams",
        "Cut, as their clients did not read.",
        _WORKER,
        _of_workers("slow_clients_cut"),
    ),
    Metric(
        "dateline_http_frames_total",
        "counter",
        "frames",
        "What was written to streams: one for each change and client, or for several changes that came at once.",
        _WORKER,
        _of_workers("frames_written"),
    ),
    Metric(
        "dateline_http_kept_bytes",
        "gauge",
        "bytes",
        "What the answers take that are kept until what they tell of changes.",
        _WORKER,
        _of_workers("kept_bytes"),
    ),
    Metric(
        "dateline_http_answers_total",
        "counter",
        "answers",
        "Whether an answer was kept, was made, or was shared with a request that had it made.",
        ("worker", "from"),
        _of_workers_by("answers", ("kept", "made", "shared")),
    ),
)

NOTHING_FOUND: Final[Json] = {"log": None, "redis": None, "views": []}
"""What there is to know where not even the log can be asked."""

TEXT_FORMAT: Final = "text/plain; version=0.0.4; charset=utf-8"
"""The media type of `rendered`."""


class StatusCollector:
    """Gives Prometheus the document of `examine`, asked for each time that it is collected."""

    def __init__(self, examined: Callable[[], Json]) -> None:
        self._examined = examined

    def collect(self) -> Iterator[Family]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        found = self._examined()
        for metric in METRICS:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(metric.name, f"{metric.meaning} ({metric.unit})", labels=metric.labels)
            for labels, value in metric.samples(found):
                if value is not None:
                    family.add_metric(labels, value)
            yield family


def rendered(found: Json) -> str:
    """Return the document of `examine` in Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(StatusCollector(lambda: found))
    return generate_latest(registry).decode()
