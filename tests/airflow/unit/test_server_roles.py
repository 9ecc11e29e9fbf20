"""Groups in every shape, and the one file that makes roles of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_dagpass.auth_manager.groups import groups
from airflow_provider_dagpass.auth_manager.rolefile import RoleFile, RoleFileError, digest, parse

FILE = {"version": 1, "claim": "groups", "roles": {"AF-Admins": ["Admin"], "data-eng": ["Op", "User"]}}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, None),
        ({"groups": None}, None),
        ({"groups": ""}, []),
        ({"groups": []}, []),
        ({"groups": 7}, None),
        ({"groups": {"name": "data"}}, None),
        ({"groups": "data"}, ["data"]),
        ({"groups": "data, ops ,data"}, ["data", "ops"]),
        ({"groups": ["data", "ops"]}, ["data", "ops"]),
        ({"groups": ["a,b"]}, ["a,b"]),
        ({"groups": [{"name": "data"}, {"id": 1}, 3]}, ["data"]),
        ({"groups": "CN=data,OU=Groups,DC=corp"}, ["CN=data,OU=Groups,DC=corp", "data"]),
        ({"groups": ["cn=ops,dc=corp", "x"]}, ["cn=ops,dc=corp", "ops", "x"]),
        ({"groups": ["CN=Doe\\, Jane,OU=x"]}, ["CN=Doe\\, Jane,OU=x", "Doe, Jane"]),
        ({"groups": ["CN=caf\\C3\\A9,OU=x"]}, ["CN=caf\\C3\\A9,OU=x", "café"]),
        ({"groups": ["CN=two+UID=7,OU=x"]}, ["CN=two+UID=7,OU=x", "two"]),
        ({"groups": ["env=prod"]}, ["env=prod"]),
    ],
)
def test_every_shape_ends_as_a_list_of_names(claims: dict[str, Any], expected: list[str] | None) -> None:
    assert groups(claims, "groups") == expected


def test_a_nested_claim_is_found_by_its_path_and_a_dotted_name_wins() -> None:
    claims = {"realm": {"roles": ["a"]}, "x.y": ["b"], "x": {"y": ["c"]}}
    assert groups(claims, "realm.roles") == ["a"]
    assert groups(claims, "x.y") == ["b"]
    assert groups(claims, "realm.none") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        json.dumps({**FILE, "version": 2}),
        json.dumps({**FILE, "claim": ""}),
        json.dumps({**FILE, "roles": {}}),
        json.dumps({**FILE, "roles": {"a": "Admin"}}),
        json.dumps({**FILE, "roles": {"a": []}}),
        json.dumps({**FILE, "roles": {"a": [1]}}),
        '{"version": 1, "claim": "groups", "roles": {"a": ["Viewer"], "a": ["Admin"]}}',
    ],
)
def test_a_wrong_file_is_an_error(text: str) -> None:
    with pytest.raises(RoleFileError):
        parse(text)


def test_names_compare_exactly_and_a_role_is_given_once() -> None:
    roles = parse(json.dumps(FILE))
    assert roles.of(["data-eng", "AF-Admins", "data-eng"]) == ["Admin", "Op", "User"]
    assert roles.of(["af-admins", "data-eng "]) == []


def test_the_digest_is_of_the_meaning_not_of_the_text() -> None:
    spaced = parse(json.dumps(FILE, indent=4)).digest
    turned = dict(reversed(FILE.items()))
    assert spaced == parse(json.dumps(turned)).digest
    assert digest({"b": "é", "a": [1]}) == "04f34bc0940adae4d1055943965f4f1a5617be528e5e463451aa03f0ecff81f3"


def test_the_file_is_read_again_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "airflow-roles.json"

    def write(text: str, at: int) -> None:
        path.write_text(text)
        os.utime(path, ns=(at, at))

    write(json.dumps(FILE), 1)
    file = RoleFile(str(path))
    write(json.dumps({**FILE, "claim": "memberOf"}), 2)
    assert file.current().claim == "memberOf"
    write("{", 3)
    assert file.current().claim == "memberOf"
    path.unlink()
    assert file.current().claim == "memberOf"
    with pytest.raises(RoleFileError, match="airflow-roles"):
        RoleFile(str(path))
