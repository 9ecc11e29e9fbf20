"""A world of its own for each test: no place of the person's machine is looked at."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from airflow_provider_dagpass import client
from protected_api import Api
from stub_agent import NOT_FOUND, StubAgent


@pytest.fixture(autouse=True)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DAGPASS_SOCKET", "DAGPASS_CAPABILITY", "DAGPASS_TCP", "DAGPASS_ENV", "DAGPASS_AIRFLOW"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    (tmp_path / "state" / "dagpass").mkdir(parents=True)
    (tmp_path / "run" / "dagpass").mkdir(parents=True)
    client.AGENT._forget()
    return tmp_path


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def agent(world: Path) -> Iterator[StubAgent]:
    stub = StubAgent.on_socket(str(world / "run" / "dagpass" / "agent.sock"), lambda ask: NOT_FOUND)
    yield stub
    stub.close()
