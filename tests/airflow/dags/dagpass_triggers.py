"""Deferred work: the stock HttpOperator in a triggerer, and a trigger that watches the event loop while
it calls the API through the connection that only dagpass knows.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

from airflow import DAG
from airflow.providers.http.hooks.http import HttpAsyncHook
from airflow.providers.http.operators.http import HttpOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

try:
    from airflow.sdk import BaseOperator
except ImportError:
    from airflow.models.baseoperator import BaseOperator

CONNECTION = os.environ.get("DAGPASS_TEST_CONNECTION", "sandbox_api")
ENDPOINT = os.environ.get("DAGPASS_TEST_ENDPOINT", "/")
SECONDS = float(os.environ.get("DAGPASS_TEST_SECONDS", "16"))
REPORT = os.environ.get("DAGPASS_TEST_REPORT", os.devnull)
#: How often does the watch ask the loop for a turn?
TICK = 0.01


class Watch(BaseTrigger):
    """Calls the API again and again, and measures how late the loop is at worst."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "dagpass_triggers.Watch", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        end = time.monotonic() + SECONDS
        calls, late = await asyncio.gather(self._call(end), self._watch(end))
        yield TriggerEvent({**calls, "late": late})

    async def _call(self, end: float) -> dict[str, Any]:
        statuses, longest = [], 0.0
        while time.monotonic() < end:
            started = time.monotonic()
            # A hook keeps the connection it looked up: a new one looks again.
            async with HttpAsyncHook(method="GET", http_conn_id=CONNECTION).session() as session:
                statuses.append((await session.run(ENDPOINT)).status)
            longest = max(longest, time.monotonic() - started)
            Path(REPORT).write_text(json.dumps({"calls": len(statuses)}))
            await asyncio.sleep(0.2)
        return {"statuses": statuses, "longest": longest}

    async def _watch(self, end: float) -> float:
        worst = 0.0
        while time.monotonic() < end:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            worst = max(worst, time.monotonic() - before - TICK)
        return worst


class WatchOperator(BaseOperator):
    def execute(self, context: Any) -> None:
        self.defer(trigger=Watch(), method_name="report")

    def report(self, context: Any, event: dict[str, Any]) -> None:
        Path(REPORT).write_text(json.dumps(event))


with DAG("dagpass_deferred", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    HttpOperator(task_id="call", http_conn_id=CONNECTION, method="GET", endpoint=ENDPOINT, deferrable=True)

with DAG("dagpass_watch", schedule=None, start_date=datetime(2026, 1, 1), catchup=False):
    WatchOperator(task_id="watch")
