"""Schema registries over HTTP for the tests, on free loopback ports: the one in memory, and a real one, Apicurio."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from tests.support.memory_registry import Json, MemoryRegistry, Refusal
from tests.support.servers import eventually, free_port

APICURIO = "2.6.13.Final"
"""The newest that Java 17 runs and whose Maven files are all there."""

_HOW = "apt install maven openjdk-17-jre-headless; or set DATELINE_TEST_REGISTRY to the URL of an empty registry"
_POM = f"""<project><modelVersion>4.0.0</modelVersion>
<groupId>dateline</groupId><artifactId>registry</artifactId><version>0</version>
<dependencies><dependency>
<groupId>io.apicurio</groupId><artifactId>apicurio-registry-app</artifactId><version>{APICURIO}</version>
<type>tar.gz</type><classifier>all</classifier>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
</dependency></dependencies></project>
"""
_PATIENCE = 90.0  # seconds for a start on a machine that is busy
_WATCH = 'read -r _; kill -KILL "$1"'  # its input ends with the process that holds the other end, also by kill -9


@dataclass
class Served:
    """A registry in memory behind a port.

    Attributes:
        content: What it holds.
        address: Its host and port.
        credentials: `user:password` that it asks for, if any.
        asked: What it was asked: method and path.
        writes_left: How many more writes it carries out before its answers stop coming; None for no end.
    """

    content: MemoryRegistry
    address: str
    credentials: str = ""
    asked: list[str] = field(default_factory=list)
    writes_left: int | None = None

    @property
    def url(self) -> str:
        return f"http://{self.credentials}{'@' if self.credentials else ''}{self.address}"


@contextmanager
def memory_registry(content: MemoryRegistry | None = None, *, credentials: str = "") -> Iterator[Served]:
    """Serve a registry in memory, an empty one if none is given.

    Args:
        content: What it holds.
        credentials: `user:password` that it asks for, if any, percent-encoded as in a URL.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.served = Served(content or MemoryRegistry(), f"127.0.0.1:{server.server_port}", credentials)  # type: ignore[attr-defined]  # for the handler
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.served  # type: ignore[attr-defined]  # as above
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one packet: in two, the second waits for the first to be acknowledged

    def log_message(self, format: str, *args: Any) -> None:  # Any: as the base class has it
        """Say nothing."""

    def _handle(self) -> None:
        served: Served = self.server.served  # type: ignore[attr-defined]  # given by memory_registry
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        served.asked.append(f"{self.command} {self.path}")
        if self.command != "GET" and served.writes_left is not None:
            served.writes_left -= 1
            if served.writes_left < 0:
                self.close_connection = True
                return
        expected = f"Basic {base64.b64encode(unquote(served.credentials).encode()).decode()}"
        if served.credentials and self.headers.get("Authorization") != expected:
            return self._answer(401, {"error_code": 40101, "message": "Unauthorized"})
        try:
            self._answer(200, _route(served.content, self.command, self.path, json.loads(body or b"{}")))
        except Refusal as refusal:
            self._answer(refusal.status, {"error_code": refusal.code, "message": str(refusal)})

    def _answer(self, status: int, document: Json) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _handle


def _route(content: MemoryRegistry, method: str, url: str, body: Json) -> Json:
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    deleted, force = (query.get(name, ["false"])[0].lower() == "true" for name in ("deleted", "force"))
    match method, *(unquote(part) for part in parts.path.strip("/").split("/")):
        case "GET", "subjects":
            return content.subjects(deleted=deleted)
        case "DELETE", "subjects", subject:
            return content.delete(subject)
        case "GET", "subjects", subject, "versions":
            return content.versions(subject, deleted=deleted)
        case "POST", "subjects", subject, "versions":
            return content.register(subject, body)
        case "GET", "subjects", subject, "versions", version:
            return content.version(subject, version, deleted=deleted)
        case "GET", "schemas", "ids", id:
            return content.schema(int(id))
        case "GET", "schemas", "ids", id, "versions":
            return content.schema_versions(int(id), deleted=deleted)
        case "GET", "mode", *subject:
            return content.mode(subject[0] if subject else None)
        case "PUT", "mode", *subject:
            return content.set_mode(subject[0] if subject else None, body, force=force)
        case "GET", "config", *subject:
            return content.level(subject[0] if subject else None)
        case "PUT", "config", *subject:
            return content.set_level(subject[0] if subject else None, body)
    raise Refusal(404, 404, "HTTP 404 Not Found")


@contextmanager
def real_registry() -> Iterator[str]:
    """Yield the URL of an empty real registry: that of DATELINE_TEST_REGISTRY, else an Apicurio started here, else skip."""
    given = os.environ.get("DATELINE_TEST_REGISTRY")
    if given:
        yield given
        return
    program, problem = _apicurio()
    if program is None:
        pytest.skip(problem)
    port = free_port()
    command = ["java", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, "-jar", program], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        watch = subprocess.Popen(["sh", "-c", _WATCH, "sh", str(process.pid)], stdin=subprocess.PIPE, start_new_session=True)
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        try:
            eventually(lambda: _answers(f"{url}/subjects", process), within=_PATIENCE, what="the start of Apicurio")
            yield url
        finally:
            watch.kill()
            watch.communicate()
            process.kill()
            process.wait()


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "Apicurio ended while it started"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@cache
def _apicurio() -> tuple[Path | None, str]:
    """Return Apicurio's runnable jar, fetched by Maven into the user's cache where it is not there yet; else None and why."""
    if not _runs("java", "-version"):
        return None, f"no Java to run a schema registry: {_HOW}"
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dateline"
    folder = home / f"apicurio-registry-{APICURIO}"
    if not folder.is_dir():
        if not shutil.which("mvn"):
            return None, f"no Maven to fetch a schema registry: {_HOW}"
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home, prefix="fetching.") as work:
            if not _fetched(Path(work)):
                return None, f"Maven could not fetch a schema registry: {_HOW}"
            _put(Path(work) / "registry", folder)
    return next(folder.glob("*-runner.jar")), ""


def _fetched(work: Path) -> bool:
    (work / "pom.xml").write_text(_POM)
    command = ["mvn", "--quiet", "--batch-mode", "--file", str(work / "pom.xml"), "dependency:copy-dependencies"]
    if not _runs(*command, f"-DoutputDirectory={work}"):
        return False
    with tarfile.open(next(work.glob("*.tar.gz"))) as archive:
        archive.extractall(work / "registry", filter="data")
    return True


def _put(new: Path, folder: Path) -> None:
    try:
        new.rename(folder)
    except OSError:  # somebody else was faster; what is there is whole
        assert folder.is_dir()


def _runs(*command: str) -> bool:
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False
