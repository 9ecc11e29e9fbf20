"""What ``airflow providers`` shows of this package. Never imports Airflow."""

from __future__ import annotations

from typing import Any

from airflow_provider_dagpass import __version__
from airflow_provider_dagpass.auth_options import SECTION
from airflow_provider_dagpass.connection_types import CONNECTION_TYPES


def get_provider_info() -> dict[str, Any]:
    return {
        "package-name": "airflow-provider-dagpass",
        "name": "dagpass",
        "description": "Connections and short-lived tokens from the local dagpass agent.",
        "versions": [__version__],
        "connection-types": CONNECTION_TYPES,
        "secrets-backends": ["airflow_provider_dagpass.secrets.DagpassBackend"],
        "auth-managers": ["airflow_provider_dagpass.auth_manager.fab.PingFabAuthManager"],
        # Beside `auth-managers`, or every `airflow` command prints a warning.
        "cli": ["airflow_provider_dagpass.commands.get_commands"],
        "config": {"dagpass_auth": SECTION},
    }
