"""Static secrets in connections: in the environment, in `.env`, in Airflow's own table.

Decides what dagpass could take over, and writes the table for config.toml that does it. What is in
there of the secret is its place and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from airflow_provider_dagpass.lint.finding import Finding, is_secret, is_secret_field, length

PREFIX = "AIRFLOW_CONN_"
#: Where a token goes, by connection type: as the hooks of these providers read it.
TOKEN_IN = {
    "http": "header",
    "dagpass_http": "header",
    "databricks": "password",
    "dbt_cloud": "password",
    "snowflake": "extra.token",
    "trino": "extra.jwt__token",
}
#: Databases whose password may be a token, where the server was set up so.
PERHAPS = ("postgres", "mysql", "mssql")


def in_environment(
    variables: Mapping[str, str], place: str, ours: frozenset[str] = frozenset()
) -> list[Finding]:
    """``ours``: the conn_ids that dagpass answers for, which a variable goes before."""
    shadowed = {conn_id.upper(): conn_id for conn_id in ours}
    found: list[Finding] = []
    for name, value in sorted(variables.items()):
        if name.startswith(PREFIX):
            conn_id = name.removeprefix(PREFIX).lower()
            found += _judged(conn_id, parsed(value), f"{place}: {name}", f"remove {name} from it")
            if name.removeprefix(PREFIX) in shadowed and value:
                found.append(_goes_first(place, name, shadowed[name.removeprefix(PREFIX)]))
        elif is_secret(name, value):
            what = f"{place}: {name} holds a static secret ({length(value)})"
            hint = "where Ping gives a token for it: `dagpass run -- CMD`, or `$(dagpass token)`"
            found.append(Finding("environment", "warning", what, hint))
    return found


def _goes_first(place: str, name: str, conn_id: str) -> Finding:
    what = f"{place}: {name} goes before dagpass's connection `{conn_id}`: what stands there is what is used"
    return Finding("connections", "problem", what, f"remove {name} from it, and `unset {name}`")


def in_file(file: Path, ours: frozenset[str] = frozenset()) -> list[Finding]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    pairs = (line.strip().removeprefix("export ").partition("=") for line in lines if "=" in line)
    variables = {name.strip(): value.strip().strip("'\"") for name, _, value in pairs if name[:1] != "#"}
    return in_environment(variables, str(file), ours)


def in_table(rows: list[Any]) -> Iterator[Finding]:
    for row in rows:
        fields = of_row(row)
        remove = f"then `airflow connections delete {row.conn_id}`"
        yield from _judged(row.conn_id, fields, f"Airflow's database: {row.conn_id}", remove)


def of_row(row: Any) -> dict[str, Any]:
    """As :func:`parsed`, of a row of Airflow's own table, which decrypts what it holds."""
    return {
        "conn_type": row.conn_type,
        "host": row.host,
        "schema": row.schema,
        "login": row.login,
        "port": row.port,
        "password": row.password,
        "extra": as_object(row.extra),
    }


def _judged(conn_id: str, fields: dict[str, Any], place: str, remove: str) -> Iterator[Finding]:
    secrets = secrets_of(fields)
    if not secrets:
        return
    told = ", ".join(f"`{key}` ({length(value)})" for key, value in sorted(secrets.items()))
    kind = str(fields.get("conn_type") or "").replace("-", "_")
    token_in = TOKEN_IN.get(kind) or ("password" if kind in PERHAPS else None)
    if token_in is None:
        yield Finding("connections", "warning", f"{place} holds a static secret: {told}", None)
        return
    wish = "if the server takes Ping's token as the password: " if kind in PERHAPS else ""
    hint = f"{wish}put this into config.toml, {remove}\n{_table(conn_id, kind, fields, token_in)}"
    verdict = "warning" if wish else "problem"
    yield Finding("connections", verdict, f"{place} holds a static secret: {told}", hint)


def secrets_of(fields: dict[str, Any]) -> dict[str, str]:
    """What a connection holds that nobody else should see, by its field."""
    secrets = {key: value for key, value in flat(fields.get("extra")) if is_secret_field(key, value)}
    if fields.get("password"):
        # YAML reads one of digits as a number.
        secrets["password"] = str(fields["password"])
    return secrets


def _table(conn_id: str, kind: str, fields: dict[str, Any], token_in: str) -> str:
    lines = [f"[connection.{json.dumps(conn_id) if not conn_id.isidentifier() else conn_id}]"]
    lines.append(f"conn-type = {json.dumps(kind)}")
    lines += [
        f"{name} = {json.dumps(fields[name])}" for name in ("host", "schema", "port") if fields.get(name)
    ]
    if fields.get("login") and kind in PERHAPS:
        lines.append(f"login = {json.dumps(fields['login'])}")
    lines.append(f"token-in = {json.dumps(token_in)}")
    return "\n".join(lines)


def parsed(value: str) -> dict[str, Any]:
    """As Airflow reads it: JSON, or a URI."""
    if value.lstrip().startswith("{"):
        fields = as_object(value)
        if isinstance(fields.get("extra"), str):
            fields["extra"] = as_object(fields["extra"])
        return fields
    before, has_query, query = value.partition("?")
    kind, is_uri, rest = before.partition("://")
    if not is_uri:
        kind, rest = "", before.removeprefix("//")
    # A host with a scheme of its own has it in front of the login: `http://https://:TOKEN@host`.
    protocol, has_protocol, after = rest.partition("://")
    if has_protocol:
        rest = after
    if has_protocol and (set("@:") & set(protocol) or "://" in after):
        # Airflow refuses it, and which part of it is the secret nobody knows.
        return {}
    try:
        parts = urlsplit(f"//{rest}{has_query}{query}")
        host, port = _host(parts), parts.port
    except ValueError:
        return {}
    extra: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if "__extra__" in extra:
        extra = as_object(extra["__extra__"])
    return {
        "conn_type": {"postgresql": "postgres"}.get(kind.lower(), kind.lower()),
        "host": f"{protocol}://{host}" if has_protocol and host else host,
        "schema": unquote(parts.path[1:]),
        "login": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "port": port,
        "extra": extra,
    }


def _host(parts: SplitResult) -> str:
    """In lower case, as Airflow has it, but for a host that is an address: a path has a case."""
    host = unquote(parts.hostname or "")
    if "/" not in host:
        return host
    return unquote(parts.netloc.rpartition("@")[2].partition(":")[0])


def as_object(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text) if isinstance(text, str) else text
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def flat(extra: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Each value by its own name; a text that is JSON by what it holds, too."""
    for key, value in extra.items() if isinstance(extra, dict) else ():
        inner = as_object(value) if isinstance(value, str) else value
        many = inner if isinstance(inner, list) else [inner]
        for one in many:
            if isinstance(one, dict) and depth < 3:
                yield from flat(one, depth + 1)
        if not isinstance(value, dict):
            yield str(key), value
