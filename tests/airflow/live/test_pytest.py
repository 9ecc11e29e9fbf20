"""A person's own pytest with `dag.test()`: agent up, agent away, and a frozen clock."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent / "project"


class _Plain(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's own output."""


@pytest.fixture
def plain_api() -> Iterator[str]:
    """An API that wants no token: what a unit test puts in the connection's place."""
    server = HTTPServer(("127.0.0.1", 0), _Plain)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("agent", ["up", "away"])
def test_a_project_s_own_tests_pass(
    airflow_env: dict[str, str], plain_api: str, tmp_path: Path, agent: str
) -> None:
    dags = str(PROJECT / "dags")
    env = airflow_env | {
        "AIRFLOW__CORE__DAGS_FOLDER": dags,
        "PYTHONPATH": f"{airflow_env['PYTHONPATH']}:{dags}",
        "DAGPASS_TEST_AGENT": agent,
        "DAGPASS_TEST_PLAIN_API": plain_api,
    }
    if agent == "away":
        env["DAGPASS_SOCKET"] = str(tmp_path / "nobody.sock")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(PROJECT)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout[-6000:]
