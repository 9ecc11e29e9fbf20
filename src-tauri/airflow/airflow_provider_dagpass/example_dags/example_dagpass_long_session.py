"""``AgentAuth``: one session for hours, a fresh token on each of its requests."""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_CONNECTION", "warehouse_api")
ENDPOINT = os.environ.get("DAGPASS_EXAMPLE_ENDPOINT", "/api/tables")

with DAG(
    "example_dagpass_long_session", schedule=None, start_date=datetime(2026, 1, 1), catchup=False
) as dag:

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def page_through() -> int:
        from airflow.providers.http.hooks.http import HttpHook

        from airflow_provider_dagpass.auth import AgentAuth

        hook = HttpHook(http_conn_id=CONNECTION, method="GET")
        pages = 0
        with hook.get_conn() as session:
            session.auth = AgentAuth(connection=CONNECTION)
            url = hook.url_from_endpoint(ENDPOINT)
            for page in range(3):
                session.get(url, params={"page": page}, timeout=30).raise_for_status()
                pages += 1
        return pages

    page_through()
