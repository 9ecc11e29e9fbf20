"""The real agent of this environment, signed in at a sandbox whose control routes count."""

from __future__ import annotations

import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import venvs

# Run by a pytest of its own, as a person's project is.
collect_ignore = ["project"]


class Control:
    """What the sandbox saw."""

    def __init__(self, url: str) -> None:
        self._url = url

    def refreshes(self) -> int:
        return int(self._read("refreshes"))

    def calls(self) -> list[dict[str, Any]]:
        return list(self._read("api-log"))

    def _read(self, name: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/{name}", timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def control() -> Control:
    return Control(os.environ["DAGPASS_TEST_CONTROL"])


@pytest.fixture(scope="session")
def api() -> str:
    return os.environ["DAGPASS_TEST_API"]


@pytest.fixture
def version() -> str:
    return os.environ["DAGPASS_TEST_AIRFLOW"]


@pytest.fixture
def airflow_env(tmp_path: Path, version: str, api: str) -> dict[str, str]:
    """Airflow's settings with the secrets backend, in a home with a database."""
    import run

    home = venvs.airflow_home(version, tmp_path / "airflow")
    return run.wired(home) | {
        "DAGPASS_TEST_CONNECTION": "sandbox_api",
        "DAGPASS_TEST_ENDPOINT": urlsplit(api).path,
    }


@contextmanager
def stopped_agent() -> Iterator[None]:
    """The agent takes questions and answers none, until the block ends."""
    record = Path(os.environ["XDG_STATE_HOME"]) / "dagpass" / "agent.lock"
    pid = int(json.loads(record.read_text())["pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.fixture
def stopped() -> Any:
    return stopped_agent
