"""Assertions that count once: remembered where every worker of the deployment looks.

Decides nothing but "first" or "not first", and leaves that to the primary key of Airflow's own
table of revoked tokens: of two inserts at once the database lets one through. Airflow clears the
table of what has expired.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone

from sqlalchemy.exc import IntegrityError


def is_first(issuer: str, jti: str, forget_at: float) -> bool:
    """Is this the first time? Remembers it until ``forget_at`` (seconds since 1970)."""
    from airflow.models.revoked_token import RevokedToken
    from airflow.utils.session import create_session

    until = datetime.fromtimestamp(forget_at, tz=timezone.utc)
    try:
        with create_session(scoped=False) as session:
            session.add(RevokedToken(jti=_key(issuer, jti), exp=until))
            session.flush()
    except IntegrityError:
        return False
    return True


def _key(issuer: str, jti: str) -> str:
    """The column holds 32 characters: 128 bits of a digest, apart from Airflow's own ids."""
    return hashlib.sha256(f"dagpass\0{issuer}\0{jti}".encode()).hexdigest()[:32]
