"""``python -m airflow_provider_dagpass.lint [--project DIR]``: the findings as one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from airflow_provider_dagpass import place
from airflow_provider_dagpass.lint import connections, dags, wiring, xcom
from airflow_provider_dagpass.lint.finding import Finding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--project", type=Path, default=Path.cwd())
    parser.add_argument("--dags", type=Path)
    args = parser.parse_args()
    ours = place.known_connections() or frozenset()
    found = connections.in_environment(os.environ, "the environment", ours)
    found += connections.in_file(args.project / ".env", ours)
    try:
        from airflow.configuration import conf
    except Exception as error:
        found.append(Finding("airflow", "problem", f"Airflow cannot be imported: {type(error).__name__}"))
    else:
        found += wiring.look(conf)
        found += dags.look(args.dags or Path(conf.get("core", "dags_folder")))
        found += _in_database()
    if not any(one.check in ("connections", "environment") for one in found):
        found.append(
            Finding("connections", "ok", "no static secret in a connection, the environment or .env")
        )
    print("\n" + json.dumps([one.shown() for one in found]))


def _in_database() -> list[Finding]:
    try:
        rows, values = _read()
    except Exception as error:
        what = f"Airflow's database was not looked at: {type(error).__name__}"
        return [Finding("database", "skipped", what, "run `airflow db check`")]
    return [*connections.in_table(rows), *xcom.judge(values)]


def _read() -> tuple[list[Any], list[Any]]:
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session
    from sqlalchemy import column, text

    with create_session() as session:
        rows = session.query(Connection).all()
        # `key` is a word of some databases: quoted as the one at hand quotes it.
        key = session.get_bind().dialect.identifier_preparer.quote(column("key").name)
        values = session.execute(text(xcom.NEWEST.format(key=key))).all()
        session.expunge_all()
    return rows, [tuple(value) for value in values]


if __name__ == "__main__":
    main()
