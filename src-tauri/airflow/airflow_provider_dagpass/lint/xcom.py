"""XCom, where a task's return value lies in clear: is one of the last ones a token?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from airflow_provider_dagpass.lint.finding import Finding, is_secret, length

#: How many values are looked at, the newest first?
MOST_VALUES = 1000
#: The shape of a signed JWT (RFC 7519 §3.1), and of a header that carries a bearer.
_TOKEN = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|\bBearer [\w.~+/-]{16,}")
NEWEST = f"select dag_id, task_id, {{key}}, value from xcom order by timestamp desc limit {MOST_VALUES}"


def judge(rows: Iterable[tuple[str, str, str, Any]]) -> list[Finding]:
    rows = list(rows)
    found = [finding for row in rows for finding in _in_row(*row)]
    return found or [Finding("xcom", "ok", f"no token among the last {len(rows)} values")]


def _in_row(dag_id: str, task_id: str, key: str, value: Any) -> Iterator[Finding]:
    secrets = [
        text for name, text in _texts(_value(value), key) if _TOKEN.search(text) or is_secret(name, text)
    ]
    if secrets:
        longest = max(secrets, key=len)
        what = f"{dag_id}.{task_id} keeps a token in clear under `{key}` ({length(longest)})"
        hint = "return what the token was used for; then clear the DAG's runs, which deletes it"
        yield Finding("xcom", "problem", what, hint)


def _value(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value).decode("utf-8", "replace")
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _texts(value: Any, name: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict) and depth < 6:
        for key, inner in value.items():
            yield from _texts(inner, str(key), depth + 1)
    elif isinstance(value, list) and depth < 6:
        for inner in value:
            yield from _texts(inner, name, depth + 1)
