"""The backend that had the ``[secrets] backend`` slot before us, asked after us.

Decides where it is named, and that a chain that is broken is told aloud once. Made at its first use, with the
errors it always had; decides nothing about what it answers.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import sys
from configparser import ConfigParser
from dataclasses import dataclass
from importlib import import_module
from typing import Any

log = logging.getLogger(__name__)

#: Beside ``backend``: the class that stood there, and which environment is ours. Its arguments stay where
#: they are (file, command, secret, environment), and Airflow gives them to us as it gave them to it.
NEXT, ENV = "dagpass_next", "dagpass_env"
#: Errors whose text names code alone, never an argument's value.
_TELLABLE = (ImportError, AttributeError, TypeError, KeyError, json.JSONDecodeError)
#: What this process was told: Airflow makes a backend more than once.
_told: set[tuple[str, str]] = set()


@dataclass(frozen=True)
class Chain:
    """What the arguments and the section come to."""

    env: str | None
    next: NextBackend
    #: Arguments that are nobody's.
    unknown: list[str]


def settle(section: str, env: str | None, spec: Any, theirs: dict[str, Any]) -> Chain:
    """``spec`` is ``{"class": …, "kwargs": {…}}``, or that as JSON text. Where the section names the backend
    that was there, all arguments are that one's, whatever they are called."""
    named = setting(section, NEXT)
    ours = setting(section, ENV)
    if named and not spec:
        more = theirs if env is None else {**theirs, "env": env}
        return Chain(ours, NextBackend({"class": named}, more), [])
    return Chain(env or ours, NextBackend(spec, theirs), [] if spec else sorted(theirs))


def setting(section: str, key: str) -> str | None:
    """A key of ours in a section of Airflow's, from the environment or its file. Not by Airflow's own
    look-up, which asks every installed provider about a key that it does not know."""
    named = os.environ.get(f"AIRFLOW__{section.upper()}__{key.upper()}")
    if named:
        return named
    conf = getattr(sys.modules.get("airflow.configuration"), "conf", None)
    if not isinstance(conf, ConfigParser) or not ConfigParser.has_option(conf, section, key):
        return None
    return ConfigParser.get(conf, section, key).strip() or None


class NextBackend:
    """``more`` are arguments that were given beside ``spec``, as Airflow 3 lets the environment add to the
    file's. Empty for none."""

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
            try:
                self._backend = self._make()
            except Exception as error:
                self._tell(error)
                raise
            # Airflow 3 tells its backends which Connection to make: a task's is not the server's.
            wanted = getattr(ours, "_connection_class", None)
            if wanted is not None and hasattr(self._backend, "_set_connection_class"):
                self._backend._set_connection_class(wanted)
        return self._backend

    def _make(self) -> Any:
        spec = json.loads(self._spec) if isinstance(self._spec, str) else self._spec
        module, _, name = spec["class"].rpartition(".")
        return getattr(import_module(module), name)(**{**(spec.get("kwargs") or {}), **self._more})

    def _tell(self, error: Exception) -> None:
        """Airflow swallows what a backend raises, and says of each connection that it isn't defined."""
        why = type(error).__name__ + (f": {error}" if isinstance(error, _TELLABLE) else "")
        named = self._spec.get("class") if isinstance(self._spec, dict) else None
        told = f"the secrets backend that is to be asked next ({named or '`next`'}) cannot be made"
        if (told, why) not in _told:
            _told.add((told, why))
            log.error("dagpass: %s, so that none of its connections is found: %s", told, why)


def _takes_team_name(method: Any) -> bool:
    try:
        parameters = inspect.signature(method).parameters
    except (TypeError, ValueError):
        return True
    return "team_name" in parameters or any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    )
