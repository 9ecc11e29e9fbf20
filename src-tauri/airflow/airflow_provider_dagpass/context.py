"""Which DAG, task and run asks (for the record: the agent never decides by it), whether a DAG file is
being parsed, and in which environment."""

from __future__ import annotations

import os
import sys
from typing import Any

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
    if _Task.now is not None:
        return dict(_Task.now)
    context = _from_environment()
    return {} if context == _Task.left else context


def environment(configured: str | None) -> str | None:
    """Whose connections are meant: `dagpass run --env`, `$DAGPASS_ENV`, else what is configured."""
    return os.environ.get("DAGPASS_ENV") or configured


def switched_off() -> bool:
    return os.environ.get("DAGPASS_AIRFLOW", "").lower() == "off"


def _from_environment() -> dict[str, str]:
    return {key: os.environ[name] for key, name in _FROM_AIRFLOW.items() if os.environ.get(name)}


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
