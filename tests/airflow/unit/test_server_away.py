"""A Ping that takes a question and does not answer, over a real socket: who waits, and who does not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from test_server_keys import RSA
from test_server_settings import read

from airflow_provider_dagpass.auth_manager import kept
from airflow_provider_dagpass.auth_manager.issuer import Http, Issuer
from airflow_provider_dagpass.auth_manager.kept import FRESH_SECONDS, RETRY_SECONDS
from airflow_provider_dagpass.auth_manager.reference import STRANGERS, Introspection
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, PingAway
from airflow_provider_dagpass.auth_manager.settings import Settings


class Ping(ThreadingHTTPServer):
    """Discovery, keys and introspection on loopback; ``hangs`` names the path that is not answered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.kid = "a"
        self.active: set[str] = set()
        self.hangs = ""
        self.asked: list[str] = []
        self.came, self.go_on = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def settings(self) -> Settings:
        return replace(
            read(introspect="True", client_id="airflow", client_secret="s"),
            discovery_url=f"{self.origin}/discovery",
        )

    def body(self, path: str, form: str) -> dict[str, Any]:
        if path == "/keys":
            return {"keys": [{**RSA, "kid": self.kid}]}
        if path == "/introspect":
            return {"active": any(f"token={token}&" in form for token in self.active)}
        ends = {"jwks_uri": f"{self.origin}/keys", "introspection_endpoint": f"{self.origin}/introspect"}
        return {"issuer": read().issuer, **ends}


class _Handler(BaseHTTPRequestHandler):
    server: Ping

    def do_GET(self) -> None:
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.server.asked.append(self.path)
        if self.path == self.server.hangs:
            self.server.came.set()
            self.server.go_on.wait(60)
        payload = json.dumps(self.server.body(self.path, form)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """What was asked is kept, not printed."""


@pytest.fixture
def ping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ping]:
    # Whoever waits although nobody should is seen by never ending, not by a clock.
    monkeypatch.setattr(kept, "PATIENCE_SECONDS", 600.0)
    ping = Ping()
    yield ping
    ping.go_on.set()
    ping.shutdown()
    ping.server_close()


class Now:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def test_stale_keys_serve_at_once_while_one_fetch_hangs(ping: Ping) -> None:
    now = Now()
    issuer = Issuer(ping.settings(), Http(ping.settings()), now)
    header = {"alg": "RS256", "kid": "a"}
    assert issuer.key(header)
    now.at += FRESH_SECONDS + 1
    ping.kid, ping.hangs = "b", "/keys"
    with ThreadPoolExecutor(20) as pool:
        assert all(pool.map(lambda _: issuer.key(header), range(200)))
        assert ping.came.wait(20)
        # The one that it renews beside takes as long as it takes: its end is what the next counts from.
        now.at += RETRY_SECONDS * 3
        assert all(pool.map(lambda _: issuer.key(header), range(200)))
    assert ping.asked.count("/keys") == 2
    ping.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "dagpass-fetch":
            thread.join(20)
    assert issuer.key({"alg": "RS256", "kid": "b"})
    assert ping.asked.count("/keys") == 2


def test_many_that_wait_for_the_first_keys_share_one_fetch(ping: Ping) -> None:
    issuer = Issuer(ping.settings(), Http(ping.settings()))
    ping.hangs = "/keys"
    with ThreadPoolExecutor(20) as pool:
        waiting = [pool.submit(issuer.key, {"alg": "RS256", "kid": "a"}) for _ in range(20)]
        assert ping.came.wait(20)
        ping.go_on.set()
        assert all(one.result(20) for one in waiting)
    assert ping.asked == ["/discovery", "/keys"]


def test_a_failed_fetch_rests_from_its_end_on(ping: Ping) -> None:
    now = Now()

    def fails() -> dict[str, Any]:
        now.at += 100
        raise PingAway("away")

    held = kept.Kept(fails, now)
    with pytest.raises(PingAway):
        held.value()
    assert now.at == 1100.0
    with pytest.raises(PingAway):
        held.value()
    assert now.at == 1100.0


def introspection(ping: Ping, now: Now) -> Introspection:
    settings = ping.settings()
    http = Http(settings)
    return Introspection(settings, Issuer(settings, http, now), http, now)


def test_an_inactive_token_is_asked_about_once(ping: Ping) -> None:
    asks = introspection(ping, Now())
    for _ in range(5):
        with pytest.raises(InvalidGrant, match="not active"):
            asks.claims("garbage")
    assert ping.asked.count("/introspect") == 1
    with pytest.raises(InvalidGrant, match="RFC 6750"):
        asks.claims("no bearer\n")
    assert ping.asked.count("/introspect") == 1


def test_a_good_token_is_asked_about_each_time_and_a_revoked_one_is_refused_at_once(ping: Ping) -> None:
    asks = introspection(ping, Now())
    ping.active.add("good")
    assert asks.claims("good") == asks.claims("good") == {"active": True}
    ping.active.clear()
    with pytest.raises(InvalidGrant):
        asks.claims("good")
    assert ping.asked.count("/introspect") == 3


def test_garbage_of_strangers_has_a_brake_that_people_who_were_good_do_not_feel(ping: Ping) -> None:
    now = Now()
    asks = introspection(ping, now)
    ping.active.update(("good", "new"))
    asks.claims("good")
    told = [_refusal(asks, f"garbage-{number}") for number in range(200)]
    assert told == [InvalidGrant] * STRANGERS + [PingAway] * (200 - STRANGERS)
    assert asks.claims("good")
    with pytest.raises(PingAway, match="too many"):
        asks.claims("new")
    now.at += 2
    assert asks.claims("new")


def _refusal(asks: Introspection, token: str) -> type[Exception]:
    with pytest.raises((InvalidGrant, PingAway)) as refused:
        asks.claims(token)
    return refused.type


def test_an_introspection_that_failed_just_now_is_not_tried_by_everybody(ping: Ping) -> None:
    now = Now()
    asks = introspection(ping, now)
    ping.active.add("good")
    asks.claims("good")
    ping.shutdown()
    ping.server_close()
    for _ in range(3):
        with pytest.raises(PingAway):
            asks.claims("good")
    with pytest.raises(PingAway, match="just now"):
        asks.claims("good")
