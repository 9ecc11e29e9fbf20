"""The event loop goes on while the agent is asked."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dagpass import client
from airflow_provider_dagpass.secrets import DagpassBackend
from stub_agent import LOGIN_REQUIRED, NOT_FOUND, StubAgent, http_connection

try:
    from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied as AccessDenied
except ImportError:
    AccessDenied = None

#: A loop that waited for the agent would be later by a whole answer.
LATE = 1.5
SLOW = 2.0


async def lag_during(work: Any) -> tuple[Any, float]:
    """What the work gave, and by how much the loop was late at worst."""
    worst = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        before = time.monotonic()
        await asyncio.sleep(0.01)
        worst = max(worst, time.monotonic() - before - 0.01)
    return task.result(), worst


def test_a_slow_agent_holds_no_loop_and_a_hundred_triggers_are_one_question(agent: StubAgent) -> None:
    def slow(ask: object) -> bytes:
        time.sleep(SLOW)
        return http_connection("tok")

    agent.answer = slow
    backend = DagpassBackend()
    # A triggerer has imported Airflow's Connection long before.
    backend.deserialize_connection(conn_id="warm", value=json.dumps({"conn_type": "http"}))

    async def hundred() -> list[Any]:
        return await asyncio.gather(*(backend.aget_connection("warehouse_api") for _ in range(100)))

    found, worst = asyncio.run(lag_during(hundred()))
    assert {connection.extra_dejson["Authorization"] for connection in found} == {"Bearer tok"}
    assert len(agent.asks) == 1
    assert worst < LATE


def test_an_agent_that_says_nothing_ends_in_the_refusal_and_holds_no_loop(
    agent: StubAgent, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", SLOW)
    known = {"version": 1, "connections": [f"ours_{number}" for number in range(20)]}
    (world / "state/dagpass/connections.json").write_text(json.dumps(known))
    done = threading.Event()

    def silent(ask: object) -> bytes:
        done.wait(20)
        return b""

    agent.answer = silent
    backend = DagpassBackend()

    async def eight() -> list[Any]:
        asks = (backend.aget_connection(f"ours_{number}") for number in range(8))
        return await asyncio.gather(*asks, return_exceptions=True)

    started = time.monotonic()
    found, worst = asyncio.run(lag_during(eight()))
    assert time.monotonic() - started < 3 * SLOW, "they wait side by side"
    assert all("did not answer" in str(one) if AccessDenied else one is None for one in found)
    assert worst < LATE
    done.set()


def test_one_who_gives_up_leaves_the_others_their_answer(agent: StubAgent) -> None:
    def slow(ask: object) -> bytes:
        time.sleep(SLOW / 2)
        return http_connection("tok")

    agent.answer = slow
    backend = DagpassBackend()

    async def two() -> Any:
        impatient = asyncio.ensure_future(backend.aget_connection("x"))
        patient = asyncio.ensure_future(backend.aget_connection("x"))
        await asyncio.sleep(0.05)
        impatient.cancel()
        return await patient

    assert asyncio.run(two()).host == "https://warehouse.example"
    assert len(agent.asks) == 1


def test_answers_are_not_kept(agent: StubAgent) -> None:
    agent.answer = lambda ask: http_connection(f"tok-{len(agent.asks)}")
    backend = DagpassBackend()

    async def twice() -> list[str]:
        found = [await backend.aget_connection("x") for _ in range(2)]
        return [connection.extra_dejson["Authorization"] for connection in found]

    assert asyncio.run(twice()) == ["Bearer tok-1", "Bearer tok-2"]


def test_a_refusal_reaches_the_trigger_and_a_foreign_id_is_a_miss(agent: StubAgent) -> None:
    assert asyncio.run(DagpassBackend().aget_connection("aws_default")) is None
    agent.answer = lambda ask: LOGIN_REQUIRED
    if AccessDenied is None:
        assert asyncio.run(DagpassBackend().aget_connection("x")) is None
        return
    with pytest.raises(AccessDenied, match="run `dagpass login prod`"):
        asyncio.run(DagpassBackend().aget_connection("x"))


class Sync:
    def get_connection(self, conn_id: str) -> str:
        return f"sync {conn_id} {threading.current_thread() is threading.main_thread()}"


class Async:
    async def aget_connection(self, conn_id: str, team_name: str | None = None) -> str:
        return f"async {conn_id} {team_name}"


@pytest.mark.parametrize(("kind", "said"), [("Sync", "sync x False"), ("Async", "async x blue")])
def test_the_backend_that_was_there_is_asked_its_own_way(agent: StubAgent, kind: str, said: str) -> None:
    agent.answer = lambda ask: NOT_FOUND
    backend = DagpassBackend(next={"class": f"{__name__}.{kind}"})
    assert asyncio.run(backend.aget_connection("x", team_name="blue")) == said
