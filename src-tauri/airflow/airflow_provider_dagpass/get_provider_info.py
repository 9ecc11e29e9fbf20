"""What ``airflow providers`` shows of this package. Never imports Airflow."""

from __future__ import annotations

from typing import Any

from airflow_provider_dagpass import __version__


def get_provider_info() -> dict[str, Any]:
    return {
        "package-name": "airflow-provider-dagpass",
        "name": "dagpass",
        "description": "Connections and short-lived tokens from the local dagpass agent.",
        "versions": [__version__],
        "secrets-backends": ["airflow_provider_dagpass.secrets.DagpassBackend"],
    }
