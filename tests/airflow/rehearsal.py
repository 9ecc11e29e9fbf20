"""The DAGs of `dags/` against a stand-in for agent and API with five-second tokens.

Shows that the Python half and this Airflow fit each other before any Rust is built. It says
nothing of the real agent: `run.py dag` does that.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import run
import venvs
from questions import DATABASE, Airflow
from stub_agent import LOGIN_REQUIRED, NOT_FOUND, Answer, Ask, StubAgent, http_connection, reply

LIFETIME = 5.0
#: As the real agent: the same bytes until a quarter of the lifetime is left.
MARGIN = LIFETIME / 4


def rehearse(version: str, args: argparse.Namespace) -> int:
    tokens = Tokens()
    api = Api(tokens)
    with tempfile.TemporaryDirectory(prefix="dagpass-stage-") as scratch:
        _enter(Path(scratch))
        agent = StubAgent.on_socket(os.environ["DAGPASS_SOCKET"], answers(tokens, api))
        env = run.wired(venvs.airflow_home(version, Path(scratch) / "airflow"))
        with Airflow(venvs.python(version), env, runs=True) as airflow:
            stage = Stage(version, args, Path(scratch), airflow)
            with ThreadPoolExecutor() as at_once:
                served = list(at_once.map(lambda name: stage.is_served(name, api), run.DAGS))
            failures = [name for name, well in zip(run.DAGS, served, strict=True) if not well]
            told = {(context.get("dag_id"), context.get("task_id")) for context in _contexts(agent)}
            untold = (name for name in run.DAGS if (name, "call") not in told)
            failures += [f"{name}: the agent is told who asks" for name in untold]
            agent.answer = lambda ask: LOGIN_REQUIRED
            if not stage.is_told("run `dagpass login prod`"):
                failures.append("a refusal with its hint")
            agent.close()
            if not stage.is_told("run `dagpass agent start`"):
                failures.append("an agent that is away")
    for failure in failures:
        print(f"airflow {version}: FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


class Tokens:
    """One token at a time, as the agent would give it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}
        self._current = ""

    def current(self) -> str:
        with self._lock:
            if self._ends.get(self._current, 0) - time.monotonic() < MARGIN:
                self._current = secrets.token_urlsafe(32)
                self._ends[self._current] = time.monotonic() + LIFETIME
            return self._current

    def good(self, token: str) -> bool:
        return self._ends.get(token, 0) > time.monotonic()


class Api(ThreadingHTTPServer):
    """Refuses expired tokens, and keeps the answer it gave to each call, by the path of who calls."""

    daemon_threads = True

    def __init__(self, tokens: Tokens) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = tokens
        self.answers: defaultdict[str, list[int]] = defaultdict(list)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        known = self.path.startswith("/api/ping/")
        status = 200 if known and self.server.tokens.good(token) else 401
        self.server.answers[self.path].append(status)
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """The answers are kept, not printed."""


def answers(tokens: Tokens, api: Api) -> Answer:
    def answer(ask: Ask) -> bytes:
        if ask.path == "/v1/token":
            body = {"access_token": tokens.current(), "token_type": "Bearer", "expires_in": 5}
            return reply(200, body)
        if ask.json.get("conn_id") == "sandbox_api":
            return http_connection(tokens.current(), api.url)
        return NOT_FOUND

    return answer


def _enter(stage: Path) -> None:
    os.environ.setdefault("DAGPASS_CACHE", str(venvs.cache().parent))
    for name, folder in {"HOME": "home", "XDG_STATE_HOME": "state", "XDG_RUNTIME_DIR": "run"}.items():
        (stage / folder).mkdir()
        os.environ[name] = str(stage / folder)
    os.environ["DAGPASS_SOCKET"] = str(stage / "agent.sock")
    state = stage / "state" / "dagpass"
    state.mkdir()
    (state / "connections.json").write_text(json.dumps({"version": 1, "connections": ["sandbox_api"]}))


def _contexts(agent: StubAgent) -> list[dict[str, str]]:
    return [ask.json.get("context", {}) for ask in agent.asks]


class Stage:
    """One Airflow, and for each DAG that it runs a database of that DAG's own: they run at once."""

    def __init__(self, version: str, args: argparse.Namespace, scratch: Path, airflow: Airflow) -> None:
        self._version = version
        self._args = args
        self._scratch = scratch
        self._airflow = airflow

    def is_served(self, name: str, api: Api) -> bool:
        path = f"/api/ping/{name}"
        ended = self._run(name, f"{api.url}{path}")
        answers = api.answers[path]
        well = ended.returncode == 0 and set(answers) == {200}
        if not well:
            print(ended.stdout, ended.stderr, file=sys.stderr)
        print(
            f"airflow {self._version}: {name}: the API answered {len(answers)} calls, {set(answers)}",
            file=sys.stderr,
        )
        return well

    def is_told(self, hint: str) -> bool:
        """A DAG that cannot be served fails, and its log says what to do."""
        ended = self._run(run.DAGS[0], "http://127.0.0.1:9/")
        told = hint in " ".join(f"{ended.stdout} {ended.stderr}".split())
        if not told:
            print(ended.stdout, ended.stderr, file=sys.stderr)
        return told and ended.returncode != 0

    def _run(self, name: str, api: str) -> subprocess.CompletedProcess[str]:
        asking = argparse.Namespace(
            api=api, connection="sandbox_api", seconds=self._args.seconds, tokens=self._args.tokens
        )
        home = venvs.airflow_home(self._version, self._scratch / name)
        own = {DATABASE: f"sqlite:///{home}/airflow.db"}
        started = time.monotonic()
        ended = self._airflow.ask("dags", "test", name, **run.asked(asking), **own)
        took = time.monotonic() - started
        print(
            f"airflow {self._version}: {name} ended with {ended.returncode} after {took:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        return ended
