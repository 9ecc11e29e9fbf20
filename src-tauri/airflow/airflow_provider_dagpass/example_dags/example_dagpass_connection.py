"""The secrets backend: a stock operator and a stock hook, and a connection that only dagpass knows.

Needs ``[secrets] backend`` (``dagpass airflow setup``) and this in dagpass's ``config.toml``::

    [connection.warehouse_api]
    profile   = "prod"
    conn-type = "http"
    host      = "https://warehouse.corp.example"
"""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

try:
    from airflow.providers.http.operators.http import HttpOperator
except ImportError:  # without apache-airflow-providers-http there is nothing to show
    HttpOperator = None

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_CONNECTION", "warehouse_api")
ENDPOINT = os.environ.get("DAGPASS_EXAMPLE_ENDPOINT", "/api/tables")

if HttpOperator is not None:
    with DAG(
        "example_dagpass_connection", schedule=None, start_date=datetime(2026, 1, 1), catchup=False
    ) as dag:
        HttpOperator(task_id="operator", http_conn_id=CONNECTION, method="GET", endpoint=ENDPOINT)

        @task  # type: ignore[untyped-decorator,unused-ignore]
        def hook() -> int:
            from airflow.providers.http.hooks.http import HttpHook

            # Each `run` reads the connection anew, and with it the token.
            return int(HttpHook(http_conn_id=CONNECTION, method="GET").run(ENDPOINT).status_code)

        hook()
