"""A person's own tests of a DAG, as they write them: `dag.test()`, with and without a frozen clock."""

from __future__ import annotations

import os
from typing import Any

import pytest
from freezegun import freeze_time
from my_dag import dag

AGENT_IS_UP = os.environ["DAGPASS_TEST_AGENT"] == "up"


def outcome() -> str:
    try:
        run: Any = dag.test()
    except Exception as error:
        return f"raised {error}"
    return str(getattr(run.state, "value", run.state))


def test_the_dag_gets_its_token_or_fails_while_the_agent_is_away() -> None:
    ended = outcome()
    assert (ended == "success") is AGENT_IS_UP, ended


@pytest.mark.skipif(not AGENT_IS_UP, reason="the other half runs this")
def test_a_frozen_clock_changes_nothing() -> None:
    from airflow_provider_dagpass.secrets import DagpassBackend

    with freeze_time("2001-01-01"):
        assert DagpassBackend().get_connection("sandbox_api").host.startswith("http://127.0.0.1")


def test_a_connection_that_the_test_sets_needs_no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    url = os.environ["DAGPASS_TEST_PLAIN_API"]
    monkeypatch.setenv("AIRFLOW_CONN_SANDBOX_API", url.replace("http://", "http://ada:stub@"))
    assert outcome() == "success"
