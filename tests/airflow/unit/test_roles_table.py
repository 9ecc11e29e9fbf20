"""The same table as the agent: what groups are called, which roles they give, and the file's digest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dagpass.auth_manager.groups import groups
from airflow_provider_dagpass.auth_manager.rolefile import RoleFileError, parse

TABLE: dict[str, Any] = json.loads((Path(__file__).parents[2] / "cases" / "airflow_roles.json").read_text())


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize("case", TABLE["groups"], ids=named)
def test_every_shape_of_the_claim_ends_as_the_agent_s_names(case: dict[str, Any]) -> None:
    assert (groups(case["claims"], case["claim"]) or []) == case["names"]


@pytest.mark.parametrize("case", TABLE["mapping"]["cases"], ids=named)
def test_every_person_gets_what_the_agent_previews(case: dict[str, Any]) -> None:
    file = {"version": 1, "claim": "groups", "roles": TABLE["mapping"]["roles"]}
    mine = groups({"groups": case["groups"]}, "groups") or []
    assert set(parse(json.dumps(file)).of(mine)) == set(case["gives"])


@pytest.mark.parametrize("case", TABLE["digests"], ids=lambda case: case["sha256"][:8])
def test_the_digest_is_the_agent_s(case: dict[str, Any]) -> None:
    assert parse(case["text"]).digest == case["sha256"]


@pytest.mark.parametrize("case", TABLE["bad_files"], ids=named)
def test_a_file_that_the_agent_refuses_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(RoleFileError):
        parse(case["text"])
