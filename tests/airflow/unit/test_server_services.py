"""``clients`` of the roles file, as tables: which entry a token is of, and what such a token has to hold."""

from __future__ import annotations

import json
from typing import Any

import pytest
from test_server_claims import ACCESS, API, ISSUER, NOW, but, made

from airflow_provider_dagpass.auth_manager.claims import Kind, of_service
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied, Expired, InvalidGrant, Refusal
from airflow_provider_dagpass.auth_manager.rolefile import RoleFileError, parse
from airflow_provider_dagpass.auth_manager.services import Entry, of

CI = "https://ci.example"
CLIENTS: dict[str, Any] = {
    "etl": {"client_id": "etl", "roles": ["Op"]},
    "agent": {"sub": "(age!etl2)", "client_id": "etl2", "roles": ["Op"]},
    "job": {"issuer": CI, "sub": "repo:a", "roles": ["Viewer"], "max_age": 300},
    "job-here": {"sub": "repo:a", "roles": ["User"]},
}


def file(clients: Any) -> str:
    return json.dumps({"version": 1, "claim": "groups", "roles": {"a": ["Op"]}, "clients": clients})


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"iss": ISSUER, "sub": "etl", "client_id": "etl"}, "etl"),
        ({"iss": ISSUER, "client_id": "etl"}, "etl"),
        ({"iss": ISSUER, "azp": "etl"}, "etl"),
        ({"client_id": "etl"}, "etl"),
        ({"iss": ISSUER, "sub": "alice", "client_id": "etl"}, None),
        ({"iss": ISSUER, "sub": "etl", "client_id": "etl", "auth_time": NOW}, None),
        ({"iss": ISSUER, "client_id": "etl", "username": "ada"}, None),
        ({"iss": ISSUER, "client_id": "etl", "Username": "ada"}, None),
        ({"iss": ISSUER, "client_id": "etl", "sid": "1"}, None),
        ({"iss": ISSUER, "sub": "etl", "client_id": "etl", "groups": ["a"]}, None),
        ({"iss": ISSUER, "sub": "etl"}, None),
        ({"iss": ISSUER, "sub": "etl", "client_id": "etl", "azp": "agent"}, None),
        ({"iss": CI, "sub": "etl", "client_id": "etl"}, None),
        ({"iss": ISSUER, "sub": "(age!etl2)", "client_id": "etl2"}, "agent"),
        ({"iss": ISSUER, "sub": "etl2", "client_id": "etl2"}, None),
        ({"iss": CI, "sub": "repo:a"}, "job"),
        ({"iss": CI, "sub": "repo:a:pull_request"}, None),
        ({"iss": CI + "/", "sub": "repo:a"}, None),
        ({"iss": [CI], "sub": "repo:a"}, None),
        ({"iss": ISSUER, "sub": "repo:a"}, "job-here"),
    ],
)
def test_a_token_is_of_the_entry_that_says_all_of_it(claims: dict[str, Any], expected: str | None) -> None:
    entry = of(parse(file(CLIENTS)).clients, claims, ISSUER, ("Username", "groups"))
    assert (entry.name if entry else None) == expected


def test_a_token_of_two_entries_is_of_neither() -> None:
    both = {"a": {"sub": "x", "roles": ["Op"]}, "b": {"client_id": "x", "roles": ["User"]}}
    with pytest.raises(AccessDenied, match="both"):
        of(parse(file(both)).clients, {"iss": ISSUER, "sub": "x", "client_id": "x"}, ISSUER)


TOKEN = but(ACCESS, sub="etl", client_id="etl", auth_time=...)


ENTRY = Entry("etl", None, None, "etl", ("Op",), 600)


def judged(claims: dict[str, Any], typ: Any) -> Kind:
    return of_service({"alg": "RS256", "typ": typ}, claims, ENTRY, made(), NOW).kind


@pytest.mark.parametrize(
    ("claims", "typ", "expected"),
    [
        (TOKEN, "at+jwt", Kind.ACCESS_TOKEN),
        (but(TOKEN, sub=..., scope=...), "JWT", Kind.ACCESS_TOKEN),
        (but(TOKEN, iat=NOW - 629), "JWT", Kind.ACCESS_TOKEN),
        (but(TOKEN, aud=f"{API}/auth/token", jti="1"), "JWT", Kind.ONE_TIME),
    ],
)
def test_a_good_token_of_a_service(claims: dict[str, Any], typ: str, expected: Kind) -> None:
    assert judged(claims, typ) is expected


@pytest.mark.parametrize(
    ("claims", "typ", "refusal", "word"),
    [
        (but(TOKEN, aud="https://other.example"), "JWT", InvalidGrant, "aud"),
        (but(TOKEN, aud=["agent"]), "JWT", InvalidGrant, "aud"),
        (but(TOKEN, aud=f"{API}/auth/token"), "JWT", InvalidGrant, "jti"),
        (but(TOKEN, exp=NOW - 31), "JWT", Expired, "expired"),
        (but(TOKEN, iat=NOW - 631), "JWT", Expired, "older than its 600 s"),
        (but(TOKEN, iat=...), "JWT", InvalidGrant, "iat"),
        (but(TOKEN, iss=...), "JWT", InvalidGrant, "iss"),
        (but(TOKEN, cnf={"jkt": "x"}), "JWT", InvalidGrant, "cnf"),
        (TOKEN, "logout+jwt", InvalidGrant, "logout+jwt"),
    ],
)
def test_one_wrong_claim_of_a_service_refuses(
    claims: dict[str, Any], typ: str, refusal: type[Refusal], word: str
) -> None:
    with pytest.raises(refusal) as refused:
        judged(claims, typ)
    assert type(refused.value) is refusal
    assert word in refused.value.description


def test_a_reference_token_of_a_service_may_leave_out_its_audience_where_that_is_written() -> None:
    bare = but(TOKEN, aud=...)
    settings = made(introspection_without_audience="True")
    assert of_service(None, bare, ENTRY, settings, NOW).kind is Kind.REFERENCE
    with pytest.raises(InvalidGrant, match="aud"):
        of_service(None, bare, ENTRY, made(), NOW)


def test_a_critical_header_that_nobody_knows_refuses_a_service_too() -> None:
    with pytest.raises(InvalidGrant, match="critical"):
        of_service({"alg": "RS256", "typ": "at+jwt", "crit": ["x"]}, TOKEN, ENTRY, made(), NOW)


@pytest.mark.parametrize(
    ("clients", "word"),
    [
        ({}, "names none"),
        ([], "names none"),
        ({" etl": {"client_id": "a", "roles": ["Op"]}}, "space"),
        ({"etl": "a"}, "no object"),
        ({"etl": {"client_id": "a", "roles": ["Op"], "role": 1}}, "`role`"),
        ({"etl": {"client_id": "", "roles": ["Op"]}}, "client_id"),
        ({"etl": {"roles": ["Op"]}}, "its `sub` or its `client_id`"),
        ({"etl": {"client_id": "a", "issuer": CI, "roles": ["Op"]}}, "give its `sub`"),
        ({"etl": {"sub": "a", "issuer": "http://ci.example", "roles": ["Op"]}}, "https"),
        ({"etl": {"sub": "a", "issuer": "https://[x", "roles": ["Op"]}}, "no address"),
        ({"a" * 129: {"sub": "a", "roles": ["Op"]}}, "more than 128"),
        ({"etl": {"sub": "a", "roles": ["Op"]}, "Etl": {"sub": "b", "roles": ["Op"]}}, "other letters"),
        ({"etl": {"client_id": "a"}}, "roles"),
        ({"etl": {"client_id": "a", "roles": []}}, "roles"),
        ({"etl": {"client_id": "a", "roles": ["Op"], "max_age": 59}}, "max_age"),
        ({"etl": {"client_id": "a", "roles": ["Op"], "max_age": 600.0}}, "max_age"),
        ({"etl": {"client_id": "a", "roles": ["Op"]}, "b": {"client_id": "a", "roles": ["User"]}}, "are one"),
    ],
)
def test_a_wrong_entry_is_an_error_that_names_it(clients: Any, word: str) -> None:
    with pytest.raises(RoleFileError, match=word):
        parse(file(clients))
