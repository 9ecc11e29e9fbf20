"""A developer's machine beside a real server: our own programs in a home of their own, somebody signed in."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import stage
import venvs

PROGRAM = Path(os.environ.get("DAGPASS_PROGRAM") or venvs.HERE.parents[1] / "target" / "debug" / "dagpass")
_USER_CODE = re.compile(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b")


class Laptop:
    """With a deployment `prod` at ``url``, one where nobody has our route, and a roles file of its own."""

    def __init__(self, provider: stage.Provider, url: str) -> None:
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
            "XDG_STATE_HOME": str(self.folder / "state"),
            "AIRFLOW_HOME": str(self.folder),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        self.dagpass("agent", "start").check_returncode()

    def dagpass(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), *words]
        return subprocess.run(command, env=self._env, text=True, capture_output=True, check=False, timeout=60)

    def told(self, *words: str) -> Any:
        done = self.dagpass(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ledger(self, event: str) -> list[dict[str, Any]]:
        lines = (self.folder / "state" / "dagpass" / "ledger.jsonl").read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["event"] == event]

    def sign_in(self, user: str) -> None:
        command = [str(PROGRAM), "login", "--device", "--no-open"]
        login = subprocess.Popen(
            command, env=self._env, text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        assert login.stderr is not None
        said = ""
        while not (code := _USER_CODE.search(said)):
            line = login.stderr.readline()
            assert line, f"no code came: {said}"
            said += line
        self._provider.control("approve", {"user": user, "user_code": code[0]})
        rest = login.stderr.read()
        assert login.wait(timeout=30) == 0, rest

    def close(self) -> None:
        self.dagpass("agent", "stop")
        shutil.rmtree(self.folder)
