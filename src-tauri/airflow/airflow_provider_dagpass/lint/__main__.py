"""``python -m airflow_provider_dagpass.lint [--project DIR]``: the findings as one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from airflow_provider_dagpass import place
from airflow_provider_dagpass.lint import connections, dags, database, wiring, xcom
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
        rows, values = database.read(xcom.NEWEST)
    except Exception as error:
        what = f"Airflow's database was not looked at: {database.why(error)}"
        return [Finding("database", "skipped", what, "run `airflow db check`")]
    return [*connections.in_table(rows), *xcom.judge(values)]


if __name__ == "__main__":
    main()
