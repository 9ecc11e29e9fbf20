"""A deferrable operator: the triggerer asks dagpass without holding its event loop."""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG

try:
    from airflow.providers.http.operators.http import HttpOperator
except ImportError:  # without apache-airflow-providers-http there is nothing to show
    HttpOperator = None

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_CONNECTION", "warehouse_api")
ENDPOINT = os.environ.get("DAGPASS_EXAMPLE_ENDPOINT", "/api/tables")

if HttpOperator is not None:
    with DAG(
        "example_dagpass_deferrable", schedule=None, start_date=datetime(2026, 1, 1), catchup=False
    ) as dag:
        # The connection must come from the secrets backend, without a login: `HttpAsyncHook` knows no
        # `auth_type` but Basic, and ignores ours.
        HttpOperator(
            task_id="call", http_conn_id=CONNECTION, method="GET", endpoint=ENDPOINT, deferrable=True
        )
