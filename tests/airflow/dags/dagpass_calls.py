"""DAGs that call a protected API through a connection that only dagpass knows.

They hold no token and no address: `DAGPASS_TEST_ENDPOINT` is the path at the connection's host.
Any answer but 200 fails the run.
"""

from __future__ import annotations

import hashlib
import os
import time
from datetime import datetime
from typing import Any

from airflow import DAG
from airflow.providers.http.hooks.http import HttpHook
from airflow.providers.http.operators.http import HttpOperator

try:
    from airflow.providers.standard.operators.python import PythonOperator
except ImportError:
    from airflow.operators.python import PythonOperator

CONNECTION = os.environ.get("DAGPASS_TEST_CONNECTION", "sandbox_api")
ENDPOINT = os.environ.get("DAGPASS_TEST_ENDPOINT", "/")
#: How long does the long task call, and how many tokens must it have been served by then?
SECONDS = float(os.environ.get("DAGPASS_TEST_SECONDS", "16"))
TOKENS = int(os.environ.get("DAGPASS_TEST_TOKENS", "3"))
PAUSE = 0.5


def call_by_hook() -> None:
    hook = HttpHook(method="GET", http_conn_id=CONNECTION)
    _call_for_a_while(lambda: hook.run(ENDPOINT))


def call_by_session() -> None:
    from airflow_provider_dagpass.auth import AgentAuth

    hook = HttpHook(method="GET", http_conn_id=CONNECTION)
    with hook.get_conn() as session:
        session.auth = AgentAuth(connection=CONNECTION)
        url = hook.url_from_endpoint(ENDPOINT)
        _call_for_a_while(lambda: session.get(url, timeout=10))


def _call_for_a_while(call: Any) -> None:
    tokens: set[str] = set()
    calls = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        response = call()
        if response.status_code != 200:
            raise RuntimeError(f"call {calls}: HTTP {response.status_code}")
        calls += 1
        tokens.add(hashlib.sha256(response.request.headers["Authorization"].encode()).hexdigest()[:12])
        time.sleep(PAUSE)
    print(f"dagpass: {calls} calls, all 200, {len(tokens)} tokens")
    if len(tokens) < TOKENS:
        raise RuntimeError(f"{len(tokens)} tokens in {SECONDS} s, expected {TOKENS}")


def dag(name: str) -> DAG:
    return DAG(name, schedule=None, start_date=datetime(2026, 1, 1), catchup=False)


with dag("dagpass_operator"):
    HttpOperator(
        task_id="call",
        http_conn_id=CONNECTION,
        method="GET",
        endpoint=ENDPOINT,
        response_check=lambda response: response.status_code == 200,
    )

with dag("dagpass_hook"):
    PythonOperator(task_id="call", python_callable=call_by_hook)

with dag("dagpass_session"):
    PythonOperator(task_id="call", python_callable=call_by_session)
