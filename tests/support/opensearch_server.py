"""Real OpenSearch servers for the tests, on free loopback ports.

They run from the jars that `scripts/fetch-opensearch.sh` fetches, and none outlives the process that started it, however
that ends.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

from tests.support.kafka_servers import free_ports
from tests.support.servers import eventually

_FETCH = Path(__file__).parents[2] / "scripts" / "fetch-opensearch.sh"
_PATIENCE = 90.0  # seconds for a start on a machine that is busy
_WATCH = 'read -r _; kill -KILL "$1"'  # its input ends with the process that holds the other end, also by kill -9


class OpenSearchServer:
    """One OpenSearch. It keeps its port and data from start to start.

    Attributes:
        url: Where clients reach it.
        data: The folder of its files.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self._transport = free_ports(2)
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves clients."""
        assert self._process is None, "it runs already"
        command = [*_java(), "Main", str(self.data), str(self.port), str(self._transport)]
        # A machine whose disk is nearly full is no fault of the tests.
        command.append("cluster.routing.allocation.disk.threshold_enabled=false")
        with (self.data / "said.log").open("ab") as said:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True)
        watch = ["sh", "-c", _WATCH, "sh", str(self._process.pid)]
        self._watch = subprocess.Popen(watch, stdin=subprocess.PIPE, start_new_session=True)
        eventually(self._is_ready, within=_PATIENCE, what=f"the start of OpenSearch (see {self.data}/said.log)")

    def kill(self) -> None:
        """End it as kill -9 does."""
        assert self._process is not None, "it does not run"
        assert self._watch is not None
        self._process.send_signal(signal.SIGKILL)
        self._watch.kill()  # before the process id can be another's
        self._process.wait()
        self._watch.communicate()
        self._process = self._watch = None

    def close(self) -> None:
        """Kill it if it runs."""
        if self._process is not None:
            self.kill()

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"OpenSearch ended with {self._process.returncode}: see {self.data}/said.log"
        try:
            return ask(self.url, "GET", "/_cluster/health")["status"] in ("green", "yellow")
        except (URLError, ConnectionError, TimeoutError, KeyError):
            return False


@contextmanager
def opensearch_server(folder: Path) -> Iterator[OpenSearchServer]:
    """Run an OpenSearch with its data in `folder`; without jars or Java, skip and say how to get them."""
    server = OpenSearchServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextmanager
def opensearch_in_docker() -> Iterator[str]:
    """Run an OpenSearch in Docker; yield its URL."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer("opensearchproject/opensearch:2.19.1").with_exposed_ports(9200)
    for name, value in {"discovery.type": "single-node", "DISABLE_SECURITY_PLUGIN": "true"}.items():
        container.with_env(name, value)
    container.with_env("OPENSEARCH_JAVA_OPTS", "-Xms512m -Xmx512m").with_env("DISABLE_INSTALL_DEMO_CONFIG", "true")
    with container:
        url = f"http://{container.get_container_host_ip()}:{container.get_exposed_port(9200)}"
        eventually(lambda: _answers(url), within=_PATIENCE, what="OpenSearch in Docker")
        yield url


@cache
def opensearch_url() -> str:
    """Return the URL of the one OpenSearch that this test run shares; it starts at the first call and ends with the run.

    It is the one that DATELINE_TEST_OPENSEARCH names, else one in Docker, else one from the jars.
    """
    named = os.environ.get("DATELINE_TEST_OPENSEARCH")
    if named:
        return named
    run = ExitStack()
    atexit.register(run.close)
    if _docker_answers():
        return run.enter_context(opensearch_in_docker())
    import tempfile

    folder = Path(run.enter_context(tempfile.TemporaryDirectory(prefix="opensearch-", ignore_cleanup_errors=True)))
    return run.enter_context(opensearch_server(folder)).url


def empty(url: str) -> str:
    """Take away all that the tests have written to an OpenSearch, and what keeps it from taking writes; return its URL."""
    found = ask(url, "GET", "/dateline-search*/_settings?expand_wildcards=all")
    if found and "error" not in found:
        ask(url, "DELETE", f"/{','.join(found)}")
    return url


def ask(url: str, method: str, path: str, body: object = None) -> Any:  # Any: what JSON holds
    """Send a request and return the answer's JSON, also of one that is refused."""
    data = json.dumps(body).encode() if body is not None else None
    request = Request(url + path, data, {"content-type": "application/json"}, method=method)
    try:
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except HTTPError as error:
        with error:
            return json.load(error)


def _answers(url: str) -> bool:
    try:
        return "version" in ask(url, "GET", "/")
    except OSError:
        return False


def _docker_answers() -> bool:
    try:
        return not subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=10).returncode
    except (OSError, subprocess.TimeoutExpired):
        return False


@cache
def _java() -> Sequence[str]:
    """Return how to run a class with the jars; where that cannot be, skip and say why."""
    done = subprocess.run([_FETCH], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(done.stderr.strip())
    jars = done.stdout.strip()
    home = os.environ.get("JAVA_HOME")
    java = f"{home}/bin/java" if home else "java"
    return [java, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars}:{jars}/*"]
