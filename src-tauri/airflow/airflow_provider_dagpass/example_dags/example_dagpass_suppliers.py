"""Databricks and Kafka ask for their token themselves: by the path of a function of ours.

Databricks, the connection's extra (RFC 8693 federation)::

    {"federated_token_provider": "airflow_provider_dagpass.suppliers.profile_prod"}

Kafka, the connection's extra, with the path in ``[apache_kafka] callback_allowlist``::

    {"sasl.mechanisms": "OAUTHBEARER", "sasl.oauthbearer.config": "connection=lake_kafka",
     "oauth_cb": "airflow_provider_dagpass.suppliers.kafka_oauth_cb"}
"""

from __future__ import annotations

import os
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

CONNECTION = os.environ.get("DAGPASS_EXAMPLE_CONNECTION", "warehouse_api")

with DAG("example_dagpass_suppliers", schedule=None, start_date=datetime(2026, 1, 1), catchup=False) as dag:

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def as_kafka_asks() -> float:
        from airflow_provider_dagpass.suppliers import kafka_oauth_cb

        _, ends = kafka_oauth_cb(f"connection={CONNECTION}")
        return ends

    @task  # type: ignore[untyped-decorator,unused-ignore]
    def as_databricks_asks() -> bool:
        from airflow_provider_dagpass import suppliers

        return bool(suppliers.federated_token())

    as_kafka_asks() >> as_databricks_asks()
