"""Tokens outside a connection: fresh at each look, and masked once each."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator

import pytest
from freezegun import freeze_time

from airflow_provider_dagpass import masking
from airflow_provider_dagpass.client import DagpassError
from airflow_provider_dagpass.tokens import dagpass_token
from stub_agent import LOGIN_REQUIRED, StubAgent, reply

try:
    from airflow.sdk.log import redact
except ImportError:
    from airflow.utils.log.secrets_masker import redact


def gives(agent: StubAgent, *tokens: str) -> None:
    left = list(tokens)

    def answer(_ask: object) -> bytes:
        value = left.pop(0) if len(left) > 1 else left[0]
        return reply(200, {"access_token": value, "token_type": "Bearer", "expires_at": 2_000_000_000})

    agent.answer = answer


@pytest.fixture
def masked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    calls: list[str] = []
    monkeypatch.setattr(masking, "_airflows_own", lambda: calls.append)
    masking._known.clear()
    yield calls
    masking._known.clear()


def test_each_look_asks_the_agent(agent: StubAgent) -> None:
    gives(agent, "first-token", "second-token")
    with dagpass_token(connection="warehouse_api") as token:
        assert token.value == "first-token"
        assert token.header == {"Authorization": "Bearer second-token"}
    assert agent.asks[0].json == {"connection": "warehouse_api"}


def test_a_frozen_clock_changes_nothing(agent: StubAgent) -> None:
    gives(agent, "first-token", "second-token")
    with freeze_time("2001-01-01"), dagpass_token() as token:
        assert (token.value, token.value) == ("first-token", "second-token")


def test_a_refused_value_is_named_by_its_digest(agent: StubAgent) -> None:
    gives(agent, "first-token", "second-token")
    with dagpass_token() as token:
        assert token.refused(token.value) == "second-token"
    assert agent.asks[1].json == {"rejected": hashlib.sha256(b"first-token").hexdigest()}


def test_nothing_is_handed_out_after_the_block_nor_shown(agent: StubAgent) -> None:
    gives(agent, "first-token")
    with dagpass_token() as token:
        assert "first" not in f"{token!r} {token}"
    with pytest.raises(RuntimeError, match="has ended"):
        assert token.value
    assert agent.asks == []


def test_not_signed_in_is_the_agents_own_error(agent: StubAgent) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    with dagpass_token() as token, pytest.raises(DagpassError) as refused:
        assert token.value
    assert (refused.value.code, refused.value.hint) == ("login_required", "run `dagpass login prod`")


def test_each_value_is_registered_with_the_masker_once(agent: StubAgent, masked: list[str]) -> None:
    gives(agent, "one", "one", "two", "one")
    for _ in range(4):
        with dagpass_token() as token:
            assert token.value
    assert masked == ["one", "two"]


def test_a_fork_tells_its_own_supervisor_again(agent: StubAgent, masked: list[str]) -> None:
    masking.register("one")
    read, write = os.pipe()
    if os.fork() == 0:
        masking.register("one")
        os.write(write, str(masked.count("one")).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "2"


def test_airflows_own_masker_takes_it(agent: StubAgent) -> None:
    gives(agent, "a-token-of-the-context-manager")
    with dagpass_token() as token:
        assert token.value not in str(redact(f"it was {token.value}"))


def test_a_hundred_and_fifty_lookups_of_one_token_cost_under_a_cpu_second(agent: StubAgent) -> None:
    gives(agent, "e" * 1200)
    started = time.process_time()
    for _ in range(150):
        with dagpass_token() as token:
            assert token.value
    assert time.process_time() - started < 1
