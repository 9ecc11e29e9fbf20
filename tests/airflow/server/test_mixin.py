"""The mixin over an auth manager that is not FAB: Airflow's own simple one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jwt
import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient

import stage
from airflow_provider_dagpass.auth_manager import issuer, kept, mixin
from airflow_provider_dagpass.auth_manager.mixin import PingMixin
from airflow_provider_dagpass.auth_manager.ping import Person
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied


class PingSimple(PingMixin, SimpleAuthManager):  # type: ignore[misc,unused-ignore]
    def admit(self, person: Person) -> Any:
        return SimpleAuthManagerUser(username=person.username, role=person.roles[0].upper())

    def names_of(self, user: Any) -> tuple[str, list[str]]:
        return user.username, [user.role]


@pytest.fixture
def client(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: dict[str, str], mint: stage.Mint
) -> TestClient:
    stage.kept_in(tmp_path, "airflow-roles.json", stage.ROLES)
    typed = {
        **settings,
        "introspect": "",
        "end_session": "",
        "roles_file": str(tmp_path / "airflow-roles.json"),
    }
    for key, value in typed.items():
        monkeypatch.setenv(f"AIRFLOW__DAGPASS_AUTH__{key.upper()}", value)
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "of this test alone, and long enough for HS512" * 2)
    monkeypatch.setattr("airflow.models.revoked_token.RevokedToken.is_revoked", lambda jti: False)
    manager = PingSimple()
    manager.init()
    app = FastAPI()
    app.mount("/auth", manager.get_fastapi_app())
    return TestClient(app)


GRANT = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever waits although nobody should is seen by never ending, not by a clock.
    for module in (kept, issuer, mixin):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 600.0)


def test_a_key_set_that_hangs_holds_none_of_the_api_server_s_threads(
    patient: None, client: TestClient, mint: stage.Mint, front: stage.Front
) -> None:
    def exchange(key: stage.Key) -> int:
        ask = {**GRANT, "assertion": mint.token(key=key)}
        return client.post("/auth/token", json=ask).status_code

    with client, ThreadPoolExecutor(61) as pool:
        assert exchange(mint.key) == 201
        front.held.clear()
        front.answers.clear()
        hung = stage.Key("hung")
        try:
            # More than an API server has threads: 40 (AnyIO's default).
            waiting = [pool.submit(exchange, hung) for _ in range(60)]
            assert front.held.wait(60)
            assert pool.submit(exchange, mint.key).result(60) == 201
            assert not any(one.done() for one in waiting)
        finally:
            front.answers.set()
        assert {one.result(60) for one in waiting} == {400}


def test_the_same_routes_stand_before_another_auth_manager(client: TestClient, mint: stage.Mint) -> None:
    ends = int(time.time()) + 100
    reply = client.post("/auth/token", json={**GRANT, "assertion": mint.token(exp=ends)})
    assert reply.status_code == 201, reply.text
    token = reply.json()["access_token"]
    told = jwt.decode(token, options={"verify_signature": False})
    assert (told["sub"], told["role"], told["exp"]) == ("alice", "USER", ends)
    for bearer in (token, mint.token()):
        roles = client.get("/auth/dagpass/roles", headers={"Authorization": f"Bearer {bearer}"})
        assert roles.json()["you"] == {"username": "alice", "roles": ["USER"]}
    refused = client.post("/auth/token", json={**GRANT, "assertion": mint.token(groups=[])})
    assert (refused.status_code, refused.json()["error"]) == (403, AccessDenied.error)
    behind_a_prefix = FastAPI()
    behind_a_prefix.mount("/airflow", client.app)
    prefixed = TestClient(behind_a_prefix).post(
        "/airflow/auth/token/cli", json={**GRANT, "assertion": mint.token()}
    )
    assert prefixed.status_code == 201
    assert client.post("/auth/token/cli", json={**GRANT, "assertion": 7}).json()["error"] == "invalid_request"
