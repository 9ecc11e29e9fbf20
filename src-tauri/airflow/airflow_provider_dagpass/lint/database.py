"""Airflow's own database, asked through Airflow: only read. One that is not there is not made."""

from __future__ import annotations

import os
from typing import Any


class NoDatabaseError(Exception):
    """SQLite would make the file by looking."""


def read(newest: str) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """Every row of the table of connections, and what ``newest`` selects; ``{key}`` in it is a column."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import column, text

    _is_there()
    with create_session() as session:
        rows = session.query(Connection).all()
        # `key` is a word of some databases: quoted as the one at hand quotes it.
        key = session.get_bind().dialect.identifier_preparer.quote(column("key").name)
        values = session.execute(text(newest.format(key=key))).all() if newest else []
        session.expunge_all()
        session.rollback()
    return rows, [tuple(value) for value in values]


def place() -> str:
    """The database's address, without its password."""
    from airflow.configuration import conf
    from sqlalchemy.engine import make_url

    return str(make_url(conf.get("database", "sql_alchemy_conn")).render_as_string(hide_password=True))


def why(error: Exception) -> str:
    """Nothing of the error's own words, which may hold a statement with its values."""
    return str(error) if isinstance(error, NoDatabaseError) else type(error).__name__


def _is_there() -> None:
    from airflow.configuration import conf
    from sqlalchemy.engine import make_url

    url = make_url(conf.get("database", "sql_alchemy_conn"))
    file = url.database or ""
    if url.get_backend_name() == "sqlite" and file not in ("", ":memory:") and not os.path.exists(file):
        raise NoDatabaseError(f"{file} is not there")
