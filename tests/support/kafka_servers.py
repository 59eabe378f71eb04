"""Real Kafka brokers for the tests, on free loopback ports: one, a cluster, or a secured one.

They run from the jars that `scripts/fetch-kafka.sh` fetches, and none outlives the process that started it, however that ends.
"""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from schemas.topics import TOPICS
from tests.support.proxy import Proxy, proxy
from tests.support.servers import eventually

_CLUSTER_ID = "MkU3OEVBNTcwNTJENDM2Qk"
_FETCH = Path(__file__).parents[2] / "scripts" / "fetch-kafka.sh"
_STARTED = "Kafka Server started"
_PATIENCE = 60.0  # seconds for a start on a machine that is busy
_PORTS = range(20_000, 32_000)
_WATCH = 'read -r _; kill -KILL "$1"'  # its input ends with the process that holds the other end, also by kill -9

_SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    # A broker that starts again is taken back only once its old session has ended.
    "broker.session.timeout.ms": "1500",
    "broker.heartbeat.interval.ms": "300",
}
NEVER_RESTARTED = {"broker.session.timeout.ms": "9000"}
"""What suits a busy machine better, for a broker that runs until it is no longer needed."""

_CLUSTER_SETTINGS = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
    "controller.quorum.election.backoff.max.ms": "200",
}


class Broker:
    """One Kafka broker, its own controller or one of a quorum. It keeps its ports and data from start to start.

    Attributes:
        address: Where clients reach it, without security: host and port.
        log: The file that holds what it said.
    """

    def __init__(
        self, folder: Path, *, port: int, settings: Mapping[str, str], users: Sequence[str] = (), heap: str = "512m"
    ) -> None:
        """Lay the broker out in `folder`, to be started.

        Args:
            settings: All of the server's properties but where its data lies.
            users: The SCRAM credentials to begin with, as `--add-scram` takes them.
            heap: The most that Java may use for objects, as `-Xmx` takes it.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{port}"
        self.log = folder / "broker.log"
        self._data = folder / "data"
        self._properties = folder / "server.properties"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in {**settings, "log.dirs": self._data}.items()))
        self._users = users
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None
        self._said_before = 0

    @property
    def pid(self) -> int:
        """The process id of the broker, which runs."""
        assert self._process, "the broker does not run"
        return self._process.pid

    def start(self) -> None:
        """Start the broker and wait until it serves clients."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start the broker and return at once: one of a quorum is ready only when others are."""
        assert not self._process, "the broker runs already"
        if not self._data.exists():
            self.format()
        self._said_before = self.log.stat().st_size if self.log.exists() else 0
        command = [*_java(), f"-Xmx{self._heap}", "-Dlog4j2.level=INFO", "kafka.Kafka", str(self._properties)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        # PR_SET_PDEATHSIG would be less, but ends the broker with the thread that started it, and is Linux's alone.
        watch = ["sh", "-c", _WATCH, "sh", str(self.pid)]
        self._watch = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)

    def format(self) -> None:
        """Lay out the empty data folder, which the first start does too."""
        users = [part for user in self._users for part in ("--add-scram", user)]
        arguments = ["format", "--cluster-id", _CLUSTER_ID, "--config", str(self._properties), *users]
        done = subprocess.run([*_java(), "kafka.tools.StorageTool", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"Kafka's data folder was not formatted: {done.stdout}{done.stderr}"

    def wait_ready(self) -> None:
        """Wait until the broker that was launched serves clients."""
        try:
            eventually(self._is_ready, within=_PATIENCE, what=f"the start of {self.address}")
        except AssertionError as error:
            raise AssertionError(f"{error}; the end of {self.log}:\n{self._last_words()}") from None

    def stop(self) -> None:
        """Have the broker shut down in order, and wait for its end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as kill -9 and a power failure of its machine do."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop the broker in its tracks: it holds its connections and answers nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused broker go on."""
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill the broker if it runs."""
        if self._process:
            self.kill()

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, f"Kafka ended with {self._process.returncode}"
        return _STARTED in self._said()

    def _said(self) -> str:
        """Return what the broker said since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._said_before)
            return log.read().decode(errors="replace")

    def _last_words(self) -> str:
        return "\n".join(self._said().splitlines()[-40:])

    def _end(self, how: signal.Signals) -> None:
        assert self._process, "the broker does not run"
        assert self._watch
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)  # a paused one would keep the first for later
        try:
            self._process.wait(_PATIENCE)
        finally:
            self._process.kill()
            self._watch.kill()  # before the process id can be another's
            self._process.wait()
            self._watch.communicate()
            self._process = self._watch = None


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker that asks who is there.

    Attributes:
        broker: The process; its own address is open, for the broker itself.
        address_sasl: Takes a name and a password over TLS (SASL_SSL: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512).
        address_mtls: Takes a client certificate (SSL).
        cafile: The authority that signed all certificates, in PEM like the next two.
        certfile: The client's certificate.
        keyfile: Its private key, without a password.
        username: Known to every mechanism.
        password: That user's.
    """

    broker: Broker
    address_sasl: str
    address_mtls: str
    cafile: Path
    certfile: Path
    keyfile: Path
    username: str
    password: str


@contextmanager
def kafka_broker(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """Run one broker with its data in `folder`; `settings` are added to the server's properties, or replace some."""
    port, controller = free_ports(2)
    own = _node_settings(1, [controller], {"PLAINTEXT": port})
    with _closing([Broker(folder, port=port, settings={**own, **(settings or {})})]) as (broker,):
        broker.start()
        yield broker


@contextmanager
def proxied_broker(folder: Path) -> Iterator[tuple[Broker, Proxy]]:
    """Run a broker with a second way to it, through a proxy: whoever begins at the proxy's port is sent nowhere else."""
    port, controller, inner, outer = free_ports(4)
    settings = _node_settings(1, [controller], {"PLAINTEXT": port, "PROXIED": inner})
    settings["advertised.listeners"] = f"PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{outer}"
    with _closing([Broker(folder, port=port, settings=settings)]) as (broker,), proxy(outer, server_port=inner) as between:
        broker.start()
        yield broker, between


@contextmanager
def kafka_cluster(folder: Path, *, nodes: int = 3) -> Iterator[Sequence[Broker]]:
    """Run brokers that are one cluster, each also a controller; any minority of them may be killed."""
    ports, controllers = free_ports(nodes), free_ports(nodes)
    brokers = []
    for node, port in enumerate(ports, start=1):
        own = _node_settings(node, controllers, {"PLAINTEXT": port})
        brokers.append(Broker(folder / str(node), port=port, settings={**own, **_CLUSTER_SETTINGS}, heap="256m"))
    with _closing(brokers), ThreadPoolExecutor() as pool:
        list(pool.map(Broker.format, brokers))
        for broker in brokers:
            broker.launch()
        for broker in brokers:
            broker.wait_ready()
        yield brokers


@contextmanager
def secured_broker(folder: Path) -> Iterator[Secured]:
    """Run a broker that wants a password on one port and a client's certificate on another."""
    port, controller, sasl, mtls = free_ports(4)
    user, password = "newsroom", uuid4().hex
    cafile = _make_certificates(folder)
    settings = _node_settings(1, [controller], {"PLAINTEXT": port, "SASL_SSL": sasl, "SSL": mtls})
    settings |= _security_settings(folder, user, password)
    users = [f"SCRAM-SHA-{bits}=[name={user},password={password}]" for bits in (256, 512)]
    with _closing([Broker(folder, port=port, settings=settings, users=users)]) as (broker,):
        broker.start()
        yield Secured(
            broker=broker,
            address_sasl=f"127.0.0.1:{sasl}",
            address_mtls=f"127.0.0.1:{mtls}",
            cafile=cafile,
            certfile=folder / "client.pem",
            keyfile=folder / "client.key",
            username=user,
            password=password,
        )


@cache
def kafka_address() -> str:
    """Return the address of the one broker that this test run shares; it starts at the first call and ends with the run.

    It is the one that DATELINE_TEST_KAFKA names, else one in Docker, else one from the jars.
    Without any, skip and say how to get it (in CI a skip is a failure).
    """
    run = ExitStack()
    atexit.register(run.close)
    address = os.environ.get("DATELINE_TEST_KAFKA") or run.enter_context(
        _broker_in_docker() if _docker_answers() else _own_broker()
    )
    run.callback(_close_admin, address)
    return address


def new_topic(address: str, *, partitions: int = 4, config: Mapping[str, str] | None = None) -> str:
    """Make a topic that holds nothing yet, and return its name once each of its partitions has a leader."""
    # By default a broker removes records once they are a week old, by their own time: news of 1970 at once.
    settings = {"retention.ms": "-1", **(config or {})}
    names: list[str] = []

    def is_made() -> bool:
        names.append(f"test.{uuid4().hex}")  # what failed may have made its topic
        return _try_to_make(address, names[-1], partitions, settings)

    eventually(is_made, what=f"a topic at {address}")
    return names[-1]


def empty_log(address: str, *, partitions: int = 4) -> str:
    """Make all of a log's topics anew on a broker of the tests' own, and return the URL of the log, which is another one."""
    from kafka import KafkaAdminClient  # as above

    with closing(KafkaAdminClient(bootstrap_servers=address)) as admin:
        there = sorted(set(admin.list_topics()) & set(TOPICS))
        if there:
            admin.delete_topics(there)
        wanted = {topic: {"num_partitions": partitions, "configs": {"retention.ms": "-1"}} for topic in TOPICS}
        eventually(lambda: _are_made(admin, wanted), what="the topics")
    return f"kafka://{address}"


def free_ports(count: int) -> Sequence[int]:
    """Return different ports that were free a moment ago.

    They lie below those that the system gives to clients: a client that tries to reach a broker which is down must not get the
    broker's port for its own end, which on loopback would even connect it with itself.
    """
    with ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            port = random.choice(_PORTS)
            try:
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            ports.append(port)
        return ports


@contextmanager
def _closing(brokers: Sequence[Broker]) -> Iterator[Sequence[Broker]]:
    """Kill brokers at the end, and close what connects to them."""
    try:
        yield brokers
    finally:
        for broker in brokers:
            _close_admin(broker.address)
            broker.close()


_admins: dict[str, Any] = {}  # by address; Any: kafka-python is untyped


def _try_to_make(address: str, name: str, partitions: int, settings: Mapping[str, str]) -> bool:
    from kafka import KafkaAdminClient  # slow, and few tests need it
    from kafka.errors import KafkaError

    try:
        if address not in _admins:  # making one takes longer than making a topic
            _admins[address] = KafkaAdminClient(bootstrap_servers=address, bootstrap_timeout_ms=5000)
        _admins[address].create_topics({name: {"num_partitions": partitions, "configs": settings}}, wait_for_metadata=True)
    except KafkaError as error:
        _close_admin(address)  # it would hold on to a controller that is gone
        if not error.retriable:
            raise
        return False
    return True


def _are_made(admin: Any, wanted: Mapping[str, Any]) -> bool:  # Any: kafka-python is untyped
    from kafka.errors import TopicAlreadyExistsError

    try:
        admin.create_topics(wanted, wait_for_metadata=True)
    except TopicAlreadyExistsError:  # it is still being deleted
        return False
    return True


def _close_admin(address: str) -> None:
    if admin := _admins.pop(address, None):
        admin.close()


@cache
def _find_jars() -> tuple[str, str]:
    """Return the folder of the jars, else why there is none, asked once per run."""
    done = subprocess.run([_FETCH], capture_output=True, text=True, check=False)
    return ("", done.stderr.strip()) if done.returncode else (done.stdout.strip(), "")


def _java() -> Sequence[str]:
    """Return how to run a class of Kafka; where that cannot be, skip and say why."""
    jars, problem = _find_jars()
    if not jars:
        pytest.skip(problem)
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    # The second compiler costs more time than tests run long enough to win back.
    return [java, "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*"]


def _node_settings(node: int, controllers: Sequence[int], listeners: Mapping[str, int]) -> dict[str, str]:
    """Return the properties of one node of a quorum whose controllers listen on these ports, by node from 1."""
    open_to = [f"{name}://127.0.0.1:{port}" for name, port in listeners.items()]
    return {
        **_SETTINGS,
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, start=1)),
        "listeners": ",".join([*open_to, f"CONTROLLER://127.0.0.1:{controllers[node - 1]}"]),
        "advertised.listeners": ",".join(open_to),
    }


def _security_settings(folder: Path, user: str, password: str) -> dict[str, str]:
    modules = "org.apache.kafka.common.security"
    scram = f"{modules}.scram.ScramLoginModule required;"
    return {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.keystore.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.sasl_ssl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": f'{modules}.plain.PlainLoginModule required user_{user}="{password}";',
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
    }


def _make_certificates(folder: Path) -> Path:
    """Make a throw-away authority that signs a certificate for the server and one for the client; return its own."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl to make certificates with: apt install openssl, or brew install openssl")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    _openssl(folder, f"req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=test-authority")
    for name in ("server", "client"):
        _openssl(folder, f"req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        _openssl(
            folder, f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile names"
        )
    (folder / "server.keystore.pem").write_text((folder / "server.key").read_text() + (folder / "server.pem").read_text())
    return folder / "ca.pem"


def _openssl(folder: Path, arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments.split()], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments}: {done.stderr}"


def _docker_answers() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0


@contextmanager
def _own_broker() -> Iterator[str]:
    """Run a broker from the jars, its data in a folder that ends with it, and yield its address."""
    with tempfile.TemporaryDirectory(prefix="dateline-kafka-") as folder, kafka_broker(Path(folder), NEVER_RESTARTED) as broker:
        yield broker.address


@contextmanager
def _broker_in_docker() -> Iterator[str]:
    """Run a broker in a container and yield its address."""
    try:
        from testcontainers.community.kafka import KafkaContainer
    except ImportError:  # before testcontainers 4.15
        from testcontainers.kafka import KafkaContainer

    container = KafkaContainer().with_kraft()
    for name, value in _SETTINGS.items():
        if name.startswith(("auto.", "group.", "offsets.", "transaction.")):
            container.with_env(f"KAFKA_{name.replace('.', '_').upper()}", value)
    with container:
        yield container.get_bootstrap_server()
