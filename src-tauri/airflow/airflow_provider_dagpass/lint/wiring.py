"""Does this Airflow ask the agent, and everywhere?"""

from __future__ import annotations

from typing import Any

from airflow_provider_dagpass.lint.finding import Finding

BACKEND = "airflow_provider_dagpass.secrets.DagpassBackend"
#: In the workers' own slot it may stand by either name.
WORKERS = (BACKEND, "airflow_provider_dagpass.secrets.DagpassWorkersBackend")
_SETUP = "run `dagpass airflow setup --for venv`, or for your layout"


def look(conf: Any) -> list[Finding]:
    server = conf.get("secrets", "backend", fallback="")
    worker = conf.get("workers", "secrets_backend", fallback="")
    if server != BACKEND and worker not in WORKERS:
        return [Finding("wiring", "problem", "neither [secrets] nor [workers] names the backend", _SETUP)]
    found = []
    if worker and worker not in WORKERS:
        what = "[workers] secrets_backend names another backend: tasks do not ask the agent"
        found.append(Finding("wiring", "problem", what, _SETUP))
    if server != BACKEND:
        what = "only [workers] names the backend: `airflow connections get` does not ask the agent"
        found.append(Finding("wiring", "warning", what, _SETUP))
    if conf.getboolean("secrets", "use_cache", fallback=False):
        seconds = conf.getint("secrets", "cache_ttl_seconds", fallback=900)
        what = f"[secrets] use_cache keeps a connection for {seconds} s while DAG files are parsed"
        hint = "a token that is used at parse time may have ended by then: ask for it in the task"
        found.append(Finding("wiring", "warning", what, hint))
    return found or [Finding("wiring", "ok", "Airflow asks the agent")]
