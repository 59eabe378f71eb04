"""docker-compose.yml: compose accepts it, it is safe to bring up, and its services run, here as processes on real servers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from tests.integration.cli import DATELINE, json_of, run
from tests.integration.test_readme import blocks, commands, matches
from tests.support.kafka_servers import Broker, free_ports
from tests.support.registry_server import memory_registry
from tests.support.servers import eventually, free_port, redis_server

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PATIENCE = 60.0

Service = Mapping[str, Any]  # Any: what YAML holds
Addresses = Mapping[str, str]
"""Where the file's addresses, as `host:port`, are in this test; also what a word of a command is here."""

SERVICES: Mapping[str, Service] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
PULLED = [name for name, service in SERVICES.items() if "image" in service]
OURS = [name for name, service in SERVICES.items() if "build" in service]
DONE_ONCE = {"topics", "schemas"}

_SECRET = re.compile(r"SECRET|PASSWORD|PASSPHRASE|TOKEN|CREDENTIAL|KEY", re.IGNORECASE)
_FROM_OUTSIDE = re.compile(r"\$\{\w+(:?-|:?\?[^}]*)?\}")
_HOST_AND_PORT = re.compile(r"(//|@)([^,:/@]*):(\d+)")


# What it says


def compose() -> Sequence[str]:
    """Return how compose is called here; without it, skip and say how to get it (in CI a skip is a failure)."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode:
            return command
    pytest.skip("no docker compose: apt install docker-compose")


def seconds(service: Service) -> float:
    """Return how long compose leaves a service to end by itself."""
    given = re.fullmatch(r"(\d+)s", service["stop_grace_period"])
    assert given, service["stop_grace_period"]
    return float(given[1])


def test_compose_accepts_it() -> None:
    profiles = sorted({profile for service in SERVICES.values() for profile in service.get("profiles", ())})
    chosen = [word for profile in profiles for word in ("--profile", profile)]

    done = subprocess.run([*compose(), "-f", FILE, *chosen, "config", "-q"], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("image", [SERVICES[name]["image"] for name in PULLED] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.M))
def test_an_image_is_pinned(image: str) -> None:
    assert re.fullmatch(r"[a-z0-9./-]+:\d+\.\d+[\w.-]*", image)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_holds_no_secret(name: str) -> None:
    environment = SERVICES[name].get("environment", {})

    assert isinstance(environment, dict)
    for variable, value in environment.items():
        assert not value or not _SECRET.search(variable) or _FROM_OUTSIDE.fullmatch(value), variable
        assert not re.search(r"//[^/]*:[^/]*@", str(value)), variable


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_published_on_this_machine_alone(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", ()))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_comes_back_unless_it_has_done_its_work(name: str) -> None:
    assert SERVICES[name]["restart"] == ("no" if name in DONE_ONCE else "unless-stopped")


@pytest.mark.parametrize("name", PULLED)
def test_a_server_tells_whether_it_is_ready(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_redis_is_durable_and_forgets_nothing_when_it_is_full() -> None:
    command = " ".join(SERVICES["redis"]["command"])

    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_holds_every_package_and_nothing_that_is_made_here() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    first, *rest = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    kept = {line.removeprefix("!") for line in rest if line.startswith("!")}

    assert first == "*"
    assert set(packages["packages"]) < kept
    assert all((ROOT / name).exists() for name in kept)


def test_the_image_runs_dateline_as_a_user_with_a_fixed_number() -> None:
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]

    assert 'ENTRYPOINT ["dateline"]' in last_stage
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", last_stage, re.M)


# What it does


class Container:
    """A service's process, with its command and environment from the file, and folders of its own that a restart keeps."""

    def __init__(self, name: str, folder: Path, addresses: Addresses) -> None:
        self.service = SERVICES[name]
        self.environment = {variable: translated(value, addresses) for variable, value in self.service["environment"].items()}
        self._own = {"PATH": os.environ["PATH"], "DATELINE_DATA": str(folder / "data"), "TMPDIR": str(folder / "tmp")}
        self._command = [addresses.get(word, word) for word in self.service["command"]]
        self._said = folder / "said"
        (folder / "tmp").mkdir(parents=True)
        self.start()

    def start(self) -> None:
        command = [DATELINE, *self._command]
        with self._said.open("ab") as said:
            self.process = subprocess.Popen(command, stdout=said, stderr=said, env={**self._own, **self.environment})

    def ended(self, *, within: float = PATIENCE) -> int:
        """Wait for its end and return the exit code."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end within {within:g} s, and said: {self.said}") from None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return self._said.read_text()


def translated(text: str, addresses: Addresses) -> str:
    """Return a value of the file with the addresses in it replaced."""
    for address, here in addresses.items():
        text = text.replace(f"//{address}", f"//{here}")
    return text


@contextmanager
def up(folder: Path, addresses: Addresses) -> Iterator[Mapping[str, Container]]:
    """Run our services that need no profile, each once those that it depends on have come so far, and kill them at the end."""
    containers: dict[str, Container] = {}
    wanted = {name: SERVICES[name].get("depends_on", {}) for name in SERVICES if "profiles" not in SERVICES[name]}
    try:
        for name in TopologicalSorter(wanted).static_order():
            if name not in OURS:
                continue
            for other, how in wanted[name].items():
                if how["condition"] == "service_completed_successfully":
                    assert containers[other].ended() == 0, containers[other].said
            containers[name] = Container(name, folder / name, addresses)
        yield containers
    finally:
        for container in containers.values():
            container.kill()


@contextmanager
def kafka(folder: Path) -> Iterator[Addresses]:
    """Run a broker with the file's settings, on ports of its own, and yield where what it advertises is."""
    given = {name: str(value) for name, value in SERVICES["kafka"]["environment"].items() if name.startswith("KAFKA_")}
    names = sorted({port for value in given.values() for _, _, port in _HOST_AND_PORT.findall(value)})
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    here = {
        name: _HOST_AND_PORT.sub(lambda found: f"{found[1]}127.0.0.1:{ports[found[3]]}", value) for name, value in given.items()
    }
    settings = {name.removeprefix("KAFKA_").replace("_", ".").lower(): value for name, value in here.items()}
    broker = Broker(folder, port=ports["9092"], settings=settings)
    try:
        broker.start()
        advertised = _HOST_AND_PORT.findall(given["KAFKA_ADVERTISED_LISTENERS"])
        yield {f"{host}:{port}": f"127.0.0.1:{ports[port]}" for _, host, port in advertised}
    finally:
        broker.close()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """Kafka and Redis with the file's settings, reached as from a container and as from the machine."""
    folder = tmp_path_factory.mktemp("servers")
    _, *options = SERVICES["redis"]["command"]
    with kafka(folder / "kafka") as brokers, redis_server(folder / "redis", *options) as (host, port):
        site = free_port()
        api = {"127.0.0.1:8000": f"127.0.0.1:{site}", "0.0.0.0": "127.0.0.1", "8000": str(site)}
        yield {**brokers, **api, "redis:6379": f"{host}:{port}", "127.0.0.1:6379": f"{host}:{port}"}


def test_what_is_published_is_read_and_a_killed_consumer_goes_on(addresses: Addresses, tmp_path: Path) -> None:
    with up(tmp_path, addresses) as containers:
        consumers = containers["consumers"]

        def dateline(*args: str) -> Any:  # Any: what JSON holds
            return json_of(run(tmp_path / "desk", *args, "--json", env=consumers.environment))

        opened = dateline("story", "open", "apollo-13", "--title", "Apollo 13")
        first = dateline("publish", "apollo-13", "--id", "lift-off", "--headline", "Lift-off", "--body", "At 14:13.")
        consumers.kill()
        consumers.start()
        second = dateline("publish", "apollo-13", "--id", "problem", "--headline", "A problem aboard", "--body", "Since 3:08.")
        timeline = dateline("timeline", "apollo-13")
        consumers.process.send_signal(signal.SIGTERM)

        assert [(one["status"], one["seq"]) for one in (opened, first, second)] == [("accepted", seq) for seq in (1, 2, 3)], (
            consumers.said
        )
        assert [update["id"] for update in timeline["updates"]] == ["problem", "lift-off"]
        assert consumers.ended(within=seconds(consumers.service)) == 0, consumers.said


def healthy(name: str, addresses: Addresses) -> bool:
    """Run a service's health check, as its container would."""
    _, python, *arguments = SERVICES[name]["healthcheck"]["test"]
    assert python == "python"
    command = [sys.executable, *(translated(one, addresses) for one in arguments)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_what_is_published_is_served(addresses: Addresses, tmp_path: Path) -> None:
    eventually(lambda: not healthy("api", addresses), what="the end of the API before it")

    with up(tmp_path, addresses) as containers:
        api = containers["api"]
        eventually(lambda: healthy("api", addresses), within=PATIENCE, what="the health of the API")
        for command in (["story", "open", "dock-strike", "--title", "Strike"], ["publish", "dock-strike", "--headline", "Talks"]):
            assert run(tmp_path / "desk", *command, env=api.environment).code == 0
        with urlopen(translated("http://127.0.0.1:8000/v1/stories/dock-strike/updates", addresses)) as answer:
            timeline = json.load(answer)
        api.process.send_signal(signal.SIGTERM)

        assert [update["headline"] for update in timeline["updates"]] == ["Talks"]
        assert api.ended(within=seconds(api.service)) == 0, api.said


def test_the_lines_in_the_readme_publish_on_kafka(addresses: Addresses, tmp_path: Path) -> None:
    block = next(block for block in blocks("console") if "docker compose" in block)
    (start, _), *rest = commands(block)
    assert start == "docker compose up -d"
    environment = {**os.environ, "PATH": f"{DATELINE.parent}{os.pathsep}{os.environ['PATH']}"}

    with up(tmp_path, addresses):
        script = translated("\n".join(["set -e", *(command for command, _ in rest)]), addresses)
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert matches([line for _, said in rest for line in said], done.stdout), done.stdout + done.stderr


def test_its_schemas_go_into_its_registry(tmp_path: Path) -> None:
    with memory_registry() as registry:
        schemas = Container("schemas", tmp_path, {"registry:8081": registry.address})

        assert schemas.ended() == 0, schemas.said

        assert registry.content.subjects(deleted=False)
