"""What real Airflow tells the agent: of its runs, and of look-ups while a DAG file is parsed. That a task
waits for the person whom a rule asks, and no run fails or waits where the agent is away.

Against a stand-in that keeps what it was asked; `cargo demo` shows the same with the real agent.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import rehearsal
import run
import venvs
from questions import Airflow
from stub_agent import NOT_FOUND, Ask, StubAgent, http_connection, reply

#: How the DAG files are read without a run, on each version.
PARSES = {"3.3": ("dags", "reserialize"), "2.11": ("dags", "list")}
#: And in processes of their own: 2.11 on SQLite has them in forks of its scheduler alone.
PROCESSORS = {
    "3.3": ("dag-processor", "--num-runs", "1"),
    "2.11": ("scheduler", "--num-runs", "3", "--skip-serve-logs"),
}


def told(version: str) -> int:
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="dagpass-told-") as stage:
        rehearsal._enter(Path(stage))
        agent = StubAgent.on_socket(os.environ["DAGPASS_SOCKET"], _answer)
        env = run.wired(venvs.airflow_home(version, Path(stage) / "airflow"))
        env["AIRFLOW__CORE__DAGS_FOLDER"] = str(venvs.HERE / "runs_dags")
        with Airflow(venvs.python(version), env, runs=True) as airflow:
            for check in (_a_run, _a_parse, _waits, _switched_off):
                agent.asks.clear()
                failures += [f"{check.__name__}: {what}" for what in check(version, airflow, agent)]
            agent.close()
            failures += [f"away: {what}" for what in _away(airflow)]
    for failure in failures:
        print(f"airflow {version}: FAILED: {failure}", file=sys.stderr)
    print(f"airflow {version}: told: {len(failures)} failures", file=sys.stderr)
    return 1 if failures else 0


#: Somebody said yes. Until then each who asks hears at once that a person is asked.
APPROVED = threading.Event()
PENDING = reply(
    403,
    {
        "error": "approval_pending",
        "error_description": "a person has to approve this first",
        "approval": "ap-1",
    },
    Retry_After="1",
)


def _answer(ask: Ask) -> bytes:
    if ask.json.get("conn_id") == "asked_api":
        return http_connection("a-token-of-the-stage") if APPROVED.is_set() else PENDING
    if ask.path == "/v1/run-events":
        return reply(200, {"recorded": True})
    if ask.json.get("conn_id") == "sandbox_api":
        return http_connection("a-token-of-the-stage")
    return NOT_FOUND


def _a_run(_version: str, airflow: Airflow, agent: StubAgent) -> list[str]:
    done = airflow.ask("dags", "test", "dagpass_at_parse")
    events = [ask.json for ask in agent.asks if ask.path == "/v1/run-events"]
    told = [(event["kind"], event["event"], event.get("task_id")) for event in events]
    expected = [("task", "running", "call"), ("task", "success", "call"), ("dag", "success", None)]
    contexts = _contexts(agent)
    of_task = [context for context in contexts if context.get("task_id") == "call"]
    parses = [context for context in contexts if context == {"purpose": "dag-parse"}]
    users = {event.get("triggering_user") for event in events}
    secrets = [event for event in events if "a-token-of-the-stage" in str(event)]
    return _wrong(
        {
            "it succeeds": done.returncode == 0,
            f"the events: {told}": told == expected,
            "one run": len({event["run_id"] for event in events}) == 1,
            f"by the person at the keyboard: {users}": users == {_user()},
            f"the task's look-up names it: {contexts}": len(of_task) == 1
            and of_task[0].get("dag_id") == "dagpass_at_parse",
            f"the parses are named: {contexts}": len(parses) >= 1,
            "no secret": not secrets,
        },
        done,
    )


def _a_parse(version: str, airflow: Airflow, agent: StubAgent) -> list[str]:
    done = airflow.ask(*PARSES[version])
    before = len(_contexts(agent))
    processor = airflow.ask(*PROCESSORS[version])
    asked = len(_contexts(agent))
    contexts = _contexts(agent)
    return _wrong(
        {
            "it succeeds": done.returncode == 0,
            f"look-ups were made: {before}, {asked}": 0 < before < asked,
            f"each is named a parse: {contexts}": all(
                context == {"purpose": "dag-parse"} for context in contexts
            ),
        },
        processor,
    )


def _waits(_version: str, airflow: Airflow, agent: StubAgent) -> list[str]:
    APPROVED.clear()
    asks = lambda: [ask.json for ask in agent.asks if ask.json.get("conn_id") == "asked_api"]  # noqa: E731

    def person() -> None:
        # Behind the task's first question: it has heard that it is to wait.
        while not asks():
            time.sleep(0.1)
        time.sleep(1.5)
        APPROVED.set()

    threading.Thread(target=person, daemon=True).start()
    done = airflow.ask("dags", "test", "dagpass_waits")
    tasks = [(ask.get("context") or {}).get("task_id") for ask in asks()]
    events = [(ask.json["kind"], ask.json["event"]) for ask in agent.asks if ask.path == "/v1/run-events"]
    return _wrong(
        {
            "it succeeds": done.returncode == 0,
            "with what it waited for": "found https://warehouse.example" in done.stdout,
            f"it asked until somebody said yes: {tasks}": len(tasks) >= 2 and set(tasks) == {"call"},
            f"the task and the run ended well: {events}": events[1:]
            == [("task", "success"), ("dag", "success")],
        },
        done,
    )


def _switched_off(_version: str, airflow: Airflow, agent: StubAgent) -> list[str]:
    done = airflow.ask("dags", "test", "dagpass_quiet", DAGPASS_AIRFLOW="off")
    return _wrong({"it succeeds": done.returncode == 0, "nothing is asked": not agent.asks}, done)


def _away(airflow: Airflow) -> list[str]:
    started = time.monotonic()
    done = airflow.ask("dags", "test", "dagpass_quiet")
    took = time.monotonic() - started
    loud = [line for line in done.stdout.splitlines() if "record goes without this run" in line]
    return _wrong(
        {"the run succeeds": done.returncode == 0, f"nothing is said of it: {loud}": not loud}, done
    ) + ([] if took < 120 else [f"it took {took:.0f} s"])


def _contexts(agent: StubAgent) -> list[dict[str, str]]:
    return [
        ask.json.get("context", {})
        for ask in agent.asks
        if ask.path == "/v1/airflow/connection" and ask.json.get("conn_id") == "sandbox_api"
    ]


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _wrong(facts: dict[str, bool], done: subprocess.CompletedProcess[str]) -> list[Any]:
    wrong = [fact for fact, holds in facts.items() if not holds]
    if wrong:
        print(done.stdout[-6000:], file=sys.stderr)
    return wrong
