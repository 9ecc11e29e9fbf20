"""Tokens that no connection carries, made known to Airflow's own masker.

Decides when a value is new to it: each value costs one compilation of one expression of all values.
Keeps digests, never a token.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import Any

_known: set[bytes] = set()
# A forked task has a supervisor of its own that was told nothing yet.
os.register_at_fork(after_in_child=_known.clear)


def register(token: str) -> None:
    """Once a token, and only where this process has Airflow."""
    digest = hashlib.sha256(token.encode()).digest()
    if digest in _known or "airflow" not in sys.modules:
        return
    mask = _airflows_own()
    if mask is not None:
        mask(token)
        _known.add(digest)


def _airflows_own() -> Any:
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:
        try:
            from airflow.utils.log.secrets_masker import mask_secret
        except ImportError:
            return None
    return mask_secret
