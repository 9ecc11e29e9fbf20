"""``dagpass_token``: for code that owns its client and takes a header."""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_CONNECTION", "warehouse_api")
URL = os.environ.get("DAGPASS_EXAMPLE_URL", "https://warehouse.corp.example/api/tables")

with DAG("example_dagpass_own_client", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def call() -> int:
        from urllib.request import Request, urlopen

        from airflow_provider_dagpass.tokens import dagpass_token

        with dagpass_token(connection=CONNECTION) as token:
            # Read where it is used: it is fresh each time, and masked in the task's log.
            return int(urlopen(Request(URL, headers=token.header), timeout=30).status)

    call()
