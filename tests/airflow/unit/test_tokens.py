"""Tokens outside a connection: fresh at each look, and masked once each."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from freezegun import freeze_time

from airflow_provider_dagpass import masking
from airflow_provider_dagpass.client import DagpassError
from airflow_provider_dagpass.secrets import DagpassBackend
from airflow_provider_dagpass.tokens import dagpass_token
from stub_agent import LOGIN_REQUIRED, StubAgent, http_connection, reply

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
    by_name = {"mask_secret": calls.append}
    monkeypatch.setattr(masking, "_airflows_own", by_name.get)
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


def test_a_connection_s_token_is_registered_bare_and_once(agent: StubAgent, masked: list[str]) -> None:
    agent.answer = lambda ask: http_connection("bare-token")
    backend = DagpassBackend()
    for _ in range(3):
        assert backend.get_connection("warehouse_api") is not None
        assert backend.get_conn_value("warehouse_api") is not None
        assert asyncio.run(backend.aget_connection("warehouse_api")) is not None
    assert masked == ["bare-token"]


JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("found", "tokens"),
    [
        ({"extra": {"Authorization": "Bearer opaque", "timeout": "30"}}, ["opaque"]),
        ({"extra": {"authorization": f"bearer {JWT}"}}, [JWT]),
        ({"password": "opaque", "extra": {"token": JWT, "host": "a.b.c"}}, ["opaque", JWT]),
        ({"password": "", "extra": {"verify": True, "path": "/x/y"}}, []),
        ({"conn_type": "http"}, []),
        ({"extra": None}, []),
    ],
)
def test_what_in_a_connection_is_a_token(found: dict[str, Any], tokens: list[str]) -> None:
    assert list(masking.tokens_of(found)) == tokens


@pytest.mark.parametrize("name", ["mask_secret", "amask_secret"])
def test_a_masker_that_fails_costs_nobody_a_token_and_is_told_without_it(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    def fails(token: str) -> None:
        raise RuntimeError(f"re.compile({token})")

    monkeypatch.setattr(masking, "_airflows_own", {name: fails}.get)
    masking._known.clear()
    agent.answer = lambda ask: http_connection("bare-token")
    if name == "amask_secret":
        assert asyncio.run(DagpassBackend().aget_connection("warehouse_api")) is not None
    else:
        assert DagpassBackend().get_connection("warehouse_api") is not None
        gives(agent, "bare-token")
        with dagpass_token() as token:
            assert token.value == "bare-token"
    assert "masker failed (RuntimeError)" in caplog.text
    assert "bare-token" not in caplog.text


def test_airflows_own_masker_hides_a_connection_s_bare_token(agent: StubAgent) -> None:
    agent.answer = lambda ask: http_connection("bare-token-of-a-connection")
    DagpassBackend().get_connection("warehouse_api")
    assert "bare-token-of-a" not in str(redact("curl -H 'Authorization: Token bare-token-of-a-connection'"))
    agent.answer = lambda ask: http_connection("bare-token-of-a-trigger")
    asyncio.run(DagpassBackend().aget_connection("warehouse_api"))
    assert "bare-token-of-a" not in str(redact("it was bare-token-of-a-trigger"))


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
