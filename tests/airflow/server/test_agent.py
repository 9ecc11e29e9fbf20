"""The whole way with the real agent: sign in, get a JWT, and another after its end, log out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import httpx
import pytest

import stage
import venvs
from laptop import Laptop

#: The end of a token is awaited this long, however busy the machine is.
MOST_SECONDS = 60.0
#: How long Ping's token lives in the story of an end, and Airflow's with it.
SHORT_SECONDS = 8
ROUNDS = 10


@pytest.fixture
def laptop(provider: stage.Provider, server: stage.ApiServer) -> Iterator[Laptop]:
    laptop = Laptop(provider, server.url)
    yield laptop
    laptop.close()


def jwt(laptop: Laptop, deployment: str = "prod") -> str:
    done = laptop.dagpass("token", "--airflow", deployment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(what: str, come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MOST_SECONDS
    while not come():
        assert time.monotonic() < deadline, f"still waiting for {what}"
        time.sleep(0.1)


def test_one_sign_in_opens_airflow_until_logout(laptop: Laptop, server: stage.ApiServer) -> None:
    laptop.sign_in("alice")
    bearer = jwt(laptop)
    assert (server.read(bearer), server.trigger(bearer)) == (200, 200)
    assert jwt(laptop, f"{server.url}/") == bearer
    (granted,) = laptop.ledger("exchange")
    assert granted["deployment"] == "prod"

    told = laptop.dagpass("logout").stderr
    assert "Airflow prod: its token is revoked" in told
    assert server.read(bearer) == 403
    (revoked,) = (line for line in laptop.ledger("revocation") if line.get("deployment"))
    assert (revoked["reason"], revoked["fingerprint"]) == ("confirmed", granted["fingerprint"])
    assert laptop.dagpass("token", "--airflow", "prod").returncode == 3


def test_the_next_token_is_there_when_one_has_ended(
    laptop: Laptop, provider: stage.Provider, server: stage.ApiServer
) -> None:
    provider.control("ttl", {"access": SHORT_SECONDS})
    try:
        laptop.sign_in("alice")
        first = jwt(laptop)
        assert server.read(first) == 200
        until("the end of the first", lambda: server.read(first) == 401)
        second = jwt(laptop)
        assert second != first
        assert server.read(second) == 200
    finally:
        provider.control("ttl", {"access": 900})


def test_an_id_token_is_the_assertion_where_the_access_token_tells_no_auth_time(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    provider.control("ttl", {"id": SHORT_SECONDS})
    laptop = Laptop(provider, server.url, assertion="id_token")
    try:
        # Asked with `max_age`, this provider tells `auth_time` to a device as well.
        laptop.sign_in("alice")
        by_code = jwt(laptop)
        assert server.read(by_code) == 200

        laptop.sign_in_by_browser("alice")
        first = jwt(laptop)
        assert first != by_code
        assert (server.read(first), server.trigger(first)) == (200, 200)
        until("the end of the first", lambda: server.read(first) == 401)
        # A refresh brings the next ID token, with the `auth_time` of the sign-in.
        second = jwt(laptop)
        assert second != first
        assert server.read(second) == 200
        handed_in = {line["assertion"] for line in laptop.ledger("exchange") if line["outcome"] == "ok"}
        assert len(handed_in) == 3
    finally:
        provider.control("ttl", {"id": 900})
        laptop.close()


def test_a_person_without_a_mapped_group_hears_why(laptop: Laptop) -> None:
    laptop.sign_in("carol")
    refused = laptop.dagpass("token", "--airflow", "prod")
    assert refused.returncode == 4
    assert "error: Airflow `prod` gives you no role" in refused.stderr
    assert "dagpass airflow roles" in refused.stderr


def test_airflowctl_takes_the_token_of_a_run(laptop: Laptop, server: stage.ApiServer) -> None:
    laptop.sign_in("alice")
    program = str(venvs.python(stage.AIRFLOW).parent / "airflowctl")
    run = ("run", "--airflow", "prod", "--", program)
    laptop.dagpass(*run, "auth", "login", "--api-url", server.url, "--skip-keyring").check_returncode()
    listed = laptop.dagpass(*run, "dags", "list")
    assert "dagpass_roles" in listed.stdout, listed.stdout + listed.stderr


def test_airflowctl_has_a_token_of_the_agent_by_its_keyring_until_logout(
    laptop: Laptop, provider: stage.Provider, server: stage.ApiServer
) -> None:
    provider.control("ttl", {"access": SHORT_SECONDS})
    try:
        laptop.sign_in("alice")
        login = laptop.airflowctl("auth", "login", "--api-url", server.url, "--api-token", "not-kept")
        assert login.returncode == 0, login.stdout + login.stderr
        first = jwt(laptop)
        for end in (None, first):
            if end is not None:
                until("the end of Airflow's JWT", lambda: server.read(first) == 401)
            listed = laptop.airflowctl("dags", "list", "-o", "json")
            assert listed.returncode == 0, listed.stdout + listed.stderr
            assert "dagpass_roles" in listed.stdout
        assert len({line["fingerprint"] for line in laptop.ledger("exchange")}) >= 2

        bearer = jwt(laptop)
        laptop.dagpass("logout").check_returncode()
        assert server.read(bearer) in (401, 403)
        refused = laptop.airflowctl("dags", "list")
        assert refused.returncode != 0
        assert "run `dagpass login prod`" in refused.stdout + refused.stderr
        kept = [path for path in laptop.folder.rglob("*") if path.is_file() and b"eyJ" in path.read_bytes()]
        assert not kept, f"a token lies in {kept}"
    finally:
        provider.control("ttl", {"access": 900})


def test_a_grant_through_the_agent_takes_milliseconds(laptop: Laptop) -> None:
    laptop.sign_in("alice")
    took = []
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(laptop.socket)), timeout=30) as client:
        for _ in range(ROUNDS):
            refused = stage.digest(jwt(laptop))
            # A token that is younger than a second is the best there is.
            time.sleep(1.05)
            ask = {"airflow": "prod", "rejected": refused}
            started = time.perf_counter()
            reply = client.post("http://localhost/v1/token", json=ask, headers={"Sec-Dagpass": "1"})
            took.append(time.perf_counter() - started)
            assert stage.digest(reply.raise_for_status().json()["access_token"]) != refused
    took.sort()
    p50, worst = took[ROUNDS // 2], took[-1]
    print(f"\ngrant through the agent: p50 {p50 * 1000:.1f} ms, worst {worst * 1000:.1f} ms of {ROUNDS}")
