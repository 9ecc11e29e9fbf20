"""The backend that had the ``[secrets] backend`` slot before us, asked after us.

Made at its first use, with the errors it always had. Decides nothing about what it answers.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from importlib import import_module
from typing import Any


class NextBackend:
    """``spec`` is ``{"class": …, "kwargs": {…}}``, or that as JSON text; empty for none. ``more`` are
    arguments that were given beside it, as Airflow 3 lets the environment add to the file's."""

    def __init__(self, spec: Any, more: dict[str, Any]) -> None:
        self._spec = spec
        self._more = more
        self._backend: Any = None

    def __bool__(self) -> bool:
        return bool(self._spec)

    def call(self, method: str, ours: Any, team_name: str | None, **arguments: str) -> Any:
        """As Airflow calls a backend: ``team_name`` goes only to those that take it."""
        backend = self._made(ours)
        bound = getattr(backend, method)
        if method != "get_config" and _takes_team_name(bound):
            arguments["team_name"] = team_name  # type: ignore[assignment]
        return bound(**arguments)

    async def acall(self, ours: Any, team_name: str | None, conn_id: str) -> Any:
        """Its connection, from an event loop: by its own async method, else in a thread."""
        method = getattr(self._made(ours), "aget_connection", None)
        if method is None:
            call = self.call
            return await asyncio.to_thread(call, "get_connection", ours, team_name, conn_id=conn_id)
        more = {"team_name": team_name} if _takes_team_name(method) else {}
        found = method(conn_id, **more)
        return await found if inspect.isawaitable(found) else found

    def _made(self, ours: Any) -> Any:
        if self._backend is None:
            spec = json.loads(self._spec) if isinstance(self._spec, str) else self._spec
            module, _, name = spec["class"].rpartition(".")
            backend = getattr(import_module(module), name)(**{**(spec.get("kwargs") or {}), **self._more})
            # Airflow 3 tells its backends which Connection to make: a task's is not the server's.
            wanted = getattr(ours, "_connection_class", None)
            if wanted is not None and hasattr(backend, "_set_connection_class"):
                backend._set_connection_class(wanted)
            self._backend = backend
        return self._backend


def _takes_team_name(method: Any) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return True
    return "team_name" in parameters or any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    )
