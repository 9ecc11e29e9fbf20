"""A developer's machine beside a real server: our own programs in a home of their own, somebody signed in."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import httpx
from login import URL, USER_CODE, login

import stage
import venvs

PROGRAM = Path(os.environ.get("DAGPASS_PROGRAM") or venvs.HERE.parents[1] / "target" / "debug" / "dagpass")


class Laptop:
    """With a deployment `prod` at ``url``, one where nobody has our route, and a roles file of its own."""

    def __init__(self, provider: stage.Provider, url: str, assertion: str = "access_token") -> None:
        self._provider = provider
        # A socket's path is short.
        self.folder = Path(tempfile.mkdtemp(prefix="dagpass-laptop-"))
        self.roles = stage.kept_in(self.folder, "airflow-roles.json", stage.ROLES)
        key = self.folder / "store.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(32))
        config = f"""
            [store]
            kind = "key-file"
            key-file = "store.key"
            [profile.prod]
            issuer = "{provider.issuer}"
            client-id = "{stage.AGENT}"
            scopes = ["openid", "profile", "groups", "airflow"]
            redirect-ports = [0]
            [airflow.prod]
            url = "{url}"
            assertion = "{assertion}"
            roles-file = "airflow-roles.json"
            [airflow.elsewhere]
            url = "{url}/elsewhere"
            token = "direct"
            roles-file = "airflow-roles.json"
        """
        self.socket = self.folder / "run" / "agent.sock"
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "DAGPASS_CONFIG": str(stage.kept_in(self.folder, "config.toml", config)),
            "DAGPASS_SOCKET": str(self.socket),
            "AIRFLOW_HOME": str(self.folder),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        self.dagpass("agent", "start").check_returncode()

    def dagpass(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), *words]
        return subprocess.run(command, env=self._env, text=True, capture_output=True, check=False, timeout=60)

    def airflowctl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """As a person has it who installed the provider beside it: found by its entry point."""
        program = str(venvs.python(stage.AIRFLOW).parent / "airflowctl")
        env = self._env | {
            "PYTHONPATH": str(venvs.package()),
            "AIRFLOW_CLI_ENVIRONMENT": "prod",
            "NO_COLOR": "1",
            "COLUMNS": "400",
        }
        return subprocess.run(
            [program, *words], env=env, text=True, capture_output=True, check=False, timeout=60
        )

    def told(self, *words: str) -> Any:
        done = self.dagpass(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ledger(self, event: str) -> list[dict[str, Any]]:
        lines = (self.folder / ".local/state/dagpass/ledger.jsonl").read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def sign_in(self, user: str) -> None:
        with login(str(PROGRAM), "--device", USER_CODE, self._env) as code:
            self._provider.control("approve", {"user": user, "user_code": code})

    def sign_in_by_browser(self, user: str) -> None:
        with login(str(PROGRAM), "--browser", URL, self._env) as url:
            left = self._provider.control("authorize", {"url": url, "user": user})["callback"]
            httpx.get(left, timeout=30).raise_for_status()

    def close(self) -> None:
        self.dagpass("agent", "stop")
        shutil.rmtree(self.folder)
