"""The connection type ``dagpass_http``: found by its type, one fresh token a request."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airflow.models.connection import Connection
from airflow.providers.http.operators.http import HttpOperator
from requests.auth import HTTPBasicAuth

from airflow_provider_dagpass.auth import AgentAuth
from airflow_provider_dagpass.hooks.http import DagpassHttpHook
from protected_api import Api
from stub_agent import LOGIN_REQUIRED, StubAgent, reply


@pytest.fixture(autouse=True)
def token(agent: StubAgent) -> None:
    agent.answer = lambda ask: reply(200, {"access_token": "one", "token_type": "Bearer", "expires_in": 60})


@pytest.fixture
def connects(api: Api, world: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Api]:
    """A connection of ours in Airflow's environment, with a login; the agent knows two."""
    known = {"version": 1, "connections": ["warehouse_api", "lake_api"]}
    (world / "state/dagpass/connections.json").write_text(json.dumps(known))

    def connects(login: str) -> Api:
        uri = f"dagpass-http://{login}@127.0.0.1:{api.server_port}"
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_API", uri)
        monkeypatch.setenv("AIRFLOW_CONN_PLAIN_API", uri)
        return api

    return connects


def test_airflow_finds_the_hook_by_the_connections_type() -> None:
    hook = Connection(conn_id="x", conn_type="dagpass_http", host="h").get_hook(
        hook_params={"method": "GET", "auth_type": None}
    )
    assert isinstance(hook, DagpassHttpHook)
    assert (hook.http_conn_id, hook.method) == ("x", "GET")


@pytest.mark.parametrize(
    ("login", "ask"),
    [
        ("", {"connection": "warehouse_api"}),
        ("prod", {"profile": "prod"}),
        ("lake_api", {"connection": "lake_api"}),
    ],
)
def test_the_stock_operator_sends_the_token_that_the_connection_names(
    agent: StubAgent, connects: Callable[[str], Api], login: str, ask: dict[str, Any]
) -> None:
    api = connects(login)
    HttpOperator(task_id="t", http_conn_id="warehouse_api", endpoint="/x").execute({})
    assert [seen[:2] for seen in api.seen] == [("/x", "Bearer one")]
    assert agent.asks[-1].json == ask


def test_a_connection_that_names_nobody_means_the_default_profile(
    agent: StubAgent, connects: Callable[[str], Api]
) -> None:
    connects("")
    DagpassHttpHook(http_conn_id="plain_api").run("/x")
    assert agent.asks[-1].json == {}


@pytest.mark.parametrize(
    ("conn_id", "login", "told"),
    [
        ("plain_api", "prod", "with the token of profile `prod`"),
        ("plain_api", "lake_api", "with the token of connection `lake_api`"),
        ("warehouse_api", "", "with the token of connection `warehouse_api`"),
        ("plain_api", "", "with the token of the default profile: no login names another one."),
    ],
)
def test_the_form_s_test_says_with_whose_token_it_asked(
    agent: StubAgent, connects: Callable[[str], Api], conn_id: str, login: str, told: str
) -> None:
    api = connects(login)
    good, said = Connection.get_connection_from_secrets(conn_id).test_connection()
    assert (good, told in said) == (True, True), said
    assert len(api.seen) == 1
    agent.answer = lambda ask: LOGIN_REQUIRED
    bad, said = Connection.get_connection_from_secrets(conn_id).test_connection()
    assert (bad, told in said, "run `dagpass login prod`" in said) == (False, True, True), said


def test_what_a_dag_chooses_itself_stays(agent: StubAgent) -> None:
    assert DagpassHttpHook(auth_type=HTTPBasicAuth).auth_type is HTTPBasicAuth
    assert isinstance(DagpassHttpHook(auth_type=None).auth_type(), AgentAuth)
