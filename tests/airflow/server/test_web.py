"""The web login as a person sees it: a real browser, PKCE on the wire, and the way out at Ping."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import stage


def visit(server: stage.ApiServer, user: str, profile: Path) -> dict[str, Any]:
    command = ["node", str(stage.IDP / "weblogin.mjs"), "--user", user, "--profile", str(profile), server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in report, (report, server.log()[-3000:])
    return report


def test_an_engineer_comes_in_by_pkce_and_logout_reaches_the_provider(
    server: stage.ApiServer, tmp_path: Path
) -> None:
    report = visit(server, "alice", tmp_path)
    authorize = report["authorize"]
    assert authorize["code_challenge_method"] == "S256"
    assert authorize.keys() >= {"code_challenge", "state", "nonce"}
    assert authorize["max_age"] == "43200"
    assert authorize["redirect_uri"] == f"{server.url}/auth/oauth-authorized/ping"
    assert (report["read"], report["trigger"], report["me"]) == (200, 200, "alice")
    out = report["signedOut"]
    assert out["asked"]["path"].endswith("/signoff")
    assert out["asked"].keys() >= {"id_token_hint", "client_id"}
    assert out["asked"]["post_logout_redirect_uri"] == f"{server.url}/"
    assert out["read"] == 401
    assert out["formAgain"], "the session at the provider is still there"


def test_an_analyst_may_only_read(server: stage.ApiServer, tmp_path: Path) -> None:
    report = visit(server, "bob", tmp_path)
    assert (report["read"], report["trigger"], report["me"]) == (200, 403, "bob")


def test_a_person_without_a_mapped_group_does_not_come_in(server: stage.ApiServer, tmp_path: Path) -> None:
    report = visit(server, "carol", tmp_path)
    assert (report["read"], report["me"]) == (401, None)


def test_a_web_login_without_groups_takes_the_roles_of_an_earlier_grant(
    server: stage.ApiServer, mint: stage.Mint, tmp_path: Path
) -> None:
    earlier = server.jwt(mint.token(sub="heidi"))
    assert server.trigger(earlier) == 200
    assert visit(server, "heidi", tmp_path)["read"] == 401
    root = server.jwt(mint.token(sub="root", groups=["root"]))
    assert server.get("/auth/fab/v1/users/heidi", root).json()["roles"] == []
