"""What is asked of a token besides its signature, as tables: one thing wrong at a time."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dagpass.auth_manager import settings
from airflow_provider_dagpass.auth_manager.claims import Kind, check_sign_in, of_introspection, of_jwt
from airflow_provider_dagpass.auth_manager.refusal import Expired, InvalidGrant, Refusal, SignInTooOld

NOW = 1_800_000_000.0
ISSUER = "https://auth.pingone.eu/env/as"
API = "https://airflow.corp.example"
TYPED = {
    "issuer": ISSUER,
    "audience": f"{API}, urn:airflow",
    "clients": "agent, web",
    "roles_file": "roles.json",
    "client_id": "airflow",
    "client_secret": "s",
    "introspect": "True",
}
ACCESS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": [API],
    "client_id": "agent",
    "scope": "airflow",
    "exp": NOW + 300,
    "iat": NOW - 10,
    "auth_time": NOW - 3600,
}
ID: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "alice",
    "aud": "agent",
    "exp": NOW + 300,
    "iat": NOW - 10,
    "auth_time": NOW - 3600,
    "nonce": "n",
}


def made(**typed: str) -> settings.Settings:
    return settings.read(lambda key: {**TYPED, **typed}.get(key, ""), home="/", base_url=API)


def but(claims: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {name: value for name, value in {**claims, **changed}.items() if value is not ...}


def kind(claims: dict[str, Any], typ: Any = "JWT", **typed: str) -> Kind:
    return of_jwt({"alg": "RS256", "typ": typ}, claims, made(**typed), NOW).kind


@pytest.mark.parametrize(
    ("claims", "typ", "expected"),
    [
        (ACCESS, "at+jwt", Kind.ACCESS_TOKEN),
        (ACCESS, "application/AT+JWT", Kind.ACCESS_TOKEN),
        (ACCESS, "JWT", Kind.ACCESS_TOKEN),
        (but(ACCESS, scope=...), "", Kind.ACCESS_TOKEN),
        (but(ACCESS, client_id=..., azp="web"), "JWT", Kind.ACCESS_TOKEN),
        (but(ACCESS, aud=["https://other.example", "urn:airflow"]), "at+jwt", Kind.ACCESS_TOKEN),
        (ID, "JWT", Kind.ID_TOKEN),
        (but(ID, azp="agent"), "JWT", Kind.ID_TOKEN),
        (but(ID, aud=["agent", "web"], azp="web"), "JWT", Kind.ID_TOKEN),
        (but(ACCESS, aud=f"{API}/auth/token", jti="1"), "JWT", Kind.ONE_TIME),
        (but(ACCESS, aud=[API, f"{API}/auth/token/cli"], jti="1"), "at+jwt", Kind.ONE_TIME),
        (but(ACCESS, exp=NOW - 29), "at+jwt", Kind.ACCESS_TOKEN),
        (but(ACCESS, iat=NOW + 29, nbf=NOW + 29), "at+jwt", Kind.ACCESS_TOKEN),
        (but(ACCESS, auth_time=NOW - 12 * 3600 - 29), "at+jwt", Kind.ACCESS_TOKEN),
    ],
)
def test_good_tokens_are_told_apart(claims: dict[str, Any], typ: str, expected: Kind) -> None:
    assert kind(claims, typ) is expected


@pytest.mark.parametrize(
    ("claims", "typ", "refusal", "word"),
    [
        (but(ACCESS, iss=ISSUER + "/"), "at+jwt", InvalidGrant, "iss"),
        (but(ACCESS, iss=ISSUER.upper()), "at+jwt", InvalidGrant, "iss"),
        (but(ACCESS, iss=[ISSUER]), "at+jwt", InvalidGrant, "iss"),
        (but(ACCESS, iss=...), "at+jwt", InvalidGrant, "iss"),
        (but(ACCESS, aud="https://other.example"), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, aud=API + "/"), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, aud={API: 1}), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, aud=[API, 7]), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, aud=...), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, aud="agent"), "at+jwt", InvalidGrant, "aud"),
        (but(ACCESS, client_id="other"), "at+jwt", InvalidGrant, "client"),
        (but(ACCESS, azp="other"), "at+jwt", InvalidGrant, "client"),
        (but(ACCESS, client_id=["agent"]), "at+jwt", InvalidGrant, "client"),
        (but(ACCESS, client_id=...), "at+jwt", InvalidGrant, "client"),
        (but(ID, azp="other"), "JWT", InvalidGrant, "client"),
        (but(ID, aud=["agent", "other"]), "JWT", InvalidGrant, "client"),
        (but(ID, aud=API), "JWT", InvalidGrant, "aud"),
        (but(ACCESS, exp=NOW - 31), "at+jwt", Expired, "expired"),
        (but(ACCESS, exp=...), "at+jwt", InvalidGrant, "exp"),
        (but(ACCESS, exp=str(NOW + 300)), "at+jwt", InvalidGrant, "exp"),
        (but(ACCESS, exp=float("inf")), "at+jwt", InvalidGrant, "exp"),
        (but(ACCESS, exp=True), "at+jwt", InvalidGrant, "exp"),
        (but(ACCESS, nbf=NOW + 31), "at+jwt", InvalidGrant, "nbf"),
        (but(ACCESS, iat=NOW + 31), "at+jwt", InvalidGrant, "iat"),
        (but(ACCESS, sub=...), "at+jwt", InvalidGrant, "sub"),
        (but(ACCESS, sub=""), "at+jwt", InvalidGrant, "sub"),
        (but(ACCESS, cnf={"jkt": "x"}), "at+jwt", InvalidGrant, "cnf"),
        (ACCESS, "logout+jwt", InvalidGrant, "logout+jwt"),
        (ACCESS, ["at+jwt"], InvalidGrant, "type"),
        (but(ACCESS, aud=f"{API}/auth/token"), "JWT", InvalidGrant, "jti"),
        (but(ACCESS, aud=f"{API}/auth/token", jti=7), "JWT", InvalidGrant, "jti"),
        (but(ACCESS, auth_time=NOW - 12 * 3600 - 31), "at+jwt", SignInTooOld, "too old"),
        (but(ACCESS, auth_time=...), "at+jwt", SignInTooOld, "auth_time"),
        (but(ACCESS, auth_time=None), "at+jwt", SignInTooOld, "auth_time"),
        (but(ACCESS, auth_time=NOW + 31), "at+jwt", InvalidGrant, "future"),
        (but(ACCESS, auth_time="yesterday"), "at+jwt", InvalidGrant, "auth_time"),
    ],
)
def test_one_wrong_claim_refuses(claims: dict[str, Any], typ: str, refusal: type[Refusal], word: str) -> None:
    with pytest.raises(refusal) as refused:
        kind(claims, typ)
    assert type(refused.value) is refusal
    assert word in refused.value.description


def test_a_critical_header_that_nobody_knows_refuses() -> None:
    with pytest.raises(InvalidGrant, match="critical"):
        of_jwt({"alg": "RS256", "typ": "at+jwt", "crit": ["x"]}, ACCESS, made(), NOW)


@pytest.mark.parametrize(
    ("claims", "assertion"), [(ACCESS, "id_token"), (ID, "access_token"), (ACCESS | {"jti": "1"}, "id_token")]
)
def test_only_the_configured_kinds_are_assertions(claims: dict[str, Any], assertion: str) -> None:
    with pytest.raises(InvalidGrant, match="not accepted as an assertion"):
        kind(claims, assertion=assertion)


def test_the_refusal_of_an_old_sign_in_says_how_young_it_must_be() -> None:
    with pytest.raises(SignInTooOld) as refused:
        kind(but(ACCESS, auth_time=NOW - 700), max_auth_age="600")
    assert refused.value.status == 401
    expected = 'Bearer error="insufficient_user_authentication", max_age=600'
    assert refused.value.headers == {"WWW-Authenticate": expected}


def test_an_absent_auth_time_is_good_only_where_that_is_written() -> None:
    check_sign_in({}, made(absent_auth_time="accept"), NOW)
    with pytest.raises(SignInTooOld):
        check_sign_in({"auth_time": NOW - 10**6}, made(absent_auth_time="accept"), NOW)


@pytest.mark.parametrize(
    ("claims", "typed", "word"),
    [
        (but(ACCESS, aud=...), {}, "aud"),
        (but(ACCESS, aud="x"), {"introspection_without_audience": "True"}, "aud"),
        (but(ACCESS, client_id="other"), {}, "client"),
        (but(ACCESS, client_id=...), {}, "client"),
        (but(ACCESS, iss="https://other.example"), {}, "iss"),
        (but(ACCESS, exp=...), {}, "exp"),
        (ACCESS, {"assertion": "id_token"}, "not accepted"),
    ],
)
def test_what_ping_says_of_a_reference_token_is_asked_the_same(
    claims: dict[str, Any], typed: dict[str, str], word: str
) -> None:
    with pytest.raises(InvalidGrant, match=word):
        of_introspection(claims, made(**typed), NOW)


def test_a_reference_token_may_leave_out_what_ping_need_not_say() -> None:
    bare = but(ACCESS, iss=..., aud=...)
    settings = made(introspection_without_audience="True")
    assert of_introspection(bare, settings, NOW).kind is Kind.REFERENCE
