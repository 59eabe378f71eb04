"""A real HTTP cache between readers and the server: nginx, which keeps what the server says may be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.servers import eventually, free_port

_CONFIG = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=answers:4m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_cache answers;
            proxy_cache_revalidate on;
            proxy_cache_background_update on;
            proxy_cache_lock on;
            add_header x-cache $upstream_cache_status always;
        }}
    }}
}}
"""


@contextmanager
def http_cache(folder: Path, *, behind: int) -> Iterator[str]:
    """Run an nginx that caches in front of a server's port; yield its address."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        pytest.skip("no nginx: apt install nginx-light, or brew install nginx")
    folder.mkdir(parents=True)
    port, config = free_port(), folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, behind=behind))
    process = subprocess.Popen([program, "-c", str(config), "-e", str(folder / "error.log")], stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(address), what="nginx")
        yield address
    finally:
        process.terminate()
        process.wait(10.0)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz").status_code == 200
    except httpx.TransportError:
        return False
