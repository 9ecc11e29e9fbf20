"""Which DAG, task and run asks (for the record: the agent never decides by it), and in which
environment."""

from __future__ import annotations

import os
import sys

_FROM_AIRFLOW = {
    "dag_id": "AIRFLOW_CTX_DAG_ID",
    "task_id": "AIRFLOW_CTX_TASK_ID",
    "run_id": "AIRFLOW_CTX_DAG_RUN_ID",
    "try": "AIRFLOW_CTX_TRY_NUMBER",
}


def current() -> dict[str, str]:
    """What Airflow tells of the running task (it sets these around ``execute`` only)."""
    context = {key: os.environ[name] for key, name in _FROM_AIRFLOW.items() if os.environ.get(name)}
    if not context and _in_dag_processor():
        # A parse every 30 seconds is not use: it must not keep a session warm.
        context["purpose"] = "dag-parse"
    return context


def environment(configured: str | None) -> str | None:
    """Whose connections are meant: `dagpass run --env`, `$DAGPASS_ENV`, else what is configured."""
    return os.environ.get("DAGPASS_ENV") or configured


def _in_dag_processor() -> bool:
    if sys.argv[1:2] == ["dag-processor"]:
        return True
    # 2.11 parses in forks of the scheduler, which tell themselves apart by title alone.
    titles = sys.modules.get("setproctitle")
    return titles is not None and "DagFileProcessor" in titles.getproctitle()
