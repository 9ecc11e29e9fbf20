"""Services and CI jobs: a role by the roles file's ``clients``, and no person's rule is looser for it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

import stage

NIGHTLY = "0f3c6d1a-nightly"
MAIN = "repo:corp/dags:ref:refs/heads/main"


@pytest.fixture
def listed(server: stage.ApiServer, front: stage.Front) -> Iterator[dict[str, Any]]:
    file = server.home / "airflow-roles.json"
    before = file.read_text()
    clients = {
        "nightly": {"client_id": NIGHTLY, "roles": ["Op"], "max_age": 600},
        "deploy": {"issuer": f"{front.origin}/ci", "sub": MAIN, "roles": ["Viewer"]},
    }
    file.write_text(json.dumps({**stage.ROLES, "clients": clients}))
    yield clients
    file.write_text(before)


@pytest.fixture
def ci(front: stage.Front) -> stage.Mint:
    return stage.Mint(f"{front.origin}/ci", front.ci)


def service_s(mint: stage.Mint, **changed: Any) -> str:
    """As RFC 9068 §2.2 has it where no person is involved."""
    plain = {"sub": NIGHTLY, "client_id": NIGHTLY, "auth_time": None, "groups": None}
    return mint.token(**{**plain, **changed})


def job_s(mint: stage.Mint, **changed: Any) -> str:
    """As CI systems sign them: nobody's client, no scope, no sign-in."""
    plain = {"sub": MAIN, "client_id": None, "scope": None, "auth_time": None, "groups": None}
    return mint.token(**{"typ": "JWT", **plain, **changed})


def you(server: stage.ApiServer, bearer: str) -> object:
    return server.get("/auth/dagpass/roles", bearer).json()["you"]


def test_a_service_has_its_role_though_nobody_signed_in(
    server: stage.ApiServer, mint: stage.Mint, listed: dict[str, Any]
) -> None:
    token = service_s(mint)
    bearer = server.jwt(token)
    assert you(server, bearer) == {"username": "service:nightly", "roles": ["Op"]}
    assert server.trigger(bearer) == 200
    assert server.read(token) == 200, "as the bearer itself"
    told = server.get("/auth/dagpass/roles", bearer).json()
    assert told["clients"] == listed


def test_a_service_s_token_is_good_for_as_long_as_its_entry_says(
    server: stage.ApiServer, mint: stage.Mint, listed: dict[str, Any]
) -> None:
    refused = server.grant(service_s(mint, iat=int(time.time()) - 700))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert "older than its 600 s" in refused.json()["error_description"]


def test_a_person_at_a_service_s_client_gets_nothing_by_it(
    server: stage.ApiServer, mint: stage.Mint, listed: dict[str, Any]
) -> None:
    unnamed = {"client_id": NIGHTLY, "sub": None, "auth_time": None}
    for person in [
        mint.token(client_id=NIGHTLY),
        mint.token(client_id=NIGHTLY, sub=NIGHTLY),
        mint.token(**unnamed),
        mint.token(**unnamed, groups=None, username="alice"),
    ]:
        refused = server.grant(person)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    for name in ("service:nightly", "Service:nightly"):
        named = server.grant(mint.token(sub=name))
        assert (named.status_code, named.json()["error"]) == (403, "access_denied")


def test_what_a_service_may_do_is_the_file_s_word_whichever_token_comes(
    server: stage.ApiServer, mint: stage.Mint, listed: dict[str, Any]
) -> None:
    older = service_s(mint, iat=int(time.time()) - 300)
    server.jwt(service_s(mint))
    clients = {"nightly": {**listed["nightly"], "roles": ["Viewer"]}}
    (server.home / "airflow-roles.json").write_text(json.dumps({**stage.ROLES, "clients": clients}))
    bearer = server.jwt(older)
    assert you(server, bearer) == {"username": "service:nightly", "roles": ["Viewer"]}


def test_a_job_has_a_role_by_its_own_issuer_and_subject_alone(
    server: stage.ApiServer, mint: stage.Mint, ci: stage.Mint, listed: dict[str, Any]
) -> None:
    bearer = server.jwt(job_s(ci))
    assert you(server, bearer) == {"username": "service:deploy", "roles": ["Viewer"]}
    assert (server.read(bearer), server.trigger(bearer)) == (200, 403)
    assert server.grant(job_s(ci, sub="repo:corp/dags:pull_request")).status_code == 403
    for other in [job_s(ci, key=mint.key), job_s(mint), job_s(ci, aud="https://other.example")]:
        assert server.grant(other).status_code == 400


def test_an_issuer_that_no_client_names_is_not_asked(server: stage.ApiServer, ci: stage.Mint) -> None:
    refused = server.grant(job_s(ci))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
