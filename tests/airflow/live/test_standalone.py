"""`airflow standalone` itself, wired by `dagpass airflow setup`: its LocalExecutor's task has a token, the
record ties the two, and nothing of ours is left in the settings at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import venvs
from executor import BOOT_SECONDS, ENDED, await_state, end, free_port

RUN_SECONDS = 90.0
RUN_ID = "by-hand"
DAG_ID = "dagpass_operator"


@pytest.fixture
def env(airflow_env: dict[str, str], version: str) -> dict[str, str]:
    """As a person has it: only airflow.cfg says which secrets backend there is."""
    theirs = {name: value for name, value in airflow_env.items() if "SECRETS__BACKEND" not in name}
    port = free_port()
    return theirs | {
        # It starts its parts by their name, as an activated environment has it.
        "PATH": f"{venvs.python(version).parent}:{os.environ['PATH']}",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }


def test_a_run_of_standalone_is_served_and_on_the_record(env: dict[str, str], version: str) -> None:
    home = Path(env["AIRFLOW_HOME"])
    setup = [os.environ["DAGPASS_PROGRAM"], "airflow", "setup"]
    wire = [*setup, "--for", "standalone", "--python", str(venvs.python(version))]
    subprocess.run(wire, env=env, check=True, timeout=60)
    wired = (home / "airflow.cfg").read_text()
    assert "DagpassBackend" in wired

    with _standalone(version, env) as log:
        command = [str(venvs.python(version)), "-m", "airflow", "dags", "trigger", DAG_ID]
        subprocess.run([*command, "--run-id", RUN_ID], env=env, check=True, timeout=BOOT_SECONDS)
        assert await_state(home, RUN_ID, ENDED, RUN_SECONDS) == "success", log()
        (task,) = _recorded()
    assert (task["run"]["task_id"], task["run"]["run_id"]) == ("call", RUN_ID)
    (token,) = task["run"]["tokens"]
    assert token["connection"] == "sandbox_api"

    subprocess.run([*setup, "--undo"], env=env, check=True, timeout=60)
    assert "DagpassBackend" not in (home / "airflow.cfg").read_text()


@contextmanager
def _standalone(version: str, env: dict[str, str]) -> Iterator[Any]:
    file = Path(env["AIRFLOW_HOME"]) / "standalone.log"
    command = [str(venvs.python(version)), "-m", "airflow", "standalone"]
    with file.open("wb") as log:
        # A group of its own: what it starts ends with it.
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
    said = lambda: file.read_text(errors="replace")[-6_000:]  # noqa: E731
    try:
        _await_health(f"{env['AIRFLOW__API__BASE_URL']}/api/v2/monitor/health", process, said)
        yield said
    finally:
        end(process)


def _await_health(url: str, process: subprocess.Popen[bytes], said: Any) -> None:
    """Until the scheduler and the DAG processor have been seen too."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                parts = json.load(answer)
            if all(parts[part]["status"] == "healthy" for part in ("scheduler", "dag_processor")):
                return
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(0.3)
    raise AssertionError(f"`airflow standalone` did not come up\n{said()}")


def _recorded() -> list[dict[str, Any]]:
    """What the agent's ledger says of the task's end."""
    ledger = Path(os.environ["HOME"]) / ".local/state/dagpass/ledger.jsonl"
    lines = map(json.loads, ledger.read_text().splitlines())
    runs = [line for line in lines if line["event"] == "run" and line["run"]["dag_id"] == DAG_ID]
    ended = [line for line in runs if line["run"]["kind"] == "task" and line["run"]["state"] == "success"]
    return [line for line in ended if line["run"]["run_id"] == RUN_ID]
