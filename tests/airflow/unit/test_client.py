"""The wire: what is sent, and each way an answer can fail."""

from __future__ import annotations

import json
import os
import pickle
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from freezegun import freeze_time

from airflow_provider_dagpass import client
from airflow_provider_dagpass.client import AGENT, AgentAway, DagpassError
from stub_agent import LOGIN_REQUIRED, NOT_FOUND, StubAgent, http_connection, reply


def test_every_request_carries_the_guard_header_and_the_sockets_host(agent: StubAgent) -> None:
    assert AGENT.connection("x", context={"dag_id": "d"}) is None
    [ask] = agent.asks
    assert ask.line == "POST /v1/airflow/connection HTTP/1.1"
    assert ask.headers["host"] == "localhost"
    assert ask.headers["sec-dagpass"] == "1"
    assert ask.headers["content-type"] == "application/json"
    assert "authorization" not in ask.headers
    assert ask.json == {"conn_id": "x", "context": {"dag_id": "d"}}


def test_a_capability_of_the_environment_is_sent_on_the_socket_too(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGPASS_CAPABILITY", "of-this-run")
    AGENT.connection("x")
    assert agent.asks[0].headers["authorization"] == "Bearer of-this-run"


def test_one_connection_is_kept(agent: StubAgent) -> None:
    for _ in range(20):
        AGENT.connection("x")
    assert (len(agent.asks), agent.accepted) == (20, 1)


def test_an_answer_that_ends_the_connection_is_obeyed(agent: StubAgent) -> None:
    agent.answer = lambda ask: reply(404, {"error": "not_found"}, Connection="close")
    AGENT.connection("x")
    AGENT.connection("x")
    assert agent.accepted == 2


def test_a_kept_connection_that_was_closed_is_made_again_once(agent: StubAgent) -> None:
    AGENT.connection("x")
    agent.drop_connections()
    assert AGENT.connection("x") is None
    assert agent.accepted == 2


def test_a_question_is_asked_twice_at_most(agent: StubAgent) -> None:
    AGENT.connection("x")
    agent.answer = lambda ask: b""
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert refused.value.code == "server_error"
    assert len(agent.asks) == 3


HALF = http_connection("tok")


@pytest.mark.parametrize(
    "answer",
    [
        HALF[:20],
        HALF[:60],
        HALF[:-10],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>",
        b"nonsense\r\n\r\n",
        b"",
    ],
    ids=["status", "headers", "body", "empty", "not_an_object", "html", "not_http", "closed"],
)
def test_half_an_answer_is_an_error_and_never_a_miss(agent: StubAgent, answer: bytes) -> None:
    agent.answer = lambda ask: answer
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert refused.value.code == "server_error"
    assert "tok" not in str(refused.value)
    agent.answer = lambda ask: NOT_FOUND
    assert AGENT.connection("x") is None


def test_a_404_of_something_else_is_no_miss(agent: StubAgent) -> None:
    agent.answer = lambda ask: reply(404, {"message": "not here"})
    with pytest.raises(DagpassError):
        AGENT.connection("x")


def test_a_refusal_keeps_code_words_and_hint_through_a_pickle(agent: StubAgent) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    with pytest.raises(DagpassError) as refused:
        AGENT.token(profile="prod")
    error = pickle.loads(pickle.dumps(refused.value))
    assert (error.code, error.status, error.hint) == ("login_required", 401, "run `dagpass login prod`")
    assert str(error) == "dagpass: profile `prod` needs you to sign in again; run `dagpass login prod`"
    assert isinstance(pickle.loads(pickle.dumps(AgentAway("why"))), AgentAway)


def test_nothing_there_is_the_agent_away(world: Path) -> None:
    with pytest.raises(AgentAway) as away:
        AGENT.connection("x")
    assert away.value.hint == "run `dagpass agent start`"


def test_a_socket_left_by_an_agent_that_ended_is_the_agent_away(agent: StubAgent) -> None:
    agent.close()
    with pytest.raises(AgentAway):
        AGENT.connection("x")


def test_silence_ends_at_the_deadline(agent: StubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.3)
    done = threading.Event()

    def silent(ask: object) -> bytes:
        done.wait(20)
        return b""

    agent.answer = silent
    with freeze_time("2001-01-01"), pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert refused.value.code == "temporarily_unavailable"
    done.set()


def test_bytes_that_drip_in_do_not_move_the_deadline(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "TOTAL_SECONDS", 0.3)
    done = threading.Event()

    def dripping() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nX-Long: "
        while not done.wait(0.02):
            yield b"x"

    agent.answer = lambda ask: dripping()
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert refused.value.code == "temporarily_unavailable"
    done.set()


def test_no_proxy_setting_is_looked_at(agent: StubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = StubAgent.on_tcp(lambda ask: NOT_FOUND)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    AGENT.connection("x")
    agent.close()
    AGENT._forget()
    with pytest.raises(AgentAway):
        AGENT.connection("x")
    assert proxy.accepted == 0
    proxy.close()


@pytest.mark.parametrize("frozen", ["2001-01-01", "2199-12-31"])
def test_a_frozen_clock_changes_nothing(agent: StubAgent, frozen: str) -> None:
    with freeze_time(frozen):
        assert AGENT.connection("x") is None
        assert AGENT.connection("y") is None
    assert AGENT.connection("z") is None


def test_thirty_two_forks_each_get_their_own_answer(agent: StubAgent) -> None:
    agent.answer = lambda ask: http_connection(f"for-{ask.json['conn_id']}")
    assert AGENT.connection("parent") is not None
    children = []
    for number in range(32):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                answers = [AGENT.connection(f"child{number}_{turn}") for turn in range(5)]
                os.write(write, json.dumps([a["extra"]["Authorization"] for a in answers]).encode())
            finally:
                os._exit(0)
        os.close(write)
        children.append((number, pid, read))
    for number, pid, read in children:
        with os.fdopen(read) as pipe:
            assert json.loads(pipe.read()) == [f"Bearer for-child{number}_{turn}" for turn in range(5)]
        os.waitpid(pid, 0)
    own = AGENT.connection("parent2")
    assert own is not None
    assert own["extra"]["Authorization"] == "Bearer for-parent2"
    # One for us and one a child: nobody wrote on another's.
    assert agent.accepted == 33


def test_the_agents_word_that_ping_is_silent_comes_through_as_it_is(agent: StubAgent) -> None:
    told = {
        "error": "temporarily_unavailable",
        "error_description": "Ping does not answer",
        "cause": "no answer within 8 s; it is still awaited, for the next who asks",
        "hint": "try again in a moment; `dagpass doctor` looks at the way to Ping",
    }
    agent.answer = lambda ask: reply(503, told)
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    error = refused.value
    assert (error.code, error.cause, error.hint) == (told["error"], told["cause"], told["hint"])
    assert "Ping does not answer" in str(error)
    assert "restart" not in str(error)


def _endpoint(world: Path, port: int) -> None:
    file = world / "run/dagpass/endpoint.json"
    file.write_text(json.dumps({"version": 1, "pid": 1, "port": port, "capability": "of-this-machine"}))
    file.chmod(0o600)


def test_tcp_serves_where_the_socket_does_not(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = StubAgent.on_tcp(lambda ask: NOT_FOUND)
    _endpoint(world, stub.port)
    assert AGENT.connection("x") is None
    assert stub.asks[0].headers["host"] == f"127.0.0.1:{stub.port}"
    assert stub.asks[0].headers["authorization"] == "Bearer of-this-machine"
    monkeypatch.setenv("DAGPASS_CAPABILITY", "of-this-run")
    AGENT.connection("x")
    assert stub.asks[1].headers["authorization"] == "Bearer of-this-run"
    assert stub.accepted == 1
    stub.close()


def test_the_socket_goes_before_tcp(agent: StubAgent, world: Path) -> None:
    other = StubAgent.on_tcp(lambda ask: NOT_FOUND)
    _endpoint(world, other.port)
    AGENT.connection("x")
    assert (agent.accepted, other.accepted) == (1, 0)
    other.close()


def test_a_port_that_nobody_of_ours_listens_on_gets_no_capability(world: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    _endpoint(world, port)
    with pytest.raises(AgentAway):
        AGENT.connection("x")


def test_a_listener_of_another_person_gets_no_capability(world: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to listen as somebody else")
    ready, stop = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(65534)
            with socket.create_server(("127.0.0.1", 0)) as theirs:
                os.write(ready[1], str(theirs.getsockname()[1]).encode())
                os.read(stop[0], 1)
        finally:
            os._exit(0)
    _endpoint(world, int(os.read(ready[0], 16)))
    with pytest.raises(AgentAway) as away:
        AGENT.connection("x")
    assert "no listener of yours" in str(away.value)
    os.write(stop[1], b"x")
    os.waitpid(pid, 0)


def test_tcp_alone_where_the_environment_says_so(
    agent: StubAgent, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = StubAgent.on_tcp(lambda ask: NOT_FOUND)
    _endpoint(world, other.port)
    monkeypatch.setenv("DAGPASS_TCP", "1")
    AGENT.connection("x")
    assert (agent.accepted, other.accepted) == (0, 1)
    other.close()


def test_a_stale_record_does_not_hide_the_agent(agent: StubAgent, world: Path) -> None:
    record = {"pid": 1, "socket": str(world / "gone.sock"), "started_at": 0}
    (world / "state/dagpass/agent.lock").write_text(json.dumps(record))
    assert AGENT.connection("x") is None


def test_a_socket_in_a_folder_that_others_may_write_to_is_not_trusted(agent: StubAgent, world: Path) -> None:
    (world / "run/dagpass").chmod(0o777)
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert (refused.value.code, agent.accepted) == ("access_denied", 0)


def test_a_capability_that_breaks_the_header_is_refused_and_not_shown(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGPASS_CAPABILITY", "s3cret\r\nX-Evil: 1")
    with pytest.raises(DagpassError) as refused:
        AGENT.connection("x")
    assert "s3cret" not in repr(refused.value)
    assert agent.asks == []
