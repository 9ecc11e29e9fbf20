"""A fresh token for each request of a long-lived ``requests`` session.

Decides when a refused request is sent once more. Keeps no token: the agent gives the same bytes
until they near their end.
"""

from __future__ import annotations

import hashlib
import sys
from typing import Any

from airflow_provider_dagpass import context, place
from airflow_provider_dagpass.client import AGENT

try:
    from requests.auth import AuthBase
except ImportError as error:
    raise ImportError("airflow_provider_dagpass.auth needs the package `requests`") from error


class AgentAuth(AuthBase):
    """``HttpHook(auth_type=AgentAuth)``, or ``session.auth = AgentAuth(connection="…")``.

    Airflow calls it without arguments where the connection has no login, else with login and
    password: the login names a connection that the agent knows, or else a profile. The password
    is not looked at.
    """

    def __init__(self, login: str | None = None, password: str | None = None, **ask: Any) -> None:
        #: `POST /v1/token`: profile, connection, resource, scopes, env.
        self._ask = ask
        self._login = login
        self._masked = ""

    def __call__(self, request: Any) -> Any:
        header = f"Bearer {self._token()}"
        request.headers["Authorization"] = header

        def once_more(response: Any, **kwargs: Any) -> Any:
            return self._retry(header, response, kwargs)

        request.register_hook("response", once_more)
        return request

    def _retry(self, header: str, response: Any, kwargs: dict[str, Any]) -> Any:
        # A redirect to another host lost the header: its 401 is none of ours.
        if response.status_code != 401 or response.request.headers.get("Authorization") != header:
            return response
        refused = header.removeprefix("Bearer ")
        token = self._token(rejected=hashlib.sha256(refused.encode()).hexdigest())
        body = response.request.body
        if token == refused or not (body is None or isinstance(body, (bytes, str))):
            return response
        # Read to its end, so that the connection can be used again.
        response.content  # noqa: B018
        response.close()
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {token}"
        answer = response.connection.send(again, **kwargs)
        answer.history.append(response)
        answer.request = again
        return answer

    def _token(self, rejected: str | None = None) -> str:
        ask = {**self._named_by_login(), **self._ask, "context": context.current()}
        ask["env"] = context.environment(self._ask.get("env"))
        token: str = AGENT.token(**ask, rejected=rejected)["access_token"]
        if token != self._masked:
            # Airflow compiles one expression of all values it masks: never twice for one.
            _mask(token)
            self._masked = token
        return token

    def _named_by_login(self) -> dict[str, str]:
        if not self._login:
            return {}
        known = place.known_connections() or frozenset()
        return {"connection" if self._login in known else "profile": self._login}


def _mask(token: str) -> None:
    if "airflow" not in sys.modules:
        return
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:
        try:
            from airflow.utils.log.secrets_masker import mask_secret
        except ImportError:
            return
    mask_secret(token)
