"""A fresh environment for each test that sees the cached Airflow, a home with a database, and a stand-in
for the agent: what `dagpass airflow setup` is let loose on."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import venvs
from stub_agent import NOT_FOUND, Answer, Ask, StubAgent, http_connection, reply

PROGRAM = Path(os.environ.get("DAGPASS_PROGRAM") or venvs.HERE.parents[1] / "target" / "debug" / "dagpass")
#: What the stand-in hands out.
TOKEN = "canary-token-of-the-agent"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "each_airflow: run on every Airflow that is supported")


#: Where the stand-in says that its door's folder is.
DOOR = "/home/ada/.local/state/dagpass/containers/astro-0a1b2c3d"


def answer(ask: Ask) -> bytes:
    if ask.line.startswith("GET /v1/containers"):
        return reply(200, {"containers": []})
    if ask.path == "/v1/containers":
        return reply(200, {"id": "astro-0a1b2c3d", "folder": DOOR, "rules": ask.json, "refused": []})
    return http_connection(TOKEN) if ask.json.get("conn_id") == "ours" else NOT_FOUND


@dataclass
class Ended:
    code: int
    out: str
    err: str


@dataclass
class World:
    root: Path
    python: Path
    env: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.root / "airflow"

    @property
    def cfg(self) -> Path:
        return self.home / "airflow.cfg"

    def run(self, *command: str | Path, cwd: Path | None = None, **env: str) -> Ended:
        done = subprocess.run(
            [str(word) for word in command],
            env=self.env | env,
            cwd=cwd or self.root,
            text=True,
            capture_output=True,
            check=False,
            timeout=180,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def setup(self, *words: str | Path, code: int = 0, cwd: Path | None = None, **env: str) -> Ended:
        ended = self.run(PROGRAM, "--no-start", "airflow", "setup", *words, cwd=cwd, **env)
        assert ended.code == code, ended
        return ended

    def airflow(self, *words: str, **env: str) -> Ended:
        return self.run(self.python, "-m", "airflow", *words, **env)

    def has_package(self) -> bool:
        found = self.run(self.python, "-c", "import airflow_provider_dagpass", cwd=Path("/"))
        return found.code == 0

    def agent(self, served: Answer = answer) -> StubAgent:
        return StubAgent.on_socket(self.env["DAGPASS_SOCKET"], served)


@pytest.fixture
def world(tmp_path: Path) -> World:
    python = _environment(tmp_path / "venv")
    world = World(tmp_path, python)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    settings = {k: v for k, v in venvs.environment(world.home).items() if k.startswith("AIRFLOW")}
    world.env = (
        kept
        | settings
        | {
            "HOME": str(tmp_path),
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "DAGPASS_SOCKET": str(tmp_path / "agent.sock"),
            "NO_PROXY": "127.0.0.1,localhost",
            "UV_CACHE_DIR": str(venvs.cache() / "uv"),
        }
    )
    (tmp_path / "run").mkdir()
    known = tmp_path / "state" / "dagpass"
    known.mkdir(parents=True)
    (known / "connections.json").write_text('{"version": 1, "connections": ["ours"]}')
    venvs.airflow_home(os.environ["DAGPASS_TEST_AIRFLOW"], world.home)
    return world


def _environment(folder: Path) -> Path:
    """With a pip of its own, and Airflow by a path file: only what `setup` installs lies in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "airflow.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin" / "python"
