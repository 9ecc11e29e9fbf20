"""``python -m airflow_provider_dagpass.lint.pasted``: connections with a pasted secret, as one line of JSON.

`dagpass airflow import` runs this in Airflow's own interpreter and writes the tables. It looks at `.env`, the
environment, exports of Airflow's (`--export FILE`, repeatable) and Airflow's database. Of a secret it tells
the place, the length and what a JWT says of its own times and issuer, never the secret.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_dagpass.lint import connections, database
from airflow_provider_dagpass.lint.left_out import Cleaned

#: What HttpHook reads: all of `extra` but its options goes out as headers, and a login makes it Basic.
_HTTP = ("http", "dagpass_http")
_BEARER = re.compile(r"^Bearer\s+(\S+)$", re.IGNORECASE)
_JWT = re.compile(r"^eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*$")
#: The year 10000, in epoch seconds.
_NO_DATE = 253_402_300_800
#: As Airflow has it; it forgets any other conn_id.
_CONN_ID = re.compile(r"[\w#!()\-.:/\\]{1,250}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=Path.cwd())
    parser.add_argument("--export", type=Path, action="append", default=[])
    args = parser.parse_args()
    found, skipped = list(in_variables(os.environ)), []
    env_file = args.project / ".env"
    if env_file.is_file():
        found += in_env_file(env_file)
    for file in args.export:
        try:
            found += in_export(file)
        except (OSError, UnicodeDecodeError, NoExportError) as error:
            skipped.append(
                f"{file}: {error.strerror if isinstance(error, OSError) else 'no export of Airflow'}"
            )
    try:
        rows, _ = database.read("")
        held, closed = in_rows(rows, database.place())
        found += held
        skipped += closed
    except Exception as error:
        skipped.append(f"Airflow's database: {database.why(error)}")
    print("\n" + line_of({"pasted": found, "skipped": skipped}))


def line_of(told: dict[str, Any]) -> str:
    """In ASCII; half a surrogate pair, which stands for a byte that is no UTF-8, becomes `?`."""
    text = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace").decode()
    return json.dumps(json.loads(text))


class NoExportError(Exception):
    """A file that `airflow connections export` did not write."""


def in_variables(variables: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name, value in sorted(variables.items()):
        conn_id = name.removeprefix(connections.PREFIX).lower()
        if name.startswith(connections.PREFIX) and conn_id and value:
            told = {"place": f"the environment: {name}", "kind": "environment"}
            told["remove"] = f"unset {shlex.quote(name)}"
            yield from judged(conn_id, connections.parsed(value), told)


def in_env_file(file: Path, prefix: str = connections.PREFIX) -> Iterator[dict[str, Any]]:
    """``prefix``: what a line's name begins with; an export has the conn_id alone."""
    kind = "file" if prefix else "export"
    for number, line in enumerate(_lines(file), 1):
        name, is_set, value = line.strip().removeprefix("export ").partition("=")
        name, value = name.strip(), value.strip().strip("'\"")
        if not (is_set and name and value and name.startswith(prefix)) or name.startswith("#"):
            continue
        conn_id = name.removeprefix(prefix).lower() if prefix else name
        if not conn_id:
            continue
        told = {**_of_file(file, number, kind), "remove": f"take line {number} out of {file}"}
        yield from judged(conn_id, connections.parsed(value), told)


def in_export(file: Path) -> Iterator[dict[str, Any]]:
    """What `airflow connections export` writes: JSON, YAML or lines, each one by fields or as a URI."""
    if file.suffix == ".env":
        yield from in_env_file(file, prefix="")
        return
    text = file.read_text(encoding="utf-8")
    if file.suffix in (".yaml", ".yml"):
        import yaml

        try:
            whole = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise NoExportError(file) from error
    else:
        try:
            whole = json.loads(text)
        except ValueError as error:
            raise NoExportError(file) from error
    if not isinstance(whole, dict):
        raise NoExportError(file)
    lines = text.splitlines()
    for conn_id, value in ((str(key), value) for key, value in whole.items() if key):
        fields = connections.parsed(value) if isinstance(value, str) else dict(connections.as_object(value))
        fields["extra"] = connections.as_object(fields.get("extra"))
        told = _of_file(file, _line_of(lines, conn_id, fields), "export")
        told["remove"] = f"delete {file}, and {conn_id} where it was exported from"
        yield from judged(conn_id, fields, told)


def in_rows(rows: list[Any], place: str) -> tuple[list[dict[str, Any]], list[str]]:
    """What they hold, and which could not be read."""
    found: list[dict[str, Any]] = []
    closed: list[str] = []
    for row in rows:
        told = {"place": f"{place}: connection {row.conn_id}", "kind": "database"}
        told["remove"] = f"airflow connections delete {shlex.quote(row.conn_id)}"
        try:
            fields = connections.of_row(row)
        except Exception as error:
            # Encrypted by a key that this Airflow does not have: what it holds is not known.
            closed.append(f"{told['place']}: cannot be decrypted ({type(error).__name__})")
            continue
        found += judged(row.conn_id, fields, told)
    return found, closed


def judged(conn_id: str, fields: dict[str, Any], told: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One connection that holds a secret: what dagpass can do for it, and what is known of the secret."""
    secrets = connections.secrets_of(fields)
    if not secrets:
        return
    kind = str(fields.get("conn_type") or "").replace("-", "_")
    token_in, why = _taken(kind, fields, secrets)
    if not _CONN_ID.fullmatch(conn_id):
        token_in, why = None, "Airflow takes no such conn_id"
    cleaned = Cleaned(secrets)
    shown = {
        "schema": cleaned.text("schema", fields.get("schema")),
        "port": cleaned.port(fields.get("port")),
        "host": cleaned.host(fields.get("host")),
        # A login makes the HttpHook send Basic authentication.
        "login": None if kind in _HTTP else cleaned.text("login", fields.get("login")),
    }
    yield {
        "conn_id": conn_id,
        **told,
        "conn_type": "http" if kind in _HTTP else kind,
        "token_in": token_in,
        "why": why,
        "fields": {key: value for key, value in shown.items() if value},
        "extra": cleaned.extra(fields.get("extra"), ("headers",) if kind in _HTTP else ()),
        "left_out": [name for name in cleaned.left_out if not _is_replaced(name, token_in)],
        "secrets": [{"name": name, **_of_secret(value)} for name, value in sorted(secrets.items())],
    }


def _is_replaced(name: str, token_in: str | None) -> bool:
    """Is this what Ping's token takes the place of?"""
    place = "authorization" if token_in == "header" else (token_in or "").removeprefix("extra.")
    return name.lower() == place


def _taken(kind: str, fields: dict[str, Any], secrets: dict[str, str]) -> tuple[str | None, str | None]:
    """Where Ping's token takes the secret's place; else why it cannot."""
    token_in = connections.TOKEN_IN.get(kind)
    if kind in connections.PERHAPS:
        why = "a database's password: by hand, where the server takes Ping's token (see `airflow doctor`)"
    elif token_in is None:
        why = f"`{kind}` takes no bearer token" if kind else "its connection type is not told"
    elif kind in _HTTP:
        why = _no_bearer(fields, secrets)
    else:
        wanted = token_in.removeprefix("extra.")
        why = (
            ""
            if wanted in secrets
            else f"its secret is not the token (`{wanted}`) that dagpass would put there"
        )
    return (None, why) if why else (token_in, None)


def _no_bearer(fields: dict[str, Any], secrets: dict[str, str]) -> str:
    """Why what an HTTP connection holds is no bearer token; empty where it is one."""
    bearer = next((value for name, value in secrets.items() if name.lower() == "authorization"), None)
    if bearer is not None:
        return "" if _BEARER.match(bearer.strip()) else "its header Authorization is no bearer token"
    password = secrets.get("password")
    if password is None:
        return "the secret goes into a header of the API's own, which takes no bearer token"
    basic = fields.get("login") and not _JWT.match(password)
    return "a login with a password (Basic authentication), which is no token" if basic else ""


def _of_secret(value: str) -> dict[str, Any]:
    text = value.strip()
    bearer = _BEARER.match(text)
    token = bearer[1] if bearer else text
    told: dict[str, Any] = {"length": len(value), "jwt": bool(_JWT.match(token))}
    if told["jwt"]:
        claims = _claims(token)
        for name, claim in (("issued", "iat"), ("expires", "exp")):
            at = claims.get(claim)
            if isinstance(at, (int, float)) and 0 <= at < _NO_DATE:
                told[name] = int(at)
        if isinstance(claims.get("iss"), str):
            told["issuer"] = claims["iss"]
    return told


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except ValueError:
        return {}
    return claims if isinstance(claims, dict) else {}


def _of_file(file: Path, number: int, kind: str) -> dict[str, Any]:
    return {"place": f"{file}:{number}", "kind": kind, "changed": int(file.stat().st_mtime)}


def _line_of(lines: list[str], conn_id: str, fields: dict[str, Any]) -> int:
    """Where the secret stands, at or below the connection's own line."""
    key = re.compile(rf"^\s*[\"']?{re.escape(conn_id)}[\"']?\s*:")
    first = next((number for number, line in enumerate(lines) if key.match(line)), 0)
    values = [json.dumps(value)[1:-1] for value in connections.secrets_of(fields).values()]
    within = (
        number for number in range(first, len(lines)) if any(value in lines[number] for value in values)
    )
    return next(within, first) + 1


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


if __name__ == "__main__":
    main()
