"""A whole local Airflow: API server, DAG processor, scheduler with LocalExecutor, and a triggerer where
wanted, in a home of its own. Knows no agent: its environment names one.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import venvs

#: How long may it take until all parts stand, on a machine with other work?
BOOT_SECONDS = 150.0
ENDED = frozenset({"success", "failed"})


class LocalAirflow:
    """``env`` is that of `run.py`; ended with ``close``, all of it."""

    def __init__(self, version: str, home: Path, env: dict[str, str], *, triggerer: bool = False) -> None:
        self.home = home
        self._version = version
        self._port = free_port()
        self.env = env | self._settings()
        self._processes: list[subprocess.Popen[bytes]] = []
        # The DAGs must be known before the first run is asked for.
        self._once("dags", "reserialize")
        self._start("api-server", "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1")
        self._start("dag-processor")
        self._start("scheduler", "--skip-serve-logs")
        if triggerer:
            self._start("triggerer", "--skip-serve-logs")

    def wait(self) -> None:
        """Until the API server answers: tasks ask it for leave to start."""
        deadline = time.monotonic() + BOOT_SECONDS
        url = f"http://127.0.0.1:{self._port}/api/v2/monitor/health"
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise SystemExit(f"error: the local Airflow did not come up\n{self.logs()}")

    def trigger(self, dag_id: str) -> str:
        run_id = f"{dag_id}-{secrets.token_hex(4)}"
        self._once("dags", "trigger", dag_id, "--run-id", run_id)
        return run_id

    def await_state(self, run_id: str, wanted: frozenset[str], seconds: float) -> str:
        return await_state(self.home, run_id, wanted, seconds)

    def task_state(self, run_id: str) -> str:
        return _read(self.home, "select state from task_instance where run_id = ?", run_id)

    def logs(self) -> str:
        """The last words of each part, and of each task."""
        files = [*self.home.glob("*.log"), *self.home.glob("logs/dag_id=*/**/*.log")]
        tail = 3000
        return "\n".join(f"== {file.name}\n{file.read_text(errors='replace')[-tail:]}" for file in files)

    def close(self) -> None:
        end(*reversed(self._processes))

    def _settings(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self._port}"
        return {
            "AIRFLOW__API__BASE_URL": url,
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            # Each parse of the folder costs CPU that the tasks need here.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
        }

    def _start(self, *arguments: str) -> None:
        command = [str(venvs.python(self._version)), "-m", "airflow", *arguments]
        with (self.home / f"{arguments[0]}.log").open("wb") as log:
            # A group of its own: what it starts ends with it.
            process = subprocess.Popen(command, env=self.env, stdout=log, stderr=log, start_new_session=True)
        self._processes.append(process)

    def _once(self, *arguments: str) -> None:
        command = [str(venvs.python(self._version)), "-m", "airflow", *arguments]
        done = subprocess.run(
            command, env=self.env, text=True, capture_output=True, check=False, timeout=BOOT_SECONDS
        )
        if done.returncode != 0:
            raise SystemExit(f"error: `airflow {' '.join(arguments)}`\n{done.stdout}{done.stderr}")


def await_state(home: Path, run_id: str, wanted: frozenset[str], seconds: float) -> str:
    """The run's state once it is a wanted one, or the last that was seen."""
    deadline = time.monotonic() + seconds
    state = ""
    while time.monotonic() < deadline:
        state = _read(home, "select state from dag_run where run_id = ?", run_id)
        if state in wanted:
            return state
        time.sleep(0.5)
    return state


def end(*processes: subprocess.Popen[bytes]) -> None:
    """Each is the head of a group of its own, which ends with it."""
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
    for process in processes:
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=5)


def _read(home: Path, query: str, *values: str) -> str:
    database = sqlite3.connect(f"file:{home}/airflow.db?mode=ro", uri=True, timeout=10)
    try:
        row = database.execute(query, values).fetchone()
    finally:
        database.close()
    return str(row[0] or "") if row else ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
