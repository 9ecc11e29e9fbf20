"""A person's own tests of a DAG, as they write them: `dag.test()`, with and without a frozen clock."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from typing import Any

import pytest
from airflow import DAG
from airflow.providers.http.operators.http import HttpOperator
from freezegun import freeze_time

AGENT_IS_UP = os.environ["DAGPASS_TEST_AGENT"] == "up"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def a_dag(conn_id: str) -> DAG:
    with DAG("my_dag", schedule=None, start_date=START, catchup=False) as dag:
        HttpOperator(
            task_id="call", http_conn_id=conn_id, method="GET", endpoint=os.environ["DAGPASS_TEST_ENDPOINT"]
        )
    return dag


def outcome(conn_id: str) -> str:
    try:
        run: Any = a_dag(conn_id).test()
    except Exception as error:
        return f"raised {error}"
    return str(getattr(run.state, "value", run.state))


def test_the_dag_gets_its_token_or_fails_while_the_agent_is_away() -> None:
    ended = outcome("sandbox_api")
    assert (ended == "success") is AGENT_IS_UP, ended


@pytest.mark.skipif(not AGENT_IS_UP, reason="the other half runs this")
def test_a_frozen_clock_changes_nothing() -> None:
    from airflow_provider_dagpass.secrets import DagpassBackend

    with freeze_time("2001-01-01"):
        assert DagpassBackend().get_connection("sandbox_api").host.startswith("http://127.0.0.1")


def test_a_connection_that_the_test_sets_needs_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["DAGPASS_TEST_PLAIN_API"]
    monkeypatch.setenv("AIRFLOW_CONN_SANDBOX_API", url.replace("http://", "http://ada:stub@"))
    assert outcome("sandbox_api") == "success"
