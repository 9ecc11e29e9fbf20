"""DAG files, read as Python reads them: what prints a connection, or returns one into XCom.

Decides by names and where they come from; runs nothing of the files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from airflow_provider_dagpass.lint.finding import Finding

#: What a connection gives away.
_TELLING = frozenset(
    {"password", "extra", "extra_dejson", "get_password", "get_extra", "get_uri", "as_json", "to_json_dict"}
)
#: Methods of a logger.
_LOGS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception", "log"})
#: How many files are read at most?
MOST_FILES = 2000


def look(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        return [Finding("dags", "skipped", f"there is no DAG folder {folder}")]
    files = sorted(folder.rglob("*.py"))[:MOST_FILES]
    found = [finding for file in files for finding in _in_file(file)]
    return found or [Finding("dags", "ok", f"{folder}: {len(files)} files, none gives a connection away")]


def _in_file(file: Path) -> Iterator[Finding]:
    try:
        tree = ast.parse(file.read_bytes(), str(file))
    except (OSError, SyntaxError, ValueError) as error:
        yield Finding("dags", "warning", f"{file} cannot be read: {type(error).__name__}")
        return
    for scope in [tree, *(node for node in ast.walk(tree) if _is_function(node))]:
        for line, what, hint in _in_scope(scope):
            yield Finding("dags", "problem", f"{file}:{line}: {what}", hint)


def _in_scope(scope: ast.AST) -> Iterator[tuple[int, str, str]]:
    connections = {name for node in _own(scope) for name in _bound_to_connection(node)}
    for node in _own(scope):
        told = _told(node, connections)
        if told:
            yield getattr(node, "lineno", 0), *told


def _told(node: ast.AST, connections: set[str]) -> tuple[str, str] | None:
    """What a statement gives away, and what to do instead."""
    if isinstance(node, ast.Return) and node.value is not None:
        returned = _tells(node.value, connections, whole=False)
        return ("a secret is returned, and so kept in XCom in clear", _XCOM_HINT) if returned else None
    if not isinstance(node, ast.Call):
        return None
    pushes = _name(node.func) == "xcom_push"
    if not pushes and not _prints(node.func):
        return None
    if not any(_tells(argument, connections, whole=not pushes) for argument in _arguments(node)):
        return None
    if pushes:
        return "a secret is pushed to XCom, where it is kept in clear", _XCOM_HINT
    return "a connection goes into the log", _LOG_HINT


_LOG_HINT = "print the conn_id instead; `airflow dags test` masks nothing"
_XCOM_HINT = "let the task that needs it ask for the connection itself"


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions inside."""
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop(0)
        yield node
        if not _is_function(node):
            waiting.extend(ast.iter_child_nodes(node))


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))


def _bound_to_connection(node: ast.AST) -> list[str]:
    if isinstance(node, (ast.Assign, ast.AnnAssign, ast.NamedExpr)) and _asks(node.value):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [target.id for target in targets if isinstance(target, ast.Name)]
    return []


def _asks(value: ast.AST | None) -> bool:
    """``BaseHook.get_connection(…)``, ``hook.get_connection(…)``, ``Connection.get(…)``."""
    if isinstance(value, ast.Await):
        value = value.value
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    of_class = isinstance(value.func.value, ast.Name) and value.func.value.id == "Connection"
    return value.func.attr in ("get_connection", "aget_connection") or (value.func.attr == "get" and of_class)


def _prints(function: ast.AST) -> bool:
    if isinstance(function, ast.Name):
        return function.id in ("print", "pprint")
    return isinstance(function, ast.Attribute) and function.attr in _LOGS and _is_logger(function.value)


def _is_logger(value: ast.AST) -> bool:
    return "log" in _name(value).lower()


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


def _tells(value: ast.AST, connections: set[str], *, whole: bool) -> bool:
    """Does this show a secret? ``whole``: the connection itself counts, not only its parts."""
    parts = (node for node in ast.walk(value) if isinstance(node, ast.Attribute) and node.attr in _TELLING)
    if any(_asks(part.value) or _name(part.value) in connections for part in parts):
        return True
    shown = [value] if not isinstance(value, ast.JoinedStr) else list(_placeholders(value))
    return whole and any(_asks(one) or _name(one) in connections for one in shown if not _is_part(one))


def _is_part(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute)


def _placeholders(text: ast.JoinedStr) -> Iterator[ast.AST]:
    return (part.value for part in text.values if isinstance(part, ast.FormattedValue))
