"""The mixin over an auth manager that is not FAB: Airflow's own simple one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from fastapi import FastAPI
from fastapi.testclient import TestClient

import stage
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


def test_the_same_routes_stand_before_another_auth_manager(client: TestClient, mint: stage.Mint) -> None:
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
    ends = int(time.time()) + 100
    reply = client.post("/auth/token", json={**grant, "assertion": mint.token(exp=ends)})
    assert reply.status_code == 201, reply.text
    token = reply.json()["access_token"]
    told = jwt.decode(token, options={"verify_signature": False})
    assert (told["sub"], told["role"], told["exp"]) == ("alice", "USER", ends)
    for bearer in (token, mint.token()):
        roles = client.get("/auth/dagpass/roles", headers={"Authorization": f"Bearer {bearer}"})
        assert roles.json()["you"] == {"username": "alice", "roles": ["USER"]}
    refused = client.post("/auth/token", json={**grant, "assertion": mint.token(groups=[])})
    assert (refused.status_code, refused.json()["error"]) == (403, AccessDenied.error)
    behind_a_prefix = FastAPI()
    behind_a_prefix.mount("/airflow", client.app)
    prefixed = TestClient(behind_a_prefix).post(
        "/airflow/auth/token/cli", json={**grant, "assertion": mint.token()}
    )
    assert prefixed.status_code == 201
    assert client.post("/auth/token/cli", json={**grant, "assertion": 7}).json()["error"] == "invalid_request"
