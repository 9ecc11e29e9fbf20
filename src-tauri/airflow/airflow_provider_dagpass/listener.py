"""Tells the agent which task runs, so that its record says who ran what with which token.

Never a secret, never a failed task: the agent may be away, slow or older than this package. Says
at most one line of it, and after a slow answer leaves the agent alone for a while.
"""

from __future__ import annotations

import configparser
import logging
import os
import pwd
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pluggy import HookimplMarker

from airflow_provider_dagpass import context
from airflow_provider_dagpass.chain import setting
from airflow_provider_dagpass.client import AGENT, DagpassError

log = logging.getLogger(__name__)
Hook = TypeVar("Hook", bound=Callable[..., None])

#: After a failure, for how long is nothing sent? A hung agent costs a DAG of a hundred tasks one
#: deadline, not two hundred.
REST_SECONDS = 60.0
#: What Airflow 3 writes where `airflow dags test` or `dag.test()` made the run.
DAG_TEST = "dag_test"


def hookimpl(hook: Hook) -> Hook:
    marked: Hook = HookimplMarker("airflow")(hook)
    return marked


@hookimpl
def on_task_instance_running(previous_state: Any, task_instance: Any) -> None:
    context.enter(_who(task_instance))
    _tell("running", task_instance)


@hookimpl
def on_task_instance_success(previous_state: Any, task_instance: Any) -> None:
    _tell("success", task_instance)
    context.leave()


@hookimpl
def on_task_instance_failed(previous_state: Any, task_instance: Any) -> None:
    again = _word(getattr(task_instance, "state", None)) == "up_for_retry"
    _tell("up_for_retry" if again else "failed", task_instance)
    context.leave()


@hookimpl
def on_task_instance_skipped(previous_state: Any, task_instance: Any) -> None:
    _tell("skipped", task_instance)
    context.leave()


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    _tell_of_run("running", dag_run)


@hookimpl
def on_dag_run_success(dag_run: Any) -> None:
    _tell_of_run("success", dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any) -> None:
    _tell_of_run("failed", dag_run)


class _Rest:
    """When the agent may be told again, on a clock that no test freezes."""

    until = 0.0
    warned = False


def _tell(event: str, task_instance: Any) -> None:
    if _silent():
        return
    try:
        run = _dag_run(task_instance)
        told = {
            **_who(task_instance),
            "kind": "task",
            "event": event,
            "state": event,
            "triggering_user": _asked_by(run),
            "started_at": _epoch(getattr(task_instance, "start_date", None)),
            "log_folder": None if event == "running" else _logs(),
        }
    except Exception:
        log.debug("dagpass: a task that cannot be told of", exc_info=True)
        return
    _send(told)


def _tell_of_run(event: str, dag_run: Any) -> None:
    if _silent():
        return
    try:
        # `dags test` dates a run's start by its logical date: the agent's own clock is better.
        started = None if _is_test(dag_run) else _epoch(getattr(dag_run, "start_date", None))
        told = {
            "kind": "dag",
            "event": event,
            "state": event,
            "dag_id": dag_run.dag_id,
            "run_id": dag_run.run_id,
            "triggering_user": _asked_by(dag_run),
            "started_at": started,
        }
    except Exception:
        log.debug("dagpass: a run that cannot be told of", exc_info=True)
        return
    _send(told)


def _send(told: dict[str, Any]) -> None:
    told["at"] = int(time.time())
    if told.get("started_at") is not None and told["started_at"] > told["at"]:
        told["started_at"] = None
    try:
        answer = AGENT.run_event(**told)
    except Exception as error:
        _Rest.until = os.times().elapsed + REST_SECONDS
        away = isinstance(error, DagpassError) and error.code == "agent_away"
        level = logging.DEBUG if away or _Rest.warned else logging.WARNING
        _Rest.warned = _Rest.warned or not away
        log.log(level, "dagpass: the agent's record goes without this run: %s", error)
        return
    for warning in answer.get("warnings") or ():
        log.warning("dagpass: %s; %s", warning.get("text"), warning.get("hint") or "")


def _logs() -> str:
    """Where the agent looks whether a token that it gave was logged; as `dagpass airflow scan` finds it."""
    try:
        folder = setting("logging", "base_log_folder")
    except configparser.Error:
        folder = None
    if folder and not set("{%") & set(folder):
        return os.path.expanduser(folder)
    return os.path.join(os.environ.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow"), "logs")


def _silent() -> bool:
    return context.switched_off() or os.times().elapsed < _Rest.until


def _who(task_instance: Any) -> dict[str, Any]:
    map_index = getattr(task_instance, "map_index", None)
    mapped = isinstance(map_index, int) and map_index >= 0
    return {
        "dag_id": task_instance.dag_id,
        "task_id": task_instance.task_id,
        "run_id": task_instance.run_id,
        "try_number": getattr(task_instance, "try_number", None),
        "map_index": map_index if mapped else None,
    }


def _dag_run(task_instance: Any) -> Any:
    # 2.11 and the server of 3.x have it at hand; the task process of 3.x has it in its context.
    run = getattr(task_instance, "dag_run", None)
    if run is None and hasattr(task_instance, "get_template_context"):
        run = task_instance.get_template_context().get("dag_run")
    return run


def _asked_by(dag_run: Any) -> str | None:
    if _is_test(dag_run):
        return _os_user()
    name = getattr(dag_run, "triggering_user_name", None)
    return name if isinstance(name, str) else None


def _is_test(dag_run: Any) -> bool:
    named = getattr(dag_run, "triggering_user_name", None)
    # 2.11 keeps no name: its command line tells.
    return named == DAG_TEST or (named is None and sys.argv[1:3] == ["dags", "test"])


def _os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # A container's user need not be in the table.
        return f"uid {os.getuid()}"


def _epoch(moment: Any) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _word(state: Any) -> str:
    return str(getattr(state, "value", state or ""))
