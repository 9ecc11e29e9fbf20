"""One fresh token a request, and one second try."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import requests

from airflow_provider_dagpass.auth import AgentAuth
from airflow_provider_dagpass.client import DagpassError
from airflow_provider_dagpass.suppliers import kafka_oauth_cb
from airflow_provider_dagpass.tokens import dagpass_token
from protected_api import Api
from stub_agent import LOGIN_REQUIRED, StubAgent, reply


def gives(agent: StubAgent, token: str, after_refusal: str | None = None) -> None:
    def answer(ask: object) -> bytes:
        rejected = ask.json.get("rejected")  # type: ignore[attr-defined]
        value = after_refusal if rejected and after_refusal else token
        ends = {"expires_in": 60, "expires_at": 2_000_000_000}
        return reply(200, {"access_token": value, "token_type": "Bearer", **ends})

    agent.answer = answer


def test_each_request_of_a_session_asks_the_agent(agent: StubAgent, api: Api) -> None:
    gives(agent, "one")
    with requests.Session() as session:
        session.auth = AgentAuth()
        for _ in range(3):
            assert session.post(api.url, data="x").status_code == 200
    assert [ask.path for ask in agent.asks] == ["/v1/token"] * 3
    assert agent.asks[0].json == {}


def test_what_the_code_names_goes_before_what_the_process_was_started_for(
    agent: StubAgent, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    gives(agent, "one")
    monkeypatch.setenv("DAGPASS_ENV", "dev")
    requests.post(api.url, auth=AgentAuth(env="prod"), timeout=5)
    requests.post(api.url, auth=AgentAuth(), timeout=5)
    with dagpass_token(env="stage") as token:
        assert token.value
    kafka_oauth_cb("env=stage")
    assert [ask.json["env"] for ask in agent.asks] == ["prod", "dev", "stage", "stage"]


def test_a_refused_token_is_named_by_its_hash_and_the_request_sent_once_more(
    agent: StubAgent, api: Api
) -> None:
    gives(agent, "old", after_refusal="one")
    response = requests.post(api.url, data="payload", auth=AgentAuth(profile="prod"), timeout=5)
    assert response.status_code == 200
    assert [seen[1:] for seen in api.seen] == [("Bearer old", b"payload"), ("Bearer one", b"payload")]
    assert agent.asks[1].json == {"profile": "prod", "rejected": hashlib.sha256(b"old").hexdigest()}


def test_the_same_token_again_is_not_sent_again(agent: StubAgent, api: Api) -> None:
    gives(agent, "old")
    assert requests.post(api.url, auth=AgentAuth(), timeout=5).status_code == 401
    assert len(api.seen) == 1


def test_a_second_refusal_is_the_callers_and_the_agent_is_told_that_it_is_not_the_tokens_age(
    agent: StubAgent, api: Api
) -> None:
    gives(agent, "old", after_refusal="older")
    assert requests.post(api.url, auth=AgentAuth(), timeout=5).status_code == 401
    assert len(api.seen) == 2
    assert [(ask.json.get("rejected"), ask.json.get("renewed")) for ask in agent.asks] == [
        (None, None),
        (hashlib.sha256(b"old").hexdigest(), None),
        (hashlib.sha256(b"older").hexdigest(), True),
    ]


def test_an_agent_that_cannot_be_told_of_a_second_refusal_leaves_the_caller_its_answer(
    agent: StubAgent, api: Api
) -> None:
    def answer(ask: object) -> bytes:
        if ask.json.get("renewed"):  # type: ignore[attr-defined]
            return LOGIN_REQUIRED
        value = "older" if ask.json.get("rejected") else "old"  # type: ignore[attr-defined]
        ends = {"expires_in": 60, "expires_at": 2_000_000_000}
        return reply(200, {"access_token": value, "token_type": "Bearer", **ends})

    agent.answer = answer
    assert requests.post(api.url, auth=AgentAuth(), timeout=5).status_code == 401


def test_a_token_does_not_follow_a_redirect_to_another_host(agent: StubAgent, api: Api) -> None:
    gives(agent, "one", after_refusal="two")
    assert requests.post(f"{api.url}/away", auth=AgentAuth(), timeout=5).status_code == 401
    assert [seen[:2] for seen in api.seen] == [("/away", "Bearer one"), ("/there", None)]


@pytest.mark.parametrize(
    ("login", "ask"), [("prod", {"profile": "prod"}), ("warehouse_api", {"connection": "warehouse_api"})]
)
def test_a_login_names_a_connection_of_ours_or_else_a_profile(
    agent: StubAgent, api: Api, world: Path, login: str, ask: dict
) -> None:
    (world / "state/dagpass/connections.json").write_text(
        json.dumps({"version": 1, "connections": ["warehouse_api"]})
    )
    gives(agent, "one")
    requests.post(api.url, auth=AgentAuth(login, "ignored"), timeout=5)
    assert agent.asks[0].json == ask


def test_airflows_own_masker_takes_it(agent: StubAgent, api: Api) -> None:
    pytest.importorskip("airflow")
    gives(agent, "one-token-long-enough")
    requests.post(api.url, auth=AgentAuth(), timeout=5)
    try:
        from airflow.sdk.log import redact
    except ImportError:
        from airflow.utils.log.secrets_masker import redact
    assert "one-token" not in str(redact("it was one-token-long-enough"))


def test_not_signed_in_is_the_agents_own_error(agent: StubAgent, api: Api) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    with pytest.raises(DagpassError) as refused:
        requests.post(api.url, auth=AgentAuth(), timeout=5)
    assert refused.value.code == "login_required"
    assert api.seen == []
