"""A rule asks a person first: what waits for the answer, for how long, and what it says when none came."""

from __future__ import annotations

import pickle

import pytest

from airflow_provider_dagpass import client
from airflow_provider_dagpass.client import AGENT, ApprovalPending, DagpassError
from airflow_provider_dagpass.secrets import DagpassBackend
from stub_agent import StubAgent, http_connection, reply

HINT = "a person answers in the tray or the window, or with `dagpass approve ap-1` in another terminal"


def pending(retry_after: str = "0") -> bytes:
    body = {
        "error": "approval_pending",
        "error_description": "a person has to approve this first",
        "cause": "the rule `production` asks for a person's approval",
        "hint": HINT,
        "approval": "ap-1",
    }
    return reply(403, body, Retry_After=retry_after)


def test_a_question_is_asked_again_until_somebody_approves_it(agent: StubAgent) -> None:
    agent.answer = lambda ask: pending() if len(agent.asks) < 4 else http_connection("tok")
    found = AGENT.connection("warehouse")
    assert found is not None
    assert found["extra"]["Authorization"] == "Bearer tok"
    assert [ask.json for ask in agent.asks] == [{"conn_id": "warehouse"}] * 4
    assert agent.accepted == 1, "on one connection"


def test_a_refusal_ends_the_wait(agent: StubAgent) -> None:
    refused = {"error": "approval_refused", "error_description": "the approval was refused"}
    agent.answer = lambda ask: pending() if len(agent.asks) < 2 else reply(403, refused)
    with pytest.raises(DagpassError) as told:
        AGENT.token(profile="prod")
    assert told.value.code == "approval_refused"
    assert not isinstance(told.value, ApprovalPending)


@pytest.mark.parametrize("retry_after", ["60", "Wed, 21 Oct 2015 07:28:00 GMT", ""])
def test_whoever_has_no_time_to_wait_is_told_what_to_do_and_a_retry_meets_the_answer(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch, retry_after: str
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 2.5)
    agent.answer = lambda ask: pending(retry_after)
    with pytest.raises(ApprovalPending) as told:
        AGENT.token(profile="prod")
    error = pickle.loads(pickle.dumps(told.value))
    assert (error.code, error.status, error.approval) == ("approval_pending", 403, "ap-1")
    assert HINT in str(error)
    assert len(agent.asks) == 1
    agent.answer = lambda ask: reply(200, {"access_token": "tok"})
    assert AGENT.token(profile="prod")["access_token"] == "tok"


def test_a_file_that_is_parsed_waits_for_nobody(agent: StubAgent) -> None:
    agent.answer = lambda ask: pending()
    with pytest.raises(ApprovalPending):
        AGENT.connection("warehouse", context={"purpose": "dag-parse"})
    assert len(agent.asks) == 1


def test_a_task_fails_with_the_hint_in_a_way_that_airflow_tries_again(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.5)
    agent.answer = lambda ask: pending("2")
    try:
        from airflow.sdk.exceptions import AirflowFailException, AirflowSecretsBackendAccessDenied
    except ImportError:
        # Airflow 2 swallows what a backend raises: it is said aloud, and nothing is found.
        assert DagpassBackend().get_conn_value("warehouse") is None
        said = caplog.text
    else:
        with pytest.raises(AirflowSecretsBackendAccessDenied) as told:
            DagpassBackend().get_conn_value("warehouse")
        assert not isinstance(told.value, AirflowFailException), "that would not be tried again"
        said = str(told.value)
    assert HINT in said
    assert len(agent.asks) == 1
    agent.answer = lambda ask: http_connection("tok")
    assert "tok" in str(DagpassBackend().get_conn_value("warehouse"))
