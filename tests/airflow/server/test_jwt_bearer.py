"""The good way in: the provider's own tokens become Airflow's, and groups become roles."""

from __future__ import annotations

import json
import time

import httpx
import jwt

import stage


def told(token: str) -> dict[str, object]:
    found: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_an_engineer_may_trigger_and_an_analyst_may_only_read(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    engineer = server.jwt(provider.sign_in("alice")["access_token"])
    assert (server.read(engineer), server.trigger(engineer)) == (200, 200)
    analyst = server.jwt(provider.sign_in("bob")["access_token"])
    assert (server.read(analyst), server.trigger(analyst)) == (200, 403)


def test_a_person_without_a_mapped_group_is_refused(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    reply = server.grant(provider.sign_in("carol")["access_token"])
    assert reply.status_code == 403
    assert reply.json()["error"] == "access_denied"
    assert "groups" in reply.json()["error_description"]


def test_an_id_token_is_an_assertion_too(provider: stage.Provider, server: stage.ApiServer) -> None:
    signed = provider.sign_in("alice")["id_token"]
    assert server.trigger(server.jwt(signed)) == 200


def test_the_answer_is_an_oauth_token_response_and_nobody_may_keep_it(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    access_token = provider.sign_in("alice")["access_token"]
    for path in ("/auth/token", "/auth/token/cli"):
        reply = server.grant(access_token, path)
        assert reply.status_code == 201
        assert reply.json().keys() == {"access_token", "token_type", "expires_in"}
        assert reply.headers["cache-control"] == "no-store"


def test_a_form_is_read_as_well_as_json(provider: stage.Provider, server: stage.ApiServer) -> None:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": provider.sign_in("alice")["access_token"],
    }
    assert httpx.post(f"{server.url}/auth/token", data=form, timeout=30).status_code == 201


def test_the_airflow_jwt_ends_with_the_assertion_or_after_an_hour(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    soon = int(time.time()) + 300
    assert told(server.jwt(mint.token(exp=soon)))["exp"] == soon
    before = int(time.time())
    late = told(server.jwt(mint.token(exp=before + 7200)))["exp"]
    assert before + 3600 <= late <= int(time.time()) + 3600


def test_an_access_token_is_taken_again_until_it_expires(
    provider: stage.Provider, server: stage.ApiServer
) -> None:
    access_token = provider.sign_in("alice")["access_token"]
    assert told(server.jwt(access_token))["jti"] != told(server.jwt(access_token))["jti"]


def test_roles_follow_the_groups_at_every_grant(server: stage.ApiServer, mint: stage.Mint) -> None:
    def roles(*groups: str) -> list[str]:
        bearer = server.jwt(mint.token(sub="dora", groups=list(groups)))
        you: dict[str, list[str]] = server.get("/auth/dagpass/roles", bearer).json()["you"]
        return you["roles"]

    assert roles("airflow-admins", "Analysts") == ["Op", "Viewer"]
    assert roles("Analysts") == ["Viewer"]
    assert roles("CN=Data Engineers,OU=Groups,DC=corp") == ["User"]


def test_a_person_whose_groups_are_gone_loses_what_an_earlier_jwt_allowed(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    earlier = server.jwt(mint.token(sub="erin"))
    assert server.trigger(earlier) == 200
    assert server.grant(mint.token(sub="erin", groups=[])).status_code == 403
    assert server.trigger(earlier) == 403
    assert server.get("/auth/dagpass/roles", earlier).json()["you"] == {"username": "erin", "roles": []}


def test_a_token_without_a_word_of_groups_is_refused_and_takes_nothing_away(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    earlier = server.jwt(mint.token(sub="judy"))
    reply = server.grant(mint.token(sub="judy", groups=None))
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    assert "says nothing of your groups (`groups`)" in reply.json()["error_description"]
    assert server.trigger(earlier) == 200


def test_of_two_tokens_the_newer_one_s_groups_count(server: stage.ApiServer, mint: stage.Mint) -> None:
    now = int(time.time())
    before = mint.token(sub="kim", groups=["airflow-admins"], iat=now - 300)
    assert told_roles(server, server.jwt(before)) == ["Op"]
    assert told_roles(server, server.jwt(mint.token(sub="kim", groups=["Analysts"], iat=now - 200))) == [
        "Viewer"
    ]
    assert told_roles(server, server.jwt(before)) == ["Viewer"]
    assert server.grant(mint.token(sub="kim", groups=[], iat=now - 100)).status_code == 403
    assert server.grant(before).status_code == 403
    assert server.grant(mint.token(sub="kim", groups=[], iat=now - 50)).status_code == 403
    assert server.grant(mint.token(sub="kim", groups=["Analysts"], iat=now - 70)).status_code == 403
    assert server.grant(mint.token(sub="kim", groups=[], iat=now - 300)).status_code == 403
    assert told_roles(server, server.jwt(mint.token(sub="kim", groups=["Analysts"], iat=now))) == ["Viewer"]
    assert server.grant(mint.token(sub="kim", groups=[], iat=now - 300)).status_code == 403
    assert told_roles(server, server.jwt(before)) == ["Viewer"]


def told_roles(server: stage.ApiServer, bearer: str) -> list[str]:
    roles: list[str] = server.get("/auth/dagpass/roles", bearer).json()["you"]["roles"]
    return roles


def test_a_role_that_fab_has_not_is_named_and_takes_nothing_away(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    earlier = server.jwt(mint.token(sub="leo"))
    file = server.home / "airflow-roles.json"
    kept = file.read_text()
    try:
        file.write_text(json.dumps(stage.with_role("Data Engineers", "Ghost")))
        reply = server.grant(mint.token(sub="leo", groups=["Data Engineers"]))
        both = server.jwt(mint.token(sub="mia", groups=["Data Engineers", "Analysts"]))
    finally:
        file.write_text(kept)
    assert (reply.status_code, reply.json()["error"]) == (403, "access_denied")
    assert "this Airflow has no role `Ghost`" in reply.json()["error_description"]
    assert server.trigger(earlier) == 200
    assert told_roles(server, both) == ["Viewer"]


def test_a_refused_stranger_leaves_no_account(server: stage.ApiServer, mint: stage.Mint) -> None:
    assert server.grant(mint.token(sub="mallory", groups=["nobody's"])).status_code == 403
    admin = server.jwt(mint.token(sub="root", groups=["root"]))
    names = [user["username"] for user in server.get("/auth/fab/v1/users", admin).json()["users"]]
    assert "root" in names
    assert "mallory" not in names


def test_the_mapping_in_force_is_told_with_its_digest(server: stage.ApiServer, mint: stage.Mint) -> None:
    told = server.get("/auth/dagpass/roles", server.jwt(mint.token())).json()
    content = json.loads((server.home / "airflow-roles.json").read_text())
    assert (told["version"], told["claim"], told["roles"]) == (1, content["claim"], content["roles"])
    assert len(told["digest"]) == 64
    assert told["you"] == {"username": "alice", "roles": ["Op", "User"]}
    assert told["removed_group_bites_within"] == {
        "api": 43200 + 30 + 3600 + 30,
        "web": 43200 + 30 + 43200 + 30,
    }
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTpi"}):
        reply = httpx.get(f"{server.url}/auth/dagpass/roles", headers=headers)
        assert (reply.status_code, reply.json()["error"]) == (401, "invalid_token")


def test_what_a_person_does_is_on_airflow_s_own_record_under_their_name(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    assert server.trigger(server.jwt(mint.token(sub="ivan"))) == 200
    root = server.jwt(mint.token(sub="root", groups=["root"]))
    found = server.get("/api/v2/eventLogs?owner=ivan", root).json()["event_logs"]
    assert [event["event"] for event in found] == ["trigger_dag_run"]


def test_logout_ends_the_airflow_jwt(server: stage.ApiServer, mint: stage.Mint) -> None:
    bearer = server.jwt(mint.token())
    assert server.read(bearer) == 200
    assert server.get("/api/v2/auth/logout", bearer).status_code == 307
    assert server.read(bearer) == 403


def test_other_grants_meet_fab_unchanged(server: stage.ApiServer) -> None:
    def ask(**options: object) -> tuple[int, object]:
        reply = httpx.post(f"{server.url}/auth/token", timeout=30, **options)  # type: ignore[arg-type]
        return reply.status_code, reply.json()["detail"]

    assert ask(json={"username": "nobody", "password": "x"}) == (401, "Invalid credentials")
    assert ask(json={"grant_type": "password"}) == (400, "Username and password must be provided")
    assert ask(content=b"{", headers={"Content-Type": "application/json"})[0] == 422


def test_no_token_is_in_the_log(provider: stage.Provider, server: stage.ApiServer) -> None:
    access_token = provider.sign_in("alice")["access_token"]
    minted = server.jwt(access_token)
    server.grant(access_token[:-4] + "AAAA")
    log = server.log()
    assert "jwt-bearer grant: alice" in log
    assert "jwt-bearer grant refused: invalid_grant" in log
    for secret in (access_token, minted, stage.WEB_CLIENT[1]):
        assert secret not in log
        assert secret.rpartition(".")[2] not in log
