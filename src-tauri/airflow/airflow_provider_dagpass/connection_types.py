"""The connection types that Airflow shows of this package. Never imports Airflow."""

from __future__ import annotations

from typing import Any

#: What the form of ``dagpass_http`` shows: there is no secret to type.
HTTP_FIELDS: dict[str, Any] = {
    "hidden-fields": ["password"],
    "relabeling": {"login": "Profile or connection of dagpass"},
    "placeholders": {"host": "https://warehouse.corp.example", "login": "empty: by this connection's id"},
}

CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "dagpass_http",
        "hook-class-name": "airflow_provider_dagpass.hooks.http.DagpassHttpHook",
        "hook-name": "HTTP with dagpass",
        "ui-field-behaviour": HTTP_FIELDS,
    }
]
