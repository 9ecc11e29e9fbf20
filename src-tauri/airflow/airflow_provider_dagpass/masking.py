"""Tokens made known to Airflow's own masker: bare, as a program prints them, and once each.

Decides what in a connection is a token, and when a value is new to the masker: each costs one compilation of
one expression of all values. Keeps digests, never a token. A masker that fails costs nobody a token.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from typing import Any

log = logging.getLogger(__name__)

#: RFC 7515 §3.1, and what a header has before it (RFC 6750 §2.1).
_JWT = re.compile(r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)

_known: set[bytes] = set()
# A forked task has a supervisor of its own that was told nothing yet.
os.register_at_fork(after_in_child=_known.clear)


def register(token: str) -> None:
    """Once a token, and only where this process has Airflow."""
    mask = _airflows_own("mask_secret") if _is_new(token) else None
    if mask is None:
        return
    try:
        mask(token)
    except Exception as error:
        _warn(error)
        return
    _known.add(_digest(token))


def register_connection(found: dict[str, Any]) -> None:
    for token in tokens_of(found):
        register(token)


async def aregister_connection(found: dict[str, Any]) -> None:
    """From an event loop: Airflow 3 tells a trigger's supervisor by a message that the loop itself sends."""
    for token in tokens_of(found):
        mask = _airflows_own("amask_secret") if _is_new(token) else None
        if mask is None:
            register(token)
            continue
        try:
            await mask(token)
        except Exception as error:
            _warn(error)
            continue
        _known.add(_digest(token))


def tokens_of(found: dict[str, Any]) -> Iterator[str]:
    """The bare tokens of a connection. Airflow masks a value as a whole, with the `Bearer` before it."""
    if isinstance(password := found.get("password"), str) and password:
        yield password
    extra = found.get("extra")
    for value in extra.values() if isinstance(extra, dict) else ():
        if not isinstance(value, str):
            continue
        if named := _BEARER.fullmatch(value):
            yield named[1]
        elif _JWT.fullmatch(value):
            yield value


def _is_new(token: str) -> bool:
    return "airflow" in sys.modules and _digest(token) not in _known


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _warn(error: Exception) -> None:
    # Its text may hold what it was to mask.
    log.warning("dagpass: Airflow's masker failed (%s): a token may be seen in logs", type(error).__name__)


def _airflows_own(name: str) -> Any:
    try:
        from airflow.sdk import log as masker
    except ImportError:
        try:
            from airflow.utils.log import secrets_masker as masker  # type: ignore[no-redef,unused-ignore]
        except ImportError:
            return None
    except Exception as error:
        _warn(error)
        return None
    return getattr(masker, name, None)
