"""Making a log's topics in Kafka, and saying where those that are there are not what a log needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dateline.errors import Refused
from dateline.log.base import MAX_AGO_MS, MAX_AHEAD_MS
from dateline.log.kafka_address import Address
from dateline.log.kafka_client import (
    AuthorizationError,
    Client,
    ConfigResource,
    ConfigResourceType,
    NoError,
    Topic,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
    words,
)

PARTITIONS = 12
REPLICATION = 3

_BATCH_BYTES = 1_048_588
"""A broker's own default for the most that it takes at once: the largest record of a log, and what goes around it."""

_EVER = str((1 << 63) - 1)


@dataclass(frozen=True, slots=True)
class MadeTopic:
    """A topic that is there now.

    Attributes:
        what: Whether it was made now, or kept as it was.
        differences: What is not as a log needs it, each with what comes of it.
        mend: The command of Kafka's own tools that puts its settings right, if any is wrong.
    """

    name: str
    what: Literal["created", "kept"]
    partitions: int
    replication: int
    differences: Sequence[str]
    mend: str | None


def create_topics(
    address: Address,
    *,
    alike: Sequence[str],
    single: Sequence[str],
    partitions: int | None = None,
    replication: int | None = None,
) -> Sequence[MadeTopic]:
    """Make those of the topics that are not there, to be kept for ever. What is there is never changed.

    Args:
        alike: Topics with the same keys, which therefore have one number of partitions.
        single: Topics of few records whose order across keys counts, which therefore have one partition.
        partitions: Those of each topic in `alike`; None for as many as one of them has, else `PARTITIONS`.
        replication: On how many brokers a record lies; None for `REPLICATION`.

    Returns:
        One for each topic, in the order given. All can be used.

    Raises:
        Refused: A topic in `alike` has another number of partitions, or there are too few brokers; nothing was made.
            Or the brokers do not want one of the topics; others may be made.
        LogUnavailable: No answer; some may be made. The same call again goes on.
    """
    with closing(Client(address)) as client:
        there = client.topics([*alike, *single])
        count = _choose_count(address, {name: there[name].partitions for name in alike if name in there}, partitions)
        wanted = {**dict.fromkeys(alike, count), **dict.fromkeys(single, 1)}
        missing = {name: number for name, number in wanted.items() if name not in there}
        brokers = client.ask(_count_brokers)
        if missing:
            _refuse_too_few(address, brokers, replication or REPLICATION)
            client.ask(lambda admin: _create(admin, address, missing, replication or REPLICATION))
        found = client.ask(lambda admin: _found(admin, client, [*wanted]))
        for name, number in missing.items():
            client.offsets(name, range(number), end=True)  # each partition's leader knows it: it can be used
    copies = replication or min(REPLICATION, brokers)
    return [_made(address, one, wanted[one.name], copies, one.name in missing) for one in found]


def _choose_count(address: Address, there: Mapping[str, int], asked: int | None) -> int:
    """Return how many partitions the topics with the same keys have, or are to have."""
    for name, count in there.items():
        if asked is not None and count != asked:
            raise Refused(
                f"The topic {name} at {address.shown} has {_partitions(count)}, and a log keeps as many as it was made with: "
                f"among {asked}, stories would move. Nothing was made or changed. If it must be, copy the log to a cluster where "
                f"the topics have {asked}; or copy it to a file (dateline log copy --rehome {address.url} sqlite:///copy.db), "
                f"delete the topics, make them with --partitions {asked}, and copy it back. The views are then built anew."
            )
    return asked or next(iter(there.values()), PARTITIONS)


def _refuse_too_few(address: Address, brokers: int, replication: int) -> None:
    if replication > brokers:
        there = "only 1 broker is" if brokers == 1 else f"only {brokers} brokers are"
        raise Refused(
            f"Each record is to lie on {replication} brokers, and {there} there at {address.shown}. Nothing was made. "
            f"Give --replication {brokers}, or start more brokers."
        )


def _count_brokers(admin: Any) -> int:  # Any: the driver has no types, here and below
    return sum(not one.get("is_fenced") for one in admin.describe_cluster()["brokers"])


def _create(admin: Any, address: Address, counts: Mapping[str, int], replication: int) -> None:
    given = {setting.name: setting.value for setting in _settings_for(replication) if setting.is_given}
    topics = {
        name: {"num_partitions": count, "replication_factor": replication, "configs": given} for name, count in counts.items()
    }
    for answer in admin.create_topics(topics, raise_errors=False)["topics"]:
        kind = for_code(answer["error_code"])
        if kind in (NoError, TopicAlreadyExistsError):  # it is there: another made it just now, or a try that timed out
            continue
        error = kind(answer.get("error_message") or "")
        if error.retriable or isinstance(error, AuthorizationError):
            raise error
        raise Refused(f"Kafka at {address.shown} does not make the topic {answer['name']} ({words(error)}). Ask who runs it.")
    admin.wait_for_topics([*counts])


class _Found(NamedTuple):
    """A topic as it is there, with all of its settings."""

    name: str
    topic: Topic
    settings: Mapping[str, str]


def _found(admin: Any, client: Client, names: Sequence[str]) -> Sequence[_Found]:
    """Look at topics that are there; the broker that is asked may learn of a new one a moment later than others."""
    topics = client.topics(names)
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    settings = admin.describe_configs(resources, config_filter="all")["topic"]
    for name in names:
        if name not in topics or not settings[name]:  # the driver drops the reason
            raise UnknownTopicOrPartitionError(f"the settings of {name} cannot be read")
    return [_Found(name, topics[name], {key: one["value"] for key, one in settings[name].items()}) for name in names]


def _made(address: Address, found: _Found, partitions: int, replication: int, is_new: bool) -> MadeTopic:
    unfit = [setting for setting in _settings_for(found.topic.replication) if not setting.fits_in(found.settings)]
    differences = [
        *_misshapen(found.topic, partitions, replication),
        *(f"{one.name} is {found.settings[one.name]}, not {one.value}: {one.otherwise}" for one in unfit),
    ]
    what: Literal["created", "kept"] = "created" if is_new else "kept"
    count, copies = found.topic.partitions, found.topic.replication
    return MadeTopic(found.name, what, count, copies, differences, _mend(address, found.name, unfit))


class _Setting(NamedTuple):
    """A topic's setting that a log depends on.

    Attributes:
        fits: Whether another number than `value` will do.
        otherwise: What comes of one that does not fit.
        is_given: Whether a topic is made with it. Otherwise the default fits unless somebody changed it, and an older broker
            does not know the setting.
    """

    name: str
    value: str
    fits: Callable[[int], bool] | None
    otherwise: str
    is_given: bool = True

    def fits_in(self, settings: Mapping[str, str]) -> bool:
        """Whether it is as it has to be; one that the broker does not know is."""
        found = settings.get(self.name, self.value)
        return found == self.value or (self.fits is not None and self.fits(int(found)))


_FOR_EVER = (
    _Setting("retention.ms", "-1", None, "records are deleted once they are older, by their own time"),
    _Setting("retention.bytes", "-1", None, "the oldest records are deleted once a partition is larger"),
    _Setting("cleanup.policy", "delete", None, "of each key, all records but the last are deleted"),
    _Setting("message.timestamp.type", "CreateTime", None, "records get the broker's time in place of their own"),
    _Setting("max.message.bytes", str(_BATCH_BYTES), lambda most: most >= _BATCH_BYTES, "large updates are refused"),
    _Setting("message.timestamp.before.max.ms", _EVER, lambda most: most > 2 * MAX_AGO_MS, "old news is refused", False),
    _Setting(
        "message.timestamp.after.max.ms",
        str(MAX_AHEAD_MS),
        lambda most: most >= MAX_AHEAD_MS,
        "what a desk with a fast clock says is refused",
        False,
    ),
    _Setting(
        "unclean.leader.election.enable", "false", None, "records that were acknowledged may be lost when brokers fail", False
    ),
)


def _settings_for(replication: int) -> Sequence[_Setting]:
    """Return the settings of a topic whose records lie on so many brokers.

    From three on, all but one have to hold a record before it is acknowledged: any broker may be away and desks go on writing,
    and what was acknowledged survives the loss of another. Of two, one is enough: were both needed, the restart of either
    would silence the newsroom.
    """
    enough = replication - 1 if replication >= 3 else 1
    few = f"what was acknowledged may lie on fewer than {enough} brokers, or nothing can be written while one is away"
    return (*_FOR_EVER, _Setting("min.insync.replicas", str(enough), None, few))


def _misshapen(topic: Topic, partitions: int, replication: int) -> Sequence[str]:
    said = []
    if topic.partitions != partitions:
        said.append(f"it has {_partitions(topic.partitions)}, not {partitions}: delete it while it is empty, and create it again")
    if topic.replication != replication:
        said.append(f"its replication is {topic.replication}, not {replication}: change it with kafka-reassign-partitions.sh")
    return said


def _mend(address: Address, name: str, settings: Sequence[_Setting]) -> str | None:
    if not settings:
        return None
    values = ",".join(f"{setting.name}={setting.value}" for setting in settings)
    where = f"--bootstrap-server {address.shown}{' --command-config FILE' if address.is_secured else ''}"
    return f"kafka-configs.sh {where} --entity-type topics --entity-name {name} --alter --add-config {values}"


def _partitions(count: int) -> str:
    return "1 partition" if count == 1 else f"{count} partitions"
