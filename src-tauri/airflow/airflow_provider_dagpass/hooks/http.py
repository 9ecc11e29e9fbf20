"""The connection type ``dagpass_http``: the stock HTTP hook with a fresh token on each request.

Decides whose token a connection without any secret means. The stock operators find this hook by
the connection's type, so that no DAG changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from airflow.providers.http.hooks.http import HttpHook

from airflow_provider_dagpass import place, tokens
from airflow_provider_dagpass.auth import AgentAuth
from airflow_provider_dagpass.connection_types import HTTP_FIELDS

_AS_DEFAULT = (
    "with the token of the default profile: no login names another one. A DAG takes the token of dagpass's"
    " own connection of this id where there is one"
)


class DagpassHttpHook(HttpHook):  # type: ignore[misc,unused-ignore]
    """``HttpHook`` whose ``auth_type`` is ``AgentAuth`` unless a DAG names another."""

    conn_type = "dagpass_http"
    hook_name = "HTTP with dagpass"

    def __init__(
        self,
        method: str = "POST",
        http_conn_id: str = HttpHook.default_conn_name,
        auth_type: Any = None,
        **rest: Any,
    ) -> None:
        # `HttpOperator` passes `auth_type=None` where the DAG gives none.
        chosen = auth_type or agent_auth(http_conn_id)
        super().__init__(method=method, http_conn_id=http_conn_id, auth_type=chosen, **rest)

    def get_token(self, *_scopes: str) -> AccessToken:
        """As Azure's hook has it: where another hook takes an ``azure_conn_id`` (Snowflake's OAuth,
        Postgres with ``iam``), a connection of this type gives it dagpass's token."""
        login = self.get_connection(self.http_conn_id).login
        found = tokens.answer(**whose(self.http_conn_id, login))
        return AccessToken(found["access_token"], found["expires_at"])

    def _try_out(self) -> tuple[bool, str]:
        """What the form's "Test" shows, and with whose token that was. Airflow tests under an id of its own
        making, so that a connection without a login is tested as the default profile, whatever its id is."""
        good, said = super().test_connection()
        ask = whose(self.http_conn_id, self.get_connection(self.http_conn_id).login)
        named = " and ".join(f"{kind} `{name}`" for kind, name in ask.items())
        tested = f"with the token of {named}" if named else _AS_DEFAULT
        return good, f"{said} ({tested})"

    #: The name that Airflow calls; written so, it is not taken for a test of ours.
    test_connection = _try_out

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        return HTTP_FIELDS


class AccessToken(NamedTuple):
    """As ``azure.core.credentials.AccessToken``."""

    token: str
    expires_on: int

    def __repr__(self) -> str:
        return f"AccessToken(…, expires_on={self.expires_on})"


def agent_auth(conn_id: str) -> Callable[..., AgentAuth]:
    """As an ``auth_type``: called without arguments, or with login and password."""

    def auth(login: str | None = None, password: str | None = None) -> AgentAuth:
        return AgentAuth(**whose(conn_id, login))

    return auth


def whose(conn_id: str, login: str | None) -> dict[str, str]:
    """The connection's login names a connection of the agent's or a profile; without one it is the
    agent's own connection of this id, else the default profile."""
    known = place.known_connections() or frozenset()
    if login:
        return {"connection" if login in known else "profile": login}
    return {"connection": conn_id} if conn_id in known else {}
