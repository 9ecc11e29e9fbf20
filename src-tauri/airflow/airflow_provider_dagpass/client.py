"""The local API, version 1: one JSON question, one JSON answer.

Decides how to reach the agent, what to trust and when to ask again. Never looks at a proxy
setting, never starts an agent, never shares a connection across a fork, imports no Airflow. Holds no
lock: a thread never waits for another one's question, nor a signal's handler (`on_kill`) for the question
that it came into.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from collections import deque
from typing import Any, NamedTuple

from airflow_provider_dagpass import place, transport
from airflow_provider_dagpass.errors import AgentAway, ApprovalPending, DagpassError

__all__ = ["AGENT", "Agent", "AgentAway", "ApprovalPending", "DagpassError"]

#: How long may one question take in all, with connecting and asking again? Airflow sets no limit
#: of its own, and a lookup is synchronous. Longer than the agent waits for Ping before it answers.
TOTAL_SECONDS = 10.0
#: And one that tells of a run, which no task may wait for?
EVENT_SECONDS = 1.0
#: A pause is one, whatever the agent says.
LEAST_SECONDS = 0.05
#: After how long is asked again what a person has to approve, where the agent does not say?
ASK_AGAIN_SECONDS = 2.0
#: How many connections are kept between questions? One does, but for threads that ask at once.
MOST_IDLE = 4


class Agent:
    """The agent, over a few kept connections a process. Each is one question's alone while it is asked."""

    #: Taken from and given to by single steps of the interpreter, which nothing comes between.
    _idle: deque[transport.Wire]

    def __init__(self) -> None:
        self._forget()

    def connection(
        self, conn_id: str, *, env: str | None = None, context: dict[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Airflow's connection JSON, or ``None`` for a conn_id that the agent does not know."""
        ask = {"conn_id": conn_id, "env": env, "context": context}
        try:
            answer: dict[str, Any] = self._post("/v1/airflow/connection", ask)
        except DagpassError as error:
            if error.status == 404 and error.code == "not_found":
                return None
            raise
        return answer

    def token(self, **ask: Any) -> dict[str, Any]:
        """An access token (RFC 6749 §5.1, plus ``expires_at``); fields as ``POST /v1/token``."""
        answer: dict[str, Any] = self._post("/v1/token", ask)
        if not isinstance(answer.get("access_token"), str):
            raise _unusable("an answer without `access_token`")
        return answer

    def run_event(self, **event: Any) -> dict[str, Any]:
        """What happened to a run or task; fields as ``POST /v1/run-events``."""
        return self._post("/v1/run-events", event, EVENT_SECONDS)

    def _post(self, path: str, ask: dict[str, Any], seconds: float | None = None) -> dict[str, Any]:
        seconds = TOTAL_SECONDS if seconds is None else seconds
        body = json.dumps({key: value for key, value in ask.items() if value or value == 0}).encode()
        deadline = transport.Deadline(seconds)
        if self._pid != os.getpid():
            self._forget()
        while True:
            try:
                answer = self._asked(path, body, deadline)
            except TimeoutError:
                raise _slow(seconds) from None
            except (OSError, http.client.HTTPException) as error:
                raise _unusable(type(error).__name__) from None
            try:
                return _read(answer)
            except ApprovalPending:
                # Nobody watches a file that is parsed, and it is parsed again by itself.
                parses = (ask.get("context") or {}).get("purpose") == "dag-parse"
                if parses or not deadline.has_left(answer.ask_again):
                    raise
            time.sleep(answer.ask_again)

    def _asked(self, path: str, body: bytes, deadline: transport.Deadline) -> _Answer:
        try:
            paths = place.agent_sockets()
        except place.PlaceError as error:
            raise AgentAway(str(error)) from None
        kept = self._kept(paths)
        if kept is not None:
            try:
                return self._send(kept, path, body, deadline)
            except ConnectionError:
                # The agent closes what is idle or was restarted: nothing of this question was
                # answered, so it is asked once more, on a new connection.
                kept.close()
        return self._send(transport.connect(paths, deadline), path, body, deadline)

    def _kept(self, paths: list[str]) -> transport.Wire | None:
        while True:
            try:
                wire = self._idle.pop()
            except IndexError:
                return None
            if wire.socket_path in paths:
                return wire
            wire.close()

    def _send(self, wire: transport.Wire, path: str, body: bytes, deadline: transport.Deadline) -> _Answer:
        try:
            response = wire.request(path, body, deadline)
            try:
                payload = response.read()
            except ConnectionError:
                # Half an answer is an answer: no second question.
                raise http.client.IncompleteRead(b"") from None
        except BaseException:
            wire.close()
            raise
        if response.will_close or len(self._idle) >= MOST_IDLE:
            wire.close()
        else:
            self._idle.append(wire)
        return _Answer(response.status, payload, _seconds(response.getheader("Retry-After")))

    def _taken(self) -> transport.Wire | None:
        # One step, which no other thread can divide.
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _forget(self) -> None:
        # The parent goes on using its connections: ours are dropped, unread and unwritten.
        self._pid = os.getpid()
        self._idle = deque()


#: The process's connections to the agent.
AGENT = Agent()
os.register_at_fork(after_in_child=AGENT._forget)


class _Answer(NamedTuple):
    status: int
    payload: bytes
    ask_again: float


def _seconds(header: str | None) -> float:
    """RFC 9110 §10.2.3; a date is none of the agent's."""
    told = float(header) if header and header.isascii() and header.isdigit() else ASK_AGAIN_SECONDS
    return max(told, LEAST_SECONDS)


def _read(given: _Answer) -> dict[str, Any]:
    status, payload = given.status, given.payload
    try:
        answer = json.loads(payload)
    except ValueError:
        raise _unusable(f"HTTP {status} without JSON", status) from None
    if not isinstance(answer, dict):
        raise _unusable(f"HTTP {status} without a JSON object", status)
    if status == 200:
        return answer
    code = str(answer.get("error", "server_error"))
    kind = ApprovalPending if code == "approval_pending" else DagpassError
    error = kind(
        code,
        str(answer.get("error_description", f"the agent answered HTTP {status}")),
        cause=answer.get("cause"),
        hint=answer.get("hint"),
        status=status,
    )
    if isinstance(error, ApprovalPending):
        error.approval = answer.get("approval")
    raise error


def _slow(seconds: float) -> DagpassError:
    text = f"the agent did not answer within {seconds:.0f} seconds"
    return DagpassError("temporarily_unavailable", text, hint="run `dagpass doctor`")


def _unusable(cause: str, status: int = 0) -> DagpassError:
    text = "the agent gave no usable answer"
    hint = "run `dagpass doctor`"
    return DagpassError("server_error", text, cause=cause, hint=hint, status=status)
