"""Which of a person's tokens is the newest: the one whose groups count.

Decides by the token's `iat`, remembered where every worker of the deployment looks: a row in Airflow's own
table of revoked tokens, which Airflow clears of it once no token so old is good any more.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

#: How long after its `iat` may a token still come? `max_auth_age` is no longer than that.
LONGEST = timedelta(days=31)


def remember(issuer: str, username: str, issued: int) -> None:
    """Makes the person's row, if there is none: a transaction of its own, before any other work."""
    from airflow.models.revoked_token import RevokedToken
    from airflow.utils.session import create_session

    try:
        with create_session(scoped=False) as session:
            if session.get(RevokedToken, _key(issuer, username)) is None:
                session.add(RevokedToken(jti=_key(issuer, username), exp=_kept_until(issued)))
                session.flush()
    except IntegrityError:
        # Two at once: the other one made it.
        return


def is_newest(session: Any, issuer: str, username: str, issued: int) -> bool:
    """Is there no newer one? Holds the person's row until ``session`` commits, so that of two at once the
    newer one has the last word."""
    from airflow.models.revoked_token import RevokedToken

    until = _kept_until(issued)
    mine = RevokedToken.jti == _key(issuer, username)
    newer = update(RevokedToken).where(mine, RevokedToken.exp <= until).values(exp=until)
    held = session.execute(newer.execution_options(synchronize_session=False))
    return bool(held.rowcount)


def _kept_until(issued: int) -> datetime:
    return datetime.fromtimestamp(issued, tz=timezone.utc) + LONGEST


def _key(issuer: str, username: str) -> str:
    """The column holds 32 characters: 128 bits of a digest, apart from Airflow's own ids."""
    return hashlib.sha256(f"dagpass roles\0{issuer}\0{username}".encode()).hexdigest()[:32]
