"""A DAG whose connection a rule asks a person about: its task waits, a person at a terminal approves, the
task goes on and succeeds, and the record tells who asked, who answered and what was served by it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from executor import end

PROGRAM = os.environ["DAGPASS_PROGRAM"]
CONNECTION, DAG_ID = "asked_api", "dagpass_waits"
RULE = f"""
[connection.{CONNECTION}]
profile = "sandbox"
conn-type = "http"
host = "%s"

[policy]
[[policy.rule]]
id = "production"
when = {{ connection = "{CONNECTION}" }}
then = "ask"
"""

#: Looks it up, and calls with what it was given.
DAG = f"""
from datetime import datetime

import requests
from airflow.sdk import DAG, Connection, task

with DAG("{DAG_ID}", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):

    @task
    def call():
        found = Connection.get("{CONNECTION}")
        answer = requests.get("%s", headers=found.extra_dejson, timeout=30)
        print("ANSWERED", answer.status_code)

    call()
"""


@pytest.fixture
def asked(api: str) -> Iterator[str]:
    """The agent's config with a rule that asks, until the test ends."""
    config = Path(os.environ["DAGPASS_CONFIG"])
    before, origin = config.read_text(), "{0.scheme}://{0.netloc}".format(urlsplit(api))
    asks = lambda: "production" in str(_told("policy", "show"))  # noqa: E731
    config.write_text(before + RULE % origin)
    try:
        _until("the rule in force", asks)
        yield origin
    finally:
        config.write_text(before)
        _until("it to be gone", lambda: not asks())


def test_a_task_waits_for_its_approval_and_goes_on_with_it(
    airflow_env: dict[str, str], asked: str, api: str, control: Any, tmp_path: Path
) -> None:
    calls, seen = len(control.calls()), _record()[-1]["seq"]
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "waits.py").write_text(DAG % api)
    env = airflow_env | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    command = [sys.executable, "-m", "airflow", "dags", "test", DAG_ID]
    # In a session of its own, as from another terminal than the person's.
    run = subprocess.Popen(
        command,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        question = _until("the task's question", lambda: _asked(run))
        assert (question["connection"], question["rules"]) == (CONNECTION, ["production"])
        assert (question["says"]["dag_id"], question["says"]["task_id"]) == (DAG_ID, "call")
        assert len(control.calls()) == calls, "nothing leaves before somebody answers"
        # Asked again meanwhile: it waits, and has not only been late to hear of an answer.
        _until("it to ask again", lambda: (_asked(run) or {}).get("times", 0) >= 2)
        answered = _person("approve", question["id"], "--once")
        assert answered.returncode == 0, answered.stdout
        said, _ = run.communicate(timeout=120)
    finally:
        end(run)
    assert run.returncode == 0, said[-6000:]
    assert "ANSWERED 200" in said, said[-6000:]
    assert [call["status"] for call in control.calls()[calls:]] == [200]
    _tells(question["id"], [line for line in _record() if line["seq"] > seen])


def _tells(approval: str, record: list[dict[str, Any]]) -> None:
    of = lambda event: [line for line in record if line["event"] == event]  # noqa: E731
    (asks,), (answer,) = of("approval-asked"), of("approval-answered")
    assert asks["caller"]["context"]["task_id"] == "call", asks
    assert (asks["approval"], asks["rules"]) == (approval, ["production"]), asks
    assert (answer["approval"], answer["reason"], answer["outcome"]) == (approval, "once", "ok"), answer
    (issue,) = [line for line in of("issue") if line.get("connection") == CONNECTION]
    assert (issue["approval"], issue["outcome"]) == (approval, "ok"), issue
    runs = [line["run"] for line in of("run")]
    (task,) = [run for run in runs if (run["kind"], run["state"]) == ("task", "success")]
    assert [tie["connection"] for tie in task["tokens"]] == [CONNECTION], task
    order = [asks["seq"], answer["seq"], issue["seq"]]
    assert order == sorted(order), order


def _asked(run: subprocess.Popen[str]) -> dict[str, Any] | None:
    assert run.poll() is None, f"it did not wait\n{run.communicate()[0][-6000:]}"
    return next(iter(_told("approve")["pending"]), None)


def _person(*words: str) -> subprocess.CompletedProcess[str]:
    """At a terminal of their own: who has none may be the program that asks."""
    line = " ".join([PROGRAM, *words])
    command = ["script", "-q", "-e", "-c", line, os.devnull]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def _record() -> list[dict[str, Any]]:
    return list(_told("audit", "tail", "-n", "200"))


def _told(*words: str) -> Any:
    command = [PROGRAM, *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    lines = done.stdout.strip().splitlines()
    return [json.loads(line) for line in lines] if words[0] == "audit" else json.loads(done.stdout)


def _until(what: str, found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if got := found():
            return got
        time.sleep(0.2)
    raise AssertionError(f"waited in vain for {what}")
