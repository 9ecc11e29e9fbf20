"""What must not get in: each assertion is good but for one thing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

import stage

DAY = 86400


def part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(mint: stage.Mint) -> str:
    return f"{part({'alg': 'none', 'typ': 'at+jwt', 'kid': mint.key.kid})}.{part(mint.claims())}."


def signed_by_the_public_key(mint: stage.Mint) -> str:
    """HS256 with what everybody may read: PyJWT would not sign so, so it is done by hand."""
    public = mint.key.private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': mint.key.kid})}.{part(mint.claims())}"
    mac = hmac.new(public, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def tampered(mint: stage.Mint) -> str:
    head, _, signature = mint.token(groups=["Analysts"]).split(".")
    return f"{head}.{part(mint.claims(groups=['root']))}.{signature}"


def by_a_foreign_key(mint: stage.Mint) -> str:
    """Signed by another key that calls itself as the published one does."""
    return mint.token(key=stage.Key(mint.key.kid))


Make = Callable[[stage.Mint], str]
REFUSED: dict[str, tuple[Make, int, str]] = {
    "wrong aud": (lambda mint: mint.token(aud="https://other.example"), 400, "invalid_grant"),
    "wrong iss": (lambda mint: mint.token(iss="https://auth.example/as"), 400, "invalid_grant"),
    "iss with a slash more": (
        lambda mint: mint.token(iss=mint.claims()["iss"] + "/"),
        *(400, "invalid_grant"),
    ),
    "expired": (lambda mint: mint.token(exp=int(time.time()) - 60), 400, "invalid_grant"),
    "expired within the leeway": (
        lambda mint: mint.token(exp=int(time.time()) - 2),
        *(400, "invalid_grant"),
    ),
    "not yet valid": (lambda mint: mint.token(nbf=int(time.time()) + 60), 400, "invalid_grant"),
    "foreign client_id": (lambda mint: mint.token(client_id="somebody"), 400, "invalid_grant"),
    "foreign azp": (lambda mint: mint.token(azp="somebody"), 400, "invalid_grant"),
    "alg none": (unsigned, 400, "invalid_grant"),
    "HS256 with the public key": (signed_by_the_public_key, 400, "invalid_grant"),
    "claims changed after signing": (tampered, 400, "invalid_grant"),
    "a foreign key under the same kid": (by_a_foreign_key, 400, "invalid_grant"),
    "bound to a key": (lambda mint: mint.token(cnf={"jkt": "x"}), 400, "invalid_grant"),
    "a logout token": (lambda mint: mint.token(typ="logout+jwt"), 400, "invalid_grant"),
    "no JWT": (lambda mint: "a.b.c", 400, "invalid_grant"),
    "too long": (lambda mint: "a." * 40_000, 400, "invalid_request"),
    "empty": (lambda mint: "", 400, "invalid_request"),
    "signed in a day ago": (
        lambda mint: mint.token(auth_time=int(time.time()) - DAY),
        *(401, "insufficient_user_authentication"),
    ),
    "no auth_time": (lambda mint: mint.token(auth_time=None), 401, "insufficient_user_authentication"),
    "no groups": (lambda mint: mint.token(sub="nobody", groups=None), 403, "access_denied"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_assertion_with_one_fault_is_refused(name: str, server: stage.ApiServer, mint: stage.Mint) -> None:
    make, status, error = REFUSED[name]
    assert server.grant(mint.token()).status_code == 201
    reply = server.grant(make(mint))
    assert (reply.status_code, reply.json()["error"]) == (status, error)
    assert reply.json().keys() == {"error", "error_description"}
    assert "access_token" not in reply.text


def test_an_old_sign_in_is_told_how_young_it_must_be(server: stage.ApiServer, mint: stage.Mint) -> None:
    reply = server.grant(mint.token(auth_time=int(time.time()) - DAY))
    told = reply.headers["www-authenticate"]
    assert told == 'Bearer error="insufficient_user_authentication", max_age=43200'


def test_a_name_in_other_letters_is_another_person(server: stage.ApiServer, mint: stage.Mint) -> None:
    server.jwt(mint.token(sub="frank"))
    reply = server.grant(mint.token(sub="FRANK"))
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")


def test_a_deactivated_account_stays_out_with_the_best_of_groups(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    earlier = server.jwt(mint.token(sub="grace"))
    assert server.read(earlier) == 200
    with sqlite3.connect(server.home / "airflow.db", timeout=20) as database:
        changed = database.execute("update ab_user set active = 0 where username = 'grace'")
        assert changed.rowcount == 1
    reply = server.grant(mint.token(sub="grace"))
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    assert "deactivated" in reply.json()["error_description"]


def one_time(server: stage.ApiServer, mint: stage.Mint, **changed: Any) -> str:
    return mint.token(typ="JWT", aud=f"{server.url}/auth/token", **changed)


def test_an_assertion_minted_for_the_grant_counts_once(server: stage.ApiServer, mint: stage.Mint) -> None:
    assertion = one_time(server, mint)
    assert server.grant(assertion).status_code == 201
    again = server.grant(assertion, "/auth/token/cli")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert "jti" in again.json()["error_description"]
    without = server.grant(one_time(server, mint, jti=None))
    assert (without.status_code, without.json()["error"]) == (400, "invalid_grant")


def test_of_many_at_once_an_assertion_lets_one_in(server: stage.ApiServer, mint: stage.Mint) -> None:
    server.jwt(mint.token())
    assertion = one_time(server, mint)
    with ThreadPoolExecutor(8) as pool:
        statuses = [reply.status_code for reply in pool.map(server.grant, [assertion] * 8)]
    assert sorted(statuses) == [201] + [400] * 7


def test_a_key_that_nobody_has_is_looked_for_once_and_one_that_rolled_over_is_found_at_once(
    server: stage.ApiServer, mint: stage.Mint, front: stage.Front
) -> None:
    server.jwt(mint.token())
    fetched = front.fetched
    unknown = stage.Key("unknown")
    assert [server.grant(mint.token(key=unknown)).status_code for _ in range(5)] == [400] * 5
    assert front.fetched == fetched + 1
    assert server.grant(mint.token(key=front.publish(stage.Key("rolled")))).status_code == 201
    assert front.fetched == fetched + 2


def test_a_reference_token_is_good_while_ping_says_so(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    token = provider.sign_in("alice", scope="openid groups")["access_token"]
    assert "." not in token
    minted = server.jwt(token)
    assert server.trigger(minted) == 200
    ends = jwt.decode(minted, options={"verify_signature": False})["exp"]
    assert ends <= int(time.time()) + 900
    provider.revoke(token)
    reply = server.grant(token)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_grant")


class TestDirectBearer:
    """Ping's own access token as the bearer."""

    def test_it_may_what_the_person_may(self, provider: stage.Provider, server: stage.ApiServer) -> None:
        engineer = provider.sign_in("alice")["access_token"]
        assert (server.read(engineer), server.trigger(engineer)) == (200, 200)
        analyst = provider.sign_in("bob")["access_token"]
        assert (server.read(analyst), server.trigger(analyst)) == (200, 403)
        assert server.read(provider.sign_in("carol")["access_token"]) == 403

    def test_a_reference_token_too(self, provider: stage.Provider, server: stage.ApiServer) -> None:
        assert server.read(provider.sign_in("alice", scope="openid groups")["access_token"]) == 200

    def test_faults_are_refused_as_airflow_refuses_its_own(
        self, provider: stage.Provider, server: stage.ApiServer, mint: stage.Mint
    ) -> None:
        for name, (make, status, _) in REFUSED.items():
            if name in ("empty", "expired within the leeway"):
                continue
            expected = 401 if status == 401 or name == "expired" else 403
            assert server.read(make(mint)) == expected, name
        assert server.read(provider.sign_in("alice")["id_token"]) == 403
        assert server.read(one_time(server, mint)) == 403

    def test_an_old_sign_in_gets_the_challenge(self, server: stage.ApiServer, mint: stage.Mint) -> None:
        reply = server.get("/api/v2/dags", mint.token(auth_time=int(time.time()) - DAY))
        assert "insufficient_user_authentication" in reply.headers["www-authenticate"]

    def test_a_bearer_that_worked_does_not_outlive_its_end(
        self, server: stage.ApiServer, mint: stage.Mint
    ) -> None:
        ends = time.time() - 28
        bearer = mint.token(exp=int(ends))
        assert server.read(bearer) == 200
        while time.time() <= int(ends) + 31:
            time.sleep(0.1)
        assert server.read(bearer) == 401
