"""The entry point `airflow.plugins`: Airflow loads it with every command, so it does nothing by itself."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from airflow_provider_dagpass import listener


class DagpassPlugin(AirflowPlugin):  # type: ignore[misc,unused-ignore]
    name = "dagpass"
    listeners: ClassVar[list[Any]] = [listener]
