"""The connection type ``dagpass_http``: a connection of your own, without a secret, and no DAG change.

The connection may lie where connections lie (database, environment, another secrets backend)::

    AIRFLOW_CONN_WAREHOUSE_TYPED='dagpass-http://prod@https%3A%2F%2Fwarehouse.corp.example'

Its login names a profile of dagpass, or one of its connections; empty means the default profile.
"""

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

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_TYPED", "warehouse_typed")
ENDPOINT = os.environ.get("DAGPASS_EXAMPLE_ENDPOINT", "/api/tables")

if HttpOperator is not None:
    with DAG(
        "example_dagpass_http_type", schedule=None, start_date=datetime(2026, 1, 1), catchup=False
    ) as dag:
        HttpOperator(task_id="call", http_conn_id=CONNECTION, method="GET", endpoint=ENDPOINT)
