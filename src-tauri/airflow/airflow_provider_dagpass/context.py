"""Which DAG, task and run asks (for the record: the agent never decides by it), whether a DAG file is
being parsed, and in which environment."""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from typing import Any

_FIELDS = ("dag_id", "task_id", "run_id", "try_number", "map_index")
_FROM_AIRFLOW = {
    "dag_id": "AIRFLOW_CTX_DAG_ID",
    "task_id": "AIRFLOW_CTX_TASK_ID",
    "run_id": "AIRFLOW_CTX_DAG_RUN_ID",
    "try_number": "AIRFLOW_CTX_TRY_NUMBER",
}

#: Where Airflow imports DAG files: the last two are 3.x, the first is 2.11.
_PARSERS = frozenset(
    {
        "airflow.models.dagbag",
        "airflow.dag_processing.dagbag",
        "airflow.dag_processing.importers.python_importer",
    }
)


class _Task:
    """The task of this process, as the listener was told of it."""

    now: dict[str, str] | None = None
    #: What the environment said when it ended: in `dags test` it goes on naming that task while
    #: the next one's templates are rendered.
    left: dict[str, str] | None = None


def enter(task: dict[str, Any]) -> None:
    _Task.now = {name: str(value) for name, value in task.items() if value is not None}


def leave() -> None:
    _Task.now, _Task.left = None, _from_environment()


def current() -> dict[str, str]:
    """The running task, or ``purpose: dag-parse``: a parse is not use, and keeps no session warm."""
    if _parses_a_dag_file():
        return {"purpose": "dag-parse"}
    deferred = _trigger()
    if deferred is not None:
        return deferred
    if _Task.now is not None:
        return dict(_Task.now)
    context = _from_environment()
    return {} if context == _Task.left else context


def environment(configured: str | None, *, named: str | None = None) -> str | None:
    """Whose connections are meant: what the code itself names, else what this process was started for
    (`dagpass run --env ENV`, `$DAGPASS_ENV`), else what is configured."""
    return named or os.environ.get("DAGPASS_ENV") or configured


def switched_off() -> bool:
    return os.environ.get("DAGPASS_AIRFLOW", "").lower() == "off"


def _from_environment() -> dict[str, str]:
    return {key: os.environ[name] for key, name in _FROM_AIRFLOW.items() if os.environ.get(name)}


def _trigger() -> dict[str, str] | None:
    """The task whose trigger runs here. One triggerer runs those of many tasks on one loop, and Airflow tells
    them apart for its logs: 3.x by structlog's variables of the context, 2.11 by one of its own."""
    variables = sys.modules.get("structlog.contextvars")
    told: dict[str, Any] = variables.get_contextvars() if variables is not None else {}
    if "trigger_id" not in told:
        handler = sys.modules.get("airflow.utils.log.trigger_handler")
        variable = getattr(handler, "ctx_task_instance", None)
        task = variable.get(None) if isinstance(variable, ContextVar) else None
        if task is None:
            return None
        told = {name: getattr(task, name, None) for name in _FIELDS}
    found = {name: told.get(name) for name in _FIELDS}
    if found["map_index"] == -1:
        # Airflow's word for a task that is not mapped.
        del found["map_index"]
    return {name: str(value) for name, value in found.items() if value is not None}


def _parses_a_dag_file() -> bool:
    # The manager of 3.x's parsers answers their look-ups in its own process.
    if sys.argv[1:2] == ["dag-processor"]:
        return True
    # 2.11 parses in forks of the scheduler, which tell themselves apart by title alone.
    titles = sys.modules.get("setproctitle")
    if titles is not None and "DagFileProcessor" in titles.getproctitle():
        return True
    # Everywhere else (task processes, `dags test`, `dags list`) by who called the DAG file.
    frame = sys._getframe(1) if _PARSERS & sys.modules.keys() else None
    while frame is not None:
        if frame.f_globals.get("__name__") in _PARSERS:
            return True
        frame = frame.f_back
    return False
