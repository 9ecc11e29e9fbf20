"""A DAG file that looks a connection up while it is parsed, as people write them, and a task that does
so while it runs and in a template."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow import DAG

try:
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import Connection

    def look_up() -> Any:
        return Connection.get("sandbox_api")

except ImportError:
    from airflow.hooks.base import BaseHook
    from airflow.operators.python import PythonOperator

    def look_up() -> Any:
        return BaseHook.get_connection("sandbox_api")


HOST = look_up().host


def call(host: str) -> None:
    if look_up().host != host:
        raise RuntimeError("another connection")


with DAG("dagpass_at_parse", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    PythonOperator(task_id="call", python_callable=call, op_args=["{{ conn.sandbox_api.host }}"])
