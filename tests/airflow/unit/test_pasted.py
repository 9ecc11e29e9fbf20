"""What ``dagpass airflow import`` finds of pasted secrets, and what it never tells."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from airflow.models.connection import Connection

from airflow_provider_dagpass.lint import connections, pasted

CLAIMS = {"iss": "https://ping.example/as", "iat": 1_700_000_000, "exp": 1_700_003_600}
BODY = base64.urlsafe_b64encode(json.dumps(CLAIMS).encode()).rstrip(b"=").decode()
JWT = f"eyJhbGciOiJSUzI1NiJ9.{BODY}.c2lnbmF0dXJlLWNhbmFyeQ"
PASTED = {"Authorization": f"Bearer {JWT}", "X-Tenant": "eu", "X-Api-Key": "canary-key"}


def one(fields: dict[str, Any]) -> dict[str, Any]:
    (found,) = pasted.judged("api", fields, {"place": "here"})
    assert "canary" not in json.dumps(found)
    assert JWT not in json.dumps(found)
    return found


@pytest.mark.parametrize(
    ("fields", "token_in"),
    [
        ({"conn_type": "http", "host": "h", "extra": {"Authorization": f"Bearer {JWT}"}}, "header"),
        ({"conn_type": "http", "host": "h", "password": "canary-opaque"}, "header"),
        ({"conn_type": "dagpass_http", "login": "token", "password": JWT}, "header"),
        ({"conn_type": "http", "login": "ada", "password": "canary-pw"}, None),
        ({"conn_type": "http", "extra": {"X-Api-Key": "canary-key"}}, None),
        ({"conn_type": "http", "extra": {"Authorization": "Basic canary"}}, None),
        ({"conn_type": "databricks", "password": "canary-pat"}, "password"),
        ({"conn_type": "snowflake", "extra": {"token": "canary-token"}}, "extra.token"),
        ({"conn_type": "snowflake", "login": "etl", "password": "canary-pw"}, None),
        ({"conn_type": "trino", "extra": {"jwt__token": JWT}}, "extra.jwt__token"),
        ({"conn_type": "postgres", "password": "canary-pw"}, None),
        ({"conn_type": "aws", "password": "canary-pw"}, None),
        ({"conn_type": "http", "extra": {"Cookie": "canary-sid"}}, None),
        ({"conn_type": "http", "extra": {"more": '{"x-functions-key": "canary-key"}'}}, None),
    ],
)
def test_dagpass_takes_over_what_a_bearer_token_serves(fields: dict[str, Any], token_in: str | None) -> None:
    found = one(fields)
    assert (found["token_in"], found["why"] is None) == (token_in, token_in is not None)


def test_a_jwt_tells_its_age_and_issuer_and_other_extras_stay_without_a_secret() -> None:
    found = one({"conn_type": "http", "host": "https://ada:canary@h.example", "extra": PASTED})
    assert found["extra"] == {"X-Tenant": "eu"}
    assert found["fields"] == {"host": "https://h.example"}
    told = {secret["name"]: secret for secret in found["secrets"]}["Authorization"]
    assert (told["issued"], told["expires"], told["issuer"]) == (1_700_000_000, 1_700_003_600, CLAIMS["iss"])
    assert told["length"] == len(f"Bearer {JWT}")


LEFT_OUT: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]] = [
    (
        {"Ocp-Apim-Subscription-Key": "canary", "Cookie": "<canary>", "x-functions-key": "/canary", "PWD": 1},
        {"host": "h"},
        {},
        ["Cookie", "Ocp-Apim-Subscription-Key", "PWD", "x-functions-key"],
    ),
    (
        {"authorization": "$CANARY", "headers": {"Authorization": "Bearer canary"}, "X": {"Y": "eu"}},
        {"host": "h"},
        {"X": {"Y": "eu"}},
        ["headers"],
    ),
    (
        {"a": '{"token": "canary"}', "b": "[canary", "c": '["eu"]', "d": {"e": "Basic canary"}, "f": ["eu"]},
        {"host": "h"},
        {"c": '["eu"]', "f": ["eu"]},
        ["a", "b", "d.e"],
    ),
    ({"proxy": "http://ada:canary@p", "x": "https://h/?code=canary"}, {"host": "h"}, {}, ["proxy", "x"]),
    ({"a": float("nan"), "b": 1.5, "c": None, "d": {}}, {"host": "h"}, {"b": 1.5, "d": {}}, ["a"]),
    ({}, {"host": "https://ada@corp.example:canary@h"}, {}, []),
    ({}, {"host": "https://ada:can/ary@h"}, {}, []),
    ({}, {"host": "ada:canary@h", "port": "443"}, {}, []),
    ({}, {"host": "https://canary/ary@h", "port": "canary"}, {}, ["host", "port"]),
    ({}, {"host": f"https://h/{JWT}", "schema": JWT, "port": 65_536}, {}, ["host", "port", "schema"]),
]


@pytest.mark.parametrize(("extra", "fields", "kept", "left_out"), LEFT_OUT)
def test_what_may_be_a_secret_is_left_out_and_named(
    extra: dict[str, Any], fields: dict[str, Any], kept: dict[str, Any], left_out: list[str]
) -> None:
    found = one({"conn_type": "http", "password": "canary-opaque", "extra": extra, **fields})
    assert found["token_in"] == "header"
    assert (found["extra"], sorted(found["left_out"])) == (kept, left_out)
    host = None if "host" in left_out else "https://h" if "://" in fields["host"] else "h"
    assert found["fields"].get("host") == host
    assert found["fields"].get("port") == (443 if fields.get("port") == "443" else None)


@pytest.mark.parametrize(
    "uri",
    [
        "http://https://:canary@api.example",
        "http://:canary@https%3A%2F%2Fapi.example%2FV1:8443/Base%2F",
        "http://https://ada:canary@api.example%2FV1:8443/?X-Link=http://other",
        "dagpass-http://:can%40ary@API.example/https?__extra__=%7B%22a%22%3A+%7B%7D%7D",
        Connection(conn_type="http", host="https://api.example", password="canary", port=443).get_uri(),
        "http://:canary@http%3A%2F%2Fapi.example%2FV1",
    ],
)
def test_a_uri_is_read_as_airflow_reads_it(uri: str) -> None:
    fields = connections.parsed(uri)
    # Airflow counts the `://` of the query too.
    theirs = connections.of_row(Connection(uri=uri.partition("?X-Link")[0]))
    for name in ("host", "schema", "login", "password", "port"):
        assert (fields[name] or None) == (theirs[name] or None), name
    assert fields["conn_type"].replace("-", "_") == theirs["conn_type"]
    assert "password" in {secret["name"] for secret in one(fields)["secrets"]}


def test_a_time_that_is_no_date_is_not_told_and_what_is_told_is_readable() -> None:
    body = base64.urlsafe_b64encode(b'{"iat": Infinity, "exp": 1e300}').rstrip(b"=").decode()
    fields = {"conn_type": "http", "password": f"eyJhbGciOiJSUzI1NiJ9.{body}."}
    (found,) = pasted.judged("a\udcff", fields, {})
    assert {"issued", "expires"} & set(found["secrets"][0]) == set()
    assert json.loads(pasted.line_of({"pasted": [found]}))["pasted"][0]["conn_id"] == "a?"


def test_a_connection_without_a_secret_is_none_of_ours() -> None:
    assert list(pasted.judged("api", {"conn_type": "http", "host": "h"}, {})) == []


def test_each_form_of_an_export_is_read_with_the_line_of_the_secret(tmp_path: Path) -> None:
    fields = {"conn_type": "http", "host": "h", "extra": json.dumps({"Authorization": f"Bearer {JWT}"})}
    whole = {"plain": {"conn_type": "http", "host": "p"}, "api": fields}
    uris = {"plain": "http://p", "api": f"http://:{JWT}@h/https"}
    (tmp_path / "a.json").write_text(json.dumps(whole, indent=2))
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(whole, sort_keys=False, width=10_000))
    (tmp_path / "c.json").write_text(json.dumps(uris, indent=2))
    (tmp_path / "d.env").write_text("".join(f"{name}={uri}\n" for name, uri in uris.items()))
    for name in ("a.json", "b.yaml", "c.json", "d.env"):
        file = tmp_path / name
        (found,) = pasted.in_export(file)
        line = int(found["place"].removeprefix(f"{file}:"))
        assert JWT in file.read_text().splitlines()[line - 1], name
        assert (found["conn_id"], found["kind"], found["token_in"]) == ("api", "export", "header"), name
        assert found["changed"] > 0
        assert JWT not in json.dumps(found)


@pytest.mark.parametrize("text", ["[1]", "no json", ""])
def test_a_file_that_is_no_export_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(pasted.NoExportError):
        list(pasted.in_export(tmp_path / "x.json"))


def test_lines_of_an_env_file_are_told_by_number_and_comments_are_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        f"# AIRFLOW_CONN_OLD=http://:{JWT}@h\nX=1\nexport AIRFLOW_CONN_API='http://:{JWT}@h'\n"
    )
    (found,) = pasted.in_env_file(tmp_path / ".env")
    assert (found["conn_id"], found["place"]) == ("api", f"{tmp_path}/.env:3")
    nameless = {"API_TOKEN": "canary", "AIRFLOW_CONN_": f"http://:{JWT}@h"}
    (set_here,) = pasted.in_variables({"AIRFLOW_CONN_API": f"http://:{JWT}@h", **nameless})
    assert set_here["remove"] == "unset AIRFLOW_CONN_API"


class Closed:
    """A row whose secret is encrypted by another key."""

    conn_id = "closed"
    conn_type = host = schema = login = port = extra = None

    @property
    def password(self) -> str:
        raise RuntimeError("canary")


def test_rows_are_told_with_the_command_that_removes_them_and_closed_ones_are_named() -> None:
    row = SimpleNamespace(
        conn_id="api",
        conn_type="http",
        host="h",
        schema=None,
        login=None,
        port=None,
        password=JWT,
        extra=None,
    )
    odd = SimpleNamespace(**vars(row) | {"conn_id": "x; rm\nlake: taken"})
    found, closed = pasted.in_rows([row, odd, Closed()], "sqlite:///a.db")
    removes = ["airflow connections delete api", "airflow connections delete 'x; rm\nlake: taken'"]
    assert [one["remove"] for one in found] == removes
    assert [one["token_in"] for one in found] == ["header", None]
    assert closed == ["sqlite:///a.db: connection closed: cannot be decrypted (RuntimeError)"]
