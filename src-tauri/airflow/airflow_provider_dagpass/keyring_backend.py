"""Python keyring for ``airflowctl``: its token comes fresh from the agent at each command.

Answers for service ``airflowctl``, user ``api_token_<env>`` alone, and only where the agent knows the
deployment; whatever else is asked goes to the keyring that the person would have without us. Stores
nothing, and never starts an agent.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from typing import Any

from keyring import backend, core
from keyring.backends import fail
from keyring.compat import properties
from keyring.errors import KeyringError

from airflow_provider_dagpass.errors import AgentAway, DagpassError

SERVICE = "airflowctl"
_USER = "api_token_"


class DagpassKeyring(backend.KeyringBackend):  # type: ignore[misc,unused-ignore]
    """Found by its entry point; ``PYTHON_KEYRING_BACKEND`` and ``keyringrc.cfg`` go before it."""

    def __init__(self) -> None:
        super().__init__()
        self._asking = threading.local()
        self._theirs: Any = None

    @properties.classproperty  # type: ignore[misc,untyped-decorator,unused-ignore]
    def priority(cls) -> float:
        if sys.platform == "win32":
            raise RuntimeError("the agent's Python client speaks Unix sockets")
        # Above the chainer (10), which asks every backend in turn.
        return 11

    def get_password(self, service: str, username: str) -> str | None:
        if self._is_asked_by_the_next():
            return None
        env = _environment(service, username)
        away: AgentAway | None = None
        if env is not None:
            try:
                token = _token(env)
            except AgentAway as error:
                # What was stored before dagpass came may still do.
                token, away = None, error
            except DagpassError as error:
                raise AgentRefused(str(error)) from None
            if token is not None:
                return token
        found: str | None
        try:
            found = self._next("get_password", service, username)
        except KeyringError:
            if away is None:
                raise
            found = None
        if found is None and away is not None:
            raise AgentRefused(str(away))
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        if self._is_asked_by_the_next():
            raise NotImplementedError
        env = _environment(service, username)
        if env is not None and _is_ours(env):
            # `airflowctl auth login` saves what it was given; the agent has a fresh one each time.
            return
        self._next("set_password", service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        if self._is_asked_by_the_next():
            raise NotImplementedError
        self._next("delete_password", service, username)

    def get_credential(self, service: str, username: str | None) -> Any:
        if self._is_asked_by_the_next():
            return None
        if username is not None and _environment(service, username) is not None:
            return super().get_credential(service, username)
        return self._next("get_credential", service, username)

    def _is_asked_by_the_next(self) -> bool:
        # keyring's chainer asks all backends, and us among them.
        return getattr(self._asking, "next", False)

    def _next(self, method: str, *arguments: Any) -> Any:
        if self._theirs is None:
            self._theirs = _without_us()
        self._asking.next = True
        try:
            return getattr(self._theirs, method)(*arguments)
        finally:
            self._asking.next = False


class AgentRefused(KeyringError):  # type: ignore[misc,unused-ignore]
    """Why there is no token, with the one command that helps."""


def _without_us() -> Any:
    """As keyring itself chooses: what the configuration names, else the best that is left."""
    named = core.load_config()
    if named is not None and not isinstance(named, DagpassKeyring):
        return named
    others = [ring for ring in backend.get_all_keyring() if not isinstance(ring, DagpassKeyring)]
    return max(filter(backend._limit, others), default=fail.Keyring(), key=backend.by_priority)


def _environment(service: str, username: str) -> str | None:
    if service != SERVICE or not username or not username.startswith(_USER):
        return None
    return username.removeprefix(_USER) or None


def _deployment(env: str) -> str:
    """By the URL that `airflowctl auth login` wrote down for this environment, else by its name."""
    home = os.environ.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow")
    if os.path.basename(env) != env:
        return env
    try:
        with open(os.path.join(home, f"{env}.json"), encoding="utf-8") as file:
            url = json.load(file)["api_url"]
    except (OSError, ValueError, KeyError, TypeError):
        return env
    return url if isinstance(url, str) and url else env


def _token(env: str) -> str | None:
    """The deployment's JWT; ``None`` where the agent does not know the deployment."""
    # keyring loads its plugins in programs that never ask us.
    from airflow_provider_dagpass import tokens

    try:
        return str(tokens.answer(airflow=_deployment(env))["access_token"])
    except DagpassError as error:
        if error.status == 404 and error.code == "not_found":
            return None
        raise


def _is_ours(env: str) -> bool:
    try:
        return _token(env) is not None
    except AgentAway:
        return False
    except DagpassError:
        # It knows the deployment and has no token for it now.
        return True
