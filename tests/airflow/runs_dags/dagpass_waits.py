"""A DAG whose task looks up a connection that a rule asks a person about."""

from __future__ import annotations

from datetime import datetime

from airflow import DAG

try:
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import Connection

    def look_up() -> str:
        return str(Connection.get("asked_api").host)

except ImportError:
    from airflow.hooks.base import BaseHook
    from airflow.operators.python import PythonOperator

    def look_up() -> str:
        return str(BaseHook.get_connection("asked_api").host)


with DAG("dagpass_waits", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    PythonOperator(task_id="call", python_callable=lambda: print("found", look_up()))
