"""A token for code that owns its client.

Decides what is sent along with each question: environment, running task. Keeps no token: the agent
gives the same bytes until they near their end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow_provider_dagpass import context, masking
from airflow_provider_dagpass.client import AGENT


def answer(**ask: Any) -> dict[str, Any]:
    """The agent's answer to `POST /v1/token` (profile, connection, airflow, resource, scopes, env),
    its token known to Airflow's masker."""
    whole = {**ask, "env": context.environment(None, named=ask.get("env")), "context": context.current()}
    found = AGENT.token(**whole)
    masking.register(found["access_token"])
    return found


@contextmanager
def dagpass_token(**ask: Any) -> Iterator[FreshToken]:
    """``with dagpass_token(connection="warehouse_api") as token: client.call(token.value)``."""
    token = FreshToken(ask)
    try:
        yield token
    finally:
        token.closed = True


class FreshToken:
    """Fresh at each look: read ``value`` where it is used, and keep no copy of it."""

    def __init__(self, ask: dict[str, Any]) -> None:
        self._ask = ask
        self.closed = False

    @property
    def value(self) -> str:
        return str(self._answer()["access_token"])

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.value}"}

    def refused(self, value: str) -> str:
        """What to try in place of ``value``, which a server answered with 401; the same where there
        is nothing newer."""
        return str(self._answer(rejected=fingerprint(value))["access_token"])

    def _answer(self, **more: Any) -> dict[str, Any]:
        if self.closed:
            raise RuntimeError("dagpass: this token's `with` block has ended")
        return answer(**self._ask, **more)

    def __repr__(self) -> str:
        return "FreshToken(…)"


def fingerprint(token: str) -> str:
    """How a refused token is named without being shown: SHA-256, lower-case hex."""
    return hashlib.sha256(token.encode()).hexdigest()
