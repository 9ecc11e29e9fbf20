"""Questions side by side: threads, forks, and a signal that comes into one."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from airflow_provider_dagpass import client
from airflow_provider_dagpass.client import AGENT
from stub_agent import NOT_FOUND, Ask, StubAgent, http_connection


def test_a_fork_while_another_thread_asks_does_not_hang(agent: StubAgent) -> None:
    asked, answer_now = slow_for_one(agent)
    thread = threading.Thread(target=AGENT.connection, args=("slow",))
    thread.start()
    assert asked.wait(20)
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if AGENT.connection("x") is None else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    answer_now.set()
    thread.join()


def test_threads_each_get_their_own_answer(agent: StubAgent) -> None:
    agent.answer = lambda ask: http_connection(f"for-{ask.json['conn_id']}")
    wrong: list[object] = []

    def asks(name: str) -> None:
        for turn in range(10):
            answer = AGENT.connection(f"{name}{turn}")
            if answer is None or answer["extra"]["Authorization"] != f"Bearer for-{name}{turn}":
                wrong.append(answer)

    threads = [threading.Thread(target=asks, args=(f"t{number}_",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    # Those that are not at work are kept, and there are never more than a few.
    before = agent.accepted
    AGENT.connection("x")
    assert agent.accepted == before
    assert len(AGENT._idle) <= client.MOST_IDLE


def test_a_thread_does_not_wait_for_the_question_of_another(agent: StubAgent) -> None:
    asked, answer_now = slow_for_one(agent)
    thread = threading.Thread(target=AGENT.connection, args=("slow",))
    thread.start()
    assert asked.wait(20)
    assert AGENT.connection("quick") is None
    assert not answer_now.is_set()
    answer_now.set()
    thread.join()


def test_a_signal_that_comes_into_a_question_may_ask_one_of_its_own(agent: StubAgent) -> None:
    asked, answer_now = slow_for_one(agent)
    told: list[object] = []

    def on_kill(*_: object) -> None:
        told.append(AGENT.connection("in_the_handler"))
        answer_now.set()

    def send() -> None:
        asked.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, on_kill)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        assert AGENT.connection("slow") is None
    finally:
        thread.join()
        signal.signal(signal.SIGTERM, before)
    assert told == [None]
    assert [ask.json["conn_id"] for ask in agent.asks] == ["slow", "in_the_handler"]


def test_a_handler_that_raises_leaves_no_half_read_connection_behind(agent: StubAgent) -> None:
    asked, answer_now = slow_for_one(agent)

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    def send() -> None:
        asked.wait(20)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    thread = threading.Thread(target=send)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            AGENT.connection("slow")
    finally:
        thread.join()
        signal.signal(signal.SIGTERM, before)
    answer_now.set()
    agent.answer = lambda ask: http_connection(f"for-{ask.json['conn_id']}")
    after = AGENT.connection("after")
    assert after is not None
    assert after["extra"]["Authorization"] == "Bearer for-after"


def slow_for_one(agent: StubAgent) -> tuple[threading.Event, threading.Event]:
    """A question for ``slow`` is answered once the second event is set; the first says that it came."""
    asked, answer_now = threading.Event(), threading.Event()

    def answer(ask: Ask) -> bytes:
        if ask.json["conn_id"] == "slow":
            asked.set()
            answer_now.wait(60)
        return NOT_FOUND

    agent.answer = answer
    return asked, answer_now
