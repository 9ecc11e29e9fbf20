"""A running triggerer: deferred work gets its token, and its event loop never waits for the agent."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import venvs
from executor import ENDED, LocalAirflow

#: How long is the agent stopped? Well under its clients' limit of ten seconds.
STOPPED_SECONDS = 5.0
#: How late may the loop be on a busy machine? A wait for the agent would make it five seconds.
LATE = 1.5
WATCH_SECONDS = 16


def test_a_stopped_agent_holds_up_the_lookups_and_never_the_loop(
    airflow_env: dict[str, str],
    version: str,
    tmp_path: Path,
    control: Any,
    stopped: Callable[[], AbstractContextManager[None]],
) -> None:
    report = tmp_path / "report.json"
    more = {
        "DAGPASS_TEST_SECONDS": str(WATCH_SECONDS),
        "DAGPASS_TEST_REPORT": str(report),
        # A trigger is imported by its dotted path.
        "PYTHONPATH": f"{airflow_env['PYTHONPATH']}:{venvs.DAGS}",
    }
    airflow = LocalAirflow(version, tmp_path / "airflow", airflow_env | more, triggerer=True)
    try:
        airflow.wait()
        deferred = airflow.trigger("dagpass_deferred")
        assert airflow.await_state(deferred, ENDED, 90) == "success", airflow.logs()
        watched = airflow.trigger("dagpass_watch")
        _until(report.exists, 60)
        with stopped():
            time.sleep(STOPPED_SECONDS)
        assert airflow.await_state(watched, ENDED, 60) == "success", airflow.logs()
    finally:
        airflow.close()
    event = json.loads(report.read_text())
    print(
        f"triggerer: {len(event['statuses'])} calls, the longest {event['longest']:.2f} s "
        f"(agent stopped for {STOPPED_SECONDS:.0f} s), "
        f"the loop late by {1000 * event['late']:.0f} ms at worst"
    )
    assert set(event["statuses"]) == {200}
    assert event["longest"] > STOPPED_SECONDS / 2, "the agent was not asked while it was stopped"
    assert event["late"] < LATE
    assert all(call["status"] == 200 for call in control.calls())


def _until(true: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.2)
