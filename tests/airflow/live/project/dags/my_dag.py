"""A person's DAG: the stock operator, and a connection that only dagpass knows."""

from __future__ import annotations

import os
from datetime import datetime

from airflow import DAG
from airflow.providers.http.operators.http import HttpOperator

with DAG("my_dag", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:
    HttpOperator(
        task_id="call",
        http_conn_id="sandbox_api",
        method="GET",
        endpoint=os.environ.get("DAGPASS_TEST_ENDPOINT", "/"),
    )
