"""A fresh token for each request of a long-lived ``requests`` session.

Decides when a refused request is sent once more. Keeps no token: the agent gives the same bytes
until they near their end.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow_provider_dagpass import place, tokens
from airflow_provider_dagpass.client import DagpassError

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
        token = self._token(rejected=tokens.fingerprint(refused))
        body = response.request.body
        if token == refused or not (body is None or isinstance(body, (bytes, str))):
            return response
        # Read to its end, so that the connection can be used again.
        response.content  # noqa: B018
        response.close()
        again = response.request.copy()
        again.headers["Authorization"] = f"Bearer {token}"
        answer = response.connection.send(again, **kwargs)
        if answer.status_code == 401:
            # It is not the token's age (a wrong audience, most often): told, so that the next of
            # many tasks does not cost another refresh. The server's answer stands whatever comes of it.
            with suppress(DagpassError):
                self._token(rejected=tokens.fingerprint(token), renewed=True)
        answer.history.append(response)
        answer.request = again
        return answer

    def _token(self, **more: Any) -> str:
        ask = {**self._named_by_login(), **self._ask}
        return str(tokens.answer(**ask, **more)["access_token"])

    def _named_by_login(self) -> dict[str, str]:
        if not self._login:
            return {}
        known = place.known_connections() or frozenset()
        return {"connection" if self._login in known else "profile": self._login}
