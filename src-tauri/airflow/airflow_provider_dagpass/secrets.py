"""The secrets backend: connections that only the agent knows.

Decides which lookups are the agent's, and how a refusal reaches the person. It keeps no token,
does no I/O until it is asked, and never starts an agent.
"""

from __future__ import annotations

import json
import logging
import os
from functools import cached_property
from typing import Any

from airflow.secrets import BaseSecretsBackend

from airflow_provider_dagpass import context, masking, place
from airflow_provider_dagpass.chain import Chain, NextBackend, settle
from airflow_provider_dagpass.client import AGENT, DagpassError

log = logging.getLogger(__name__)

#: Answers that may come before the agent has looked at the conn_id: they are no reason to stop a
#: lookup of a connection that was never ours.
_SAY_NOTHING_OF_THE_ID = frozenset(
    {"agent_away", "access_denied", "invalid_request", "invalid_token", "server_error"}
)


class DagpassBackend(BaseSecretsBackend):  # type: ignore[misc,unused-ignore]
    """``[secrets] backend = airflow_provider_dagpass.secrets.DagpassBackend``.

    ``env``: the environment whose connections are meant (``[env.NAME.connection.ID]``), where
    ``$DAGPASS_ENV`` names none.
    ``next``: ``{"class": …, "kwargs": {…}}``, the backend that had this slot before. What else is given is
    that one's (``AIRFLOW__SECRETS__BACKEND_KWARG__ROLE_ID``), and goes before the ``kwargs`` there.

    Or ``[secrets] dagpass_next`` names its class, and ``dagpass_env`` the environment: then all arguments,
    wherever Airflow has them from, are that one's.
    """

    _section = "secrets"

    def __init__(self, env: str | None = None, next: Any = None, **theirs: Any) -> None:
        # What is wrong with the arguments is told at the first lookup: a constructor that raises
        # breaks every `airflow` command.
        super().__init__()
        self._given = (env, next, theirs)
        self._has_warned = False

    @cached_property
    def _chain(self) -> Chain:
        # Not in the constructor: Airflow's configuration may be half made there.
        return settle(self._section, *self._given)

    @property
    def _env(self) -> str | None:
        return self._chain.env

    @property
    def _next(self) -> NextBackend:
        return self._chain.next

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        value = self._from_agent(conn_id, team_name)
        if value is None and self._next:
            value = self._next.call("get_conn_value", self, team_name, conn_id=conn_id)
        return value

    def get_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        value = self._from_agent(conn_id, team_name)
        if value is not None:
            return self.deserialize_connection(conn_id=conn_id, value=value)
        if self._next:
            return self._next.call("get_connection", self, team_name, conn_id=conn_id)
        return None

    async def aget_connection(self, conn_id: str, team_name: str | None = None) -> Any:
        """For triggers and async tasks: the event loop goes on while the agent is asked."""
        from airflow_provider_dagpass import aio

        found = None
        if self._asks_agent(conn_id, team_name):
            try:
                env = context.environment(self._env)
                found = await aio.connection(conn_id, env, context.current())
            except DagpassError as error:
                _judge(conn_id, error)
        if found is not None:
            await masking.aregister_connection(found)
            return self.deserialize_connection(conn_id=conn_id, value=json.dumps(found))
        return await self._next.acall(self, team_name, conn_id) if self._next else None

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        return self._next.call("get_variable", self, team_name, key=key) if self._next else None

    def get_config(self, key: str) -> str | None:
        return self._next.call("get_config", self, None, key=key) if self._next else None

    def _from_agent(self, conn_id: str, team_name: str | None) -> str | None:
        if not self._asks_agent(conn_id, team_name):
            return None
        try:
            env = context.environment(self._env)
            found = AGENT.connection(conn_id, env=env, context=context.current())
        except DagpassError as error:
            _judge(conn_id, error)
            return None
        if found is None:
            return None
        masking.register_connection(found)
        return json.dumps(found)

    def _asks_agent(self, conn_id: str, team_name: str | None) -> bool:
        if context.switched_off() or _set_in_environment(conn_id, team_name):
            return False
        if self._chain.unknown and not self._has_warned:
            self._has_warned = True
            log.warning("dagpass: unknown backend_kwargs: %s", ", ".join(self._chain.unknown))
        return True


class DagpassWorkersBackend(DagpassBackend):
    """``[workers] secrets_backend``: the same, by that section's ``dagpass_next`` and ``dagpass_env``."""

    _section = "workers"


def _set_in_environment(conn_id: str, team_name: str | None) -> bool:
    """Somebody (a unit test, most often) says by hand what this connection is."""
    name = conn_id.upper()
    if team_name and os.environ.get(f"AIRFLOW_CONN__{team_name.upper()}___{name}"):
        return True
    return bool(os.environ.get(f"AIRFLOW_CONN_{name}"))


def _judge(conn_id: str, error: DagpassError) -> None:
    """A refusal is the person's where the connection is dagpass's; else others are asked."""
    if _is_ours(conn_id, error):
        _refuse(error)
    else:
        log.debug("dagpass: %s: not one of ours, left to others: %s", conn_id, error)


def _is_ours(conn_id: str, error: DagpassError) -> bool:
    if error.code not in _SAY_NOTHING_OF_THE_ID and error.status:
        return True
    known = place.known_connections()
    return known is not None and conn_id in known


def _refuse(error: DagpassError) -> None:
    """Stop the lookup where Airflow lets us; else say aloud why nothing is found."""
    try:
        from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
    except ImportError:
        # Airflow 2 swallows whatever a backend raises, with a traceback that buries the reason.
        log.warning("%s", error)
        return
    raise AirflowSecretsBackendAccessDenied(str(error)) from None
