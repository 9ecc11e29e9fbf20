"""A connection from the agent without holding the event loop that asks.

Decides which questions share one answer. Threads of its own: those of the loop also look up names for
every HTTP client, and a slow agent must not stop them.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from airflow_provider_dagpass.client import AGENT

#: How many different questions may wait for a slow agent side by side?
WORKERS = 8

#: With the task that asks: what the agent writes down of an answer holds for one.
Key = tuple[asyncio.AbstractEventLoop, str, "str | None", frozenset[tuple[str, str]]]

_threads: ThreadPoolExecutor | None = None
_flights: dict[Key, asyncio.Future[dict[str, Any] | None]] = {}


async def connection(conn_id: str, env: str | None, context: dict[str, str]) -> dict[str, Any] | None:
    """As ``Agent.connection``. A hundred that ask for one connection in one task are one question."""
    loop = asyncio.get_running_loop()
    key = (loop, conn_id, env, frozenset(context.items()))
    flight = _flights.get(key)
    if flight is None:
        flight = loop.run_in_executor(_made(), _ask, conn_id, env, context)
        _flights[key] = flight
        flight.add_done_callback(lambda landed: _land(key, landed))
    # Whoever is cancelled leaves the others their answer.
    return await asyncio.shield(flight)


def _ask(conn_id: str, env: str | None, context: dict[str, str]) -> dict[str, Any] | None:
    return AGENT.connection(conn_id, env=env, context=context)


def _land(key: Key, landed: asyncio.Future[Any]) -> None:
    del _flights[key]
    if not landed.cancelled():
        # Looked at, so that nobody is warned of an error whose waiters have gone.
        landed.exception()


def _made() -> ThreadPoolExecutor:
    global _threads  # noqa: PLW0603
    if _threads is None:
        _threads = ThreadPoolExecutor(WORKERS, "dagpass")
    return _threads


def _forget() -> None:
    # Threads do not live on in a fork, nor does the loop that waits for them.
    global _threads  # noqa: PLW0603
    _threads = None
    _flights.clear()


os.register_at_fork(after_in_child=_forget)
