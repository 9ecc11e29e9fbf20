"""`airflowctl` itself, its keyring and a real API server; the agent is a stand-in that gets JWTs as the
real one does, and can be told to misbehave.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import stage
import venvs
from stub_agent import LOGIN_REQUIRED, StubAgent, reply

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def jwts() -> list[str]:
    """What the agent has handed out."""
    return []


@pytest.fixture
def agent(
    tmp_path: Path, provider: stage.Provider, server: stage.ApiServer, jwts: list[str]
) -> Iterator[StubAgent]:
    def answer(ask: Any) -> bytes:
        if ask.json.get("airflow") != server.url:
            return reply(404, {"error": "not_found", "error_description": "no such deployment"})
        jwts.append(server.jwt(provider.sign_in("alice")["access_token"]))
        return reply(200, {"access_token": jwts[-1], "token_type": "Bearer", "expires_in": 600})

    stub = StubAgent.on_socket(str(tmp_path / "agent.sock"), answer)
    yield stub
    stub.close()


@pytest.fixture
def airflowctl(tmp_path: Path, agent: StubAgent) -> Run:
    program = str(venvs.python(stage.AIRFLOW).parent / "airflowctl")
    home = tmp_path / "ctl"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")} | {
        "AIRFLOW_HOME": str(home),
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": str(tmp_path),
        "DAGPASS_SOCKET": str(tmp_path / "agent.sock"),
        "PYTHONPATH": str(venvs.package()),
        "AIRFLOW_CLI_ENVIRONMENT": "prod",
        "NO_COLOR": "1",
        "COLUMNS": "400",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *arguments], env=env, text=True, capture_output=True, check=False, timeout=60
        )

    return run


def test_one_login_is_enough_and_each_command_has_a_token_of_its_own_time(
    airflowctl: Run, server: stage.ApiServer, jwts: list[str]
) -> None:
    login = ("auth", "login", "--api-url", server.url, "--api-token", "not-kept")
    done = airflowctl(*login)
    assert done.returncode == 0, done.stdout + done.stderr
    for _ in range(2):
        # The one before may have expired since: it is never looked at again.
        listed = airflowctl("dags", "list", "-o", "json")
        assert listed.returncode == 0, listed.stdout + listed.stderr
        assert "dagpass_roles" in listed.stdout
    # One for the login, which asks whose deployment it is.
    assert len(set(jwts)) == 3


def test_a_refusal_reaches_the_person_with_the_command_that_helps(
    airflowctl: Run, server: stage.ApiServer, agent: StubAgent
) -> None:
    done = airflowctl("auth", "login", "--api-url", server.url, "--api-token", "x")
    assert done.returncode == 0, done.stdout + done.stderr
    agent.answer = lambda ask: LOGIN_REQUIRED
    listed = airflowctl("dags", "list")
    assert listed.returncode != 0
    assert "run `dagpass login prod`" in listed.stdout + listed.stderr
