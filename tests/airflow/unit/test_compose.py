"""The override that `dagpass airflow setup --for compose` writes, as YAML and beside its base.

The Rust tests hold that exactly these bytes are written. Compose itself is not run here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parents[2] / "cases" / "compose"
BASE: dict[str, Any] = yaml.safe_load((CASES / "docker-compose.yaml").read_text())
OVERRIDE: dict[str, Any] = yaml.safe_load((CASES / "docker-compose.override.yml").read_text())
WIRED = ["airflow-apiserver", "airflow-scheduler", "airflow-worker"]


def test_every_service_of_airflow_is_wired_and_no_other() -> None:
    assert list(OVERRIDE["services"]) == WIRED
    assert set(OVERRIDE["services"]) < set(BASE["services"])


def test_a_service_gets_the_door_read_only_and_never_a_folder_made_by_the_engine() -> None:
    for name in WIRED:
        service = OVERRIDE["services"][name]
        assert set(service) == {"environment", "volumes"}
        door, wheel = service["volumes"]
        assert door["source"] == "/home/ada $$/.local/state/dagpass/containers/etl-0a1b2c3d"
        assert (door["target"], wheel["target"].rpartition("/")[0]) == ("/run/dagpass", "/opt/dagpass")
        for mount in (door, wheel):
            assert mount["type"] == "bind"
            assert mount["read_only"] is True
            assert mount["bind"] == {"create_host_path": False}


def test_what_the_project_installs_and_sets_itself_stays() -> None:
    for name in WIRED:
        # Compose merges the two mappings key by key, ours last.
        environment = BASE["services"][name]["environment"] | OVERRIDE["services"][name]["environment"]
        assert environment["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
        assert environment["DAGPASS_SOCKET"] == "/run/dagpass/agent.sock"
        ours = BASE["services"][name]["environment"]["_PIP_ADDITIONAL_REQUIREMENTS"]
        assert environment["_PIP_ADDITIONAL_REQUIREMENTS"].startswith(f"{ours} /opt/dagpass/")
        assert not any("APABILITY" in key for key in environment)
