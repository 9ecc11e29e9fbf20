"""Groups, in every shape Ping products send them. Functions of the claim's value.

Decides between no groups and no word of them: a claim that is absent, or no list of names, says nothing, and
nobody loses a role by it. The same names as the agent shows; of a DN both the whole and its first value, so
that a file may name either.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_DN = re.compile(r"\s*(?:cn|ou|uid)\s*=\s*(.*)", re.IGNORECASE | re.DOTALL)
#: RFC 4514 §2.4: a pair of hex digits, or any one character, after a backslash.
_VALUE = re.compile(r"(?:\\[0-9a-fA-F]{2}|\\.|[^\\,+])*", re.DOTALL)
_ESCAPED = re.compile(rb"\\([0-9a-fA-F]{2}|.)", re.DOTALL)


def groups(claims: Mapping[str, Any], path: str) -> list[str] | None:
    """The names at ``path``: a claim's name, or names with dots between for a nested one. ``None`` where the
    token says nothing of groups."""
    claim = claims.get(path)
    if claim is None:
        claim = _nested(claims, path)
    if isinstance(claim, str):
        found = _names(claim) if _DN.match(claim) else [name.strip() for name in claim.split(",")]
    elif isinstance(claim, list):
        found = [name for item in claim for name in _names(_text(item))]
    else:
        return None
    return list(dict.fromkeys(name for name in found if name))


def _nested(claims: Mapping[str, Any], path: str) -> Any:
    first, dot, rest = path.partition(".")
    inner = claims.get(first)
    if not dot or not isinstance(inner, Mapping):
        return None
    return inner[rest] if rest in inner else _nested(inner, rest)


def _text(item: Any) -> str:
    named = item.get("name") if isinstance(item, Mapping) else item
    return named.strip() if isinstance(named, str) else ""


def _names(text: str) -> list[str]:
    text = text.strip()
    dn = _DN.match(text)
    return [text, _first_value(dn[1])] if dn else [text]


def _first_value(rest: str) -> str:
    value = _VALUE.match(rest)
    raw = value[0].encode() if value else b""
    return _ESCAPED.sub(_unescaped, raw).decode(errors="replace").strip()


def _unescaped(escape: re.Match[bytes]) -> bytes:
    return bytes.fromhex(escape[1].decode()) if len(escape[1]) == 2 else escape[1]
