"""Whose question a trigger's is: Airflow's own triggerer runs those of two tasks on one loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_dagpass.auth import AgentAuth
from airflow_provider_dagpass.secrets import DagpassBackend
from stub_agent import StubAgent, http_connection, reply

TASKS = ("load", "report")


class Asks(BaseTrigger):
    """By the connection, in tasks of the loop's own, and by a thread that owns a client."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "test_triggers.Asks", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        backend = DagpassBackend()
        both = (backend.aget_connection("ours"), asyncio.to_thread(AgentAuth(connection="ours"), _request()))
        await asyncio.gather(*both)
        yield TriggerEvent("done")


def _request() -> Any:
    return SimpleNamespace(headers={}, register_hook=lambda *_: None)


def of_task(task_id: str) -> Any:
    who = {"dag_id": "etl", "task_id": task_id, "run_id": "manual", "try_number": 2, "map_index": -1}
    return SimpleNamespace(id=f"of-{task_id}", context_carrier=None, trigger_timeout=None, **who)


@pytest.mark.parametrize("path", ["/v1/airflow/connection", "/v1/token"])
def test_each_trigger_s_token_is_its_own_task_s(agent: StubAgent, path: str) -> None:
    def answer(ask: Any) -> bytes:
        if ask.path == "/v1/token":
            return reply(200, {"access_token": "tok-of-one", "token_type": "Bearer", "expires_in": 60})
        return http_connection("tok-of-a-connection")

    agent.answer = answer

    async def both() -> None:
        # Made inside: 2.11's own is a thread, whose loop is not what is looked at here.
        runner = TriggerRunner()
        runs = []
        for number, task_id in enumerate(TASKS):
            trigger = Asks()
            trigger.task_instance, trigger.trigger_id = of_task(task_id), number
            runner.triggers[number] = {"name": task_id, "events": 0, "is_watcher": False, "task": None}
            runs.append(asyncio.create_task(runner.run_trigger(number, trigger)))
        await asyncio.gather(*runs)
        assert [runner.triggers[number]["events"] for number in range(len(TASKS))] == [1, 1]

    asyncio.run(both())
    told = [ask.json["context"] for ask in agent.asks if ask.path == path]
    wanted = {"dag_id": "etl", "run_id": "manual", "try_number": "2"}
    assert sorted(told, key=lambda one: one["task_id"]) == [{**wanted, "task_id": task} for task in TASKS]
