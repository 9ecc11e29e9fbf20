"""Tasks whose token has the wrong audience: many refusals, one refresh."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from airflow_provider_dagpass.auth import AgentAuth

TASKS = 32


class Refusing(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.seen = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Refusing

    def do_GET(self) -> None:
        self.server.seen += 1
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's own output."""


@pytest.fixture
def refusing() -> Iterator[Refusing]:
    server = Refusing()
    yield server
    server.shutdown()
    server.server_close()


def task(url: str) -> int:
    """A process of its own that calls once."""
    pid = os.fork()
    if pid == 0:
        try:
            status = requests.get(url, auth=AgentAuth(connection="sandbox_api"), timeout=30).status_code
            os._exit(0 if status == 401 else 1)
        finally:
            os._exit(2)
    return pid


def test_thirty_two_tasks_at_once_and_thirty_two_in_turn_cost_one_refresh(
    control: object, refusing: Refusing
) -> None:
    before = control.refreshes()  # type: ignore[attr-defined]
    at_once = [task(refusing.url) for _ in range(TASKS)]
    assert [os.waitpid(pid, 0)[1] for pid in at_once] == [0] * TASKS
    for _ in range(TASKS):
        assert os.waitpid(task(refusing.url), 0)[1] == 0
    assert refusing.seen > 2 * TASKS
    # The first token may come now, too.
    assert control.refreshes() - before <= 2  # type: ignore[attr-defined]
