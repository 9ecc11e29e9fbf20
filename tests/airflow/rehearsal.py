"""The DAGs of `dags/` against a stand-in for agent and API with five-second tokens.

Shows that the Python half and this Airflow fit each other before any Rust is built. It says
nothing of the real agent: `run.py dag` does that.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import secrets
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
from stub_agent import LOGIN_REQUIRED, NOT_FOUND, Answer, Ask, StubAgent, http_connection, reply

LIFETIME = 5.0
#: As the real agent: the same bytes until a quarter of the lifetime is left.
MARGIN = LIFETIME / 4


def rehearse(version: str, args: argparse.Namespace) -> int:
    tokens = Tokens()
    api = Api(tokens)
    with tempfile.TemporaryDirectory(prefix="dagpass-stage-") as stage:
        _enter(Path(stage))
        agent = StubAgent.on_socket(os.environ["DAGPASS_SOCKET"], answers(tokens, api))
        with ThreadPoolExecutor() as at_once:
            served = list(at_once.map(lambda name: _served(version, args, name, api), run.DAGS))
        failures = [name for name, well in zip(run.DAGS, served, strict=True) if not well]
        told = {(context.get("dag_id"), context.get("task_id")) for context in _contexts(agent)}
        failures += [f"{name}: the agent is told who asks" for name in run.DAGS if (name, "call") not in told]
        agent.answer = lambda ask: LOGIN_REQUIRED
        if not _told(version, args, "run `dagpass login prod`"):
            failures.append("a refusal with its hint")
        agent.close()
        if not _told(version, args, "run `dagpass agent start`"):
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


def _served(version: str, args: argparse.Namespace, name: str, api: Api) -> bool:
    path = f"/api/ping/{name}"
    said = io.StringIO()
    code = run.dag(version, _asking(args, name, f"{api.url}{path}"), said)
    answers = api.answers[path]
    well = code == 0 and set(answers) == {200}
    if not well:
        print(said.getvalue(), file=sys.stderr)
    print(
        f"airflow {version}: {name}: the API answered {len(answers)} calls, {set(answers)}", file=sys.stderr
    )
    return well


def _contexts(agent: StubAgent) -> list[dict[str, str]]:
    return [ask.json.get("context", {}) for ask in agent.asks]


def _told(version: str, args: argparse.Namespace, hint: str) -> bool:
    """A DAG that cannot be served fails, and its log says what to do."""
    said = io.StringIO()
    code = run.dag(version, _asking(args, run.DAGS[0], "http://127.0.0.1:9/"), said)
    told = hint in " ".join(said.getvalue().split())
    if not told:
        print(said.getvalue(), file=sys.stderr)
    return told and code != 0


def _asking(args: argparse.Namespace, name: str, api: str) -> argparse.Namespace:
    return argparse.Namespace(
        name=name, api=api, connection="sandbox_api", seconds=args.seconds, tokens=args.tokens
    )
