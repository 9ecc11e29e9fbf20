"""The listener: what the agent is told of a task, and what happens to the task where it cannot be."""

from __future__ import annotations

import logging
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dagpass import client, context, listener
from stub_agent import StubAgent, reply

RECORDED = reply(200, {"recorded": True})
BEGAN = datetime(2026, 11, 24, 20, 0, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def fresh() -> Any:
    listener._Rest.until, listener._Rest.warned = 0.0, False
    context._Task.now = context._Task.left = None
    yield
    context._Task.now = context._Task.left = None


def run(user: str | None = "ada") -> SimpleNamespace:
    return SimpleNamespace(dag_id="etl", run_id="r1", start_date=BEGAN, triggering_user_name=user)


def task(task_id: str = "load", **more: Any) -> Any:
    fields: dict[str, Any] = {
        "dag_id": "etl",
        "task_id": task_id,
        "run_id": "r1",
        "try_number": 1,
        "map_index": -1,
        "start_date": BEGAN,
        "dag_run": run(),
    }
    return SimpleNamespace(**fields | more)


def test_a_task_is_told_with_who_asked_for_it_and_no_more(agent: StubAgent) -> None:
    agent.answer = lambda ask: RECORDED
    listener.on_task_instance_running(None, task())
    listener.on_task_instance_success(None, task(map_index=0))
    first, second = (ask.json for ask in agent.asks)
    assert agent.asks[0].path == "/v1/run-events"
    at = first.pop("at")
    assert abs(at - time.time()) < 60
    assert first == {
        "dag_id": "etl",
        "task_id": "load",
        "run_id": "r1",
        "try_number": 1,
        "kind": "task",
        "event": "running",
        "state": "running",
        "triggering_user": "ada",
        "started_at": int(BEGAN.timestamp()),
    }
    assert (second["event"], second["map_index"]) == ("success", 0)


def test_the_end_of_a_task_says_where_its_log_is(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agent.answer = lambda ask: RECORDED
    written = "AIRFLOW__LOGGING__BASE_LOG_FOLDER"
    monkeypatch.delenv(written, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "airflow.configuration", ModuleType("airflow.configuration"))
    listener.on_task_instance_success(None, task())
    for folder in ("/srv/logs", "{AIRFLOW_HOME}/logs"):
        monkeypatch.setenv(written, folder)
        listener.on_task_instance_failed(None, task())
    own = str(tmp_path / "logs")
    assert [ask.json["log_folder"] for ask in agent.asks] == [own, "/srv/logs", own]
    listener.on_dag_run_success(run())
    assert "log_folder" not in agent.asks[-1].json


def test_a_failure_that_is_tried_again_has_its_own_word(agent: StubAgent) -> None:
    agent.answer = lambda ask: RECORDED
    listener.on_task_instance_failed(None, task(state="up_for_retry"))
    listener.on_task_instance_failed(None, task(state=SimpleNamespace(value="failed")))
    listener.on_task_instance_skipped(None, task())
    assert [ask.json["event"] for ask in agent.asks] == ["up_for_retry", "failed", "skipped"]


def test_dags_test_is_the_os_user_s_and_its_logical_date_is_no_start(agent: StubAgent) -> None:
    agent.answer = lambda ask: RECORDED
    listener.on_dag_run_success(run(user="dag_test"))
    listener.on_dag_run_failed(run())
    test, asked = (ask.json for ask in agent.asks)
    assert test["triggering_user"] == listener._os_user()
    assert "started_at" not in test
    assert (asked["triggering_user"], asked["started_at"]) == ("ada", int(BEGAN.timestamp()))


def test_the_run_of_a_task_process_is_found_in_its_context(agent: StubAgent) -> None:
    agent.answer = lambda ask: RECORDED
    told = task(get_template_context=lambda: {"dag_run": run("grace")})
    del told.dag_run
    listener.on_task_instance_running(None, told)
    assert agent.asks[0].json["triggering_user"] == "grace"


def test_an_agent_that_is_away_is_one_quiet_line_and_a_slow_one_is_left_alone(
    agent: StubAgent, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "EVENT_SECONDS", 0.2)
    caplog.set_level(logging.DEBUG, logger=listener.__name__)
    agent.answer = lambda ask: hang()
    started = time.monotonic()
    for _ in range(20):
        listener.on_task_instance_running(None, task())
    assert time.monotonic() - started < 3, "twenty times the patience for one would be four"
    assert len(agent.asks) == 1
    assert [(record.levelname, "did not answer" in record.message) for record in caplog.records] == [
        ("WARNING", True)
    ]
    agent.close()
    listener._Rest.until = 0.0
    listener.on_task_instance_success(None, task())
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG"]


def hang() -> bytes:
    time.sleep(3)
    return b""


def test_it_is_switched_off_without_io(agent: StubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGPASS_AIRFLOW", "off")
    listener.on_task_instance_running(None, task())
    listener.on_dag_run_success(run())
    assert agent.accepted == 0


def test_what_is_no_task_at_all_raises_nothing(agent: StubAgent) -> None:
    listener.on_dag_run_success(object())
    listener.on_task_instance_success(None, SimpleNamespace())
    assert agent.asks == []


def test_the_agent_s_warning_is_in_the_task_s_log_before_it_starts(
    agent: StubAgent, caplog: pytest.LogCaptureFixture
) -> None:
    warning = {"text": "the session `prod` ends in 1 h (profile)", "hint": "run `dagpass login prod --fresh`"}
    agent.answer = lambda ask: reply(200, {"recorded": True, "warnings": [warning]})
    listener.on_task_instance_running(None, task())
    assert caplog.messages == [f"dagpass: {warning['text']}; {warning['hint']}"]


def test_templates_of_the_next_task_are_not_laid_to_the_one_before(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.answer = lambda ask: RECORDED
    listener.on_task_instance_running(None, task("extract"))
    assert context.current()["task_id"] == "extract"
    # Airflow sets these around `execute`, and `dags test` leaves them there.
    for name, value in {"DAG_ID": "etl", "TASK_ID": "extract", "DAG_RUN_ID": "r1"}.items():
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", value)
    listener.on_task_instance_success(None, task("extract"))
    assert context.current() == {}
    listener.on_task_instance_running(None, task("load"))
    assert context.current()["task_id"] == "load"


@pytest.mark.parametrize("parser", sorted(context._PARSERS))
def test_a_look_up_beneath_airflow_s_parser_is_a_parse(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(parser)
    exec("def load(look_up):\n    return look_up()\n", module.__dict__)
    monkeypatch.setitem(__import__("sys").modules, parser, module)
    context.enter({"dag_id": "etl", "task_id": "load", "run_id": "r1"})
    assert module.load(context.current) == {"purpose": "dag-parse"}
    assert context.current()["task_id"] == "load"
