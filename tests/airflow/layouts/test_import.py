"""``dagpass airflow import`` on a real Airflow: the shell, `.env`, what Airflow exported, its database;
and ``dagpass airflow setup`` for somebody who names no layout."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, World


def jwt(**claims: str | int) -> str:
    parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, claims, "of nobody"))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


CONFIG = """# mine
default-profile = "prod"

[profile.prod]
issuer = "https://auth.corp.example"
client-id = "c"
scopes = ["openid"]

[connection.known]
conn-type = "http"
host = "https://known.example"
"""


@pytest.fixture
def config(world: World, tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    world.env["DAGPASS_CONFIG"] = str(file)
    return file


@pytest.mark.each_airflow
def test_pasted_tokens_are_told_taken_over_and_given_back_and_never_shown(
    world: World, tmp_path: Path, config: Path
) -> None:
    now = int(time.time())
    fresh = jwt(iss="https://old.example", iat=now - 9 * 86_400, exp=now + 3_600)
    opaque = "canary-opaque-token"
    bearer = json.dumps({"Authorization": f"Bearer {fresh}", "X-Tenant": "eu"})
    headers = {"Authorization": f"Bearer {fresh}"}
    held = {
        "Warehouse_API": {"conn_type": "http", "host": "https://w.example", "extra": bearer},
        "odd": {"conn_type": "http", "host": "https://o.example", "extra": json.dumps({"headers": headers})},
        "known": {"conn_type": "http", "host": "https://known.example", "password": opaque},
        "basic": {"conn_type": "http", "host": "https://b.example", "login": "ada", "password": opaque},
    }
    (tmp_path / "held.json").write_text(json.dumps(held))
    assert world.airflow("connections", "import", str(tmp_path / "held.json")).code == 0
    export = tmp_path / "export.json"
    assert world.airflow("connections", "export", str(export)).code == 0
    (tmp_path / ".env").write_text(f"X=1\nAIRFLOW_CONN_LAKE='http://:{opaque}@lake.example/https'\n")
    shell = {"AIRFLOW_CONN_WAREHOUSE_API": json.dumps(held["Warehouse_API"])}

    def dagpass(*words: str | Path) -> str:
        program = (PROGRAM, "--no-start", "airflow", "import", *words)
        ended = world.run(*program, *(("--python", world.python) if "--undo" not in words else ()), **shell)
        assert ended.code == 0, ended
        for secret in (fresh, opaque):
            assert secret not in ended.out + ended.err
        return ended.out

    before = config.read_bytes()
    shown = dagpass("--dry-run", "--from", export)
    assert "[connection.Warehouse_API]" in shown
    assert "issued" in shown
    assert "(9 days ago)" in shown
    assert "at https://old.example; it ends by itself" in shown
    assert ".env:2: `password`" in shown
    assert "basic: stays: a login with a password" in shown
    assert config.read_bytes() == before

    config.with_suffix(".dagpass-check").write_text("of one that was killed")
    told = json.loads(dagpass("--from", export, "--json"))
    rows = {row["conn_id"]: row for row in told["connections"]}
    assert {name: row["result"] for name, row in rows.items()} == {
        "Warehouse_API": "taken",
        "lake": "taken",
        "known": "there",
        "basic": "left",
        "odd": "taken",
    }
    places = [place["place"] for place in rows["Warehouse_API"]["places"]]
    assert places[0] == "the environment: AIRFLOW_CONN_WAREHOUSE_API"
    assert places[1].startswith(f"{export}:")
    assert places[2].endswith("airflow.db: connection Warehouse_API")
    assert fresh in export.read_text().splitlines()[int(places[1].rpartition(":")[2]) - 1]
    written = config.read_text()
    assert written.startswith(CONFIG)
    assert 'schema = "https"' in written
    assert 'extra = { X-Tenant = "eu" }' in written

    assert json.loads(dagpass("--from", export, "--json"))["result"] == "unchanged"
    dagpass("--undo")
    assert config.read_bytes() == before


def test_a_config_that_the_agent_would_not_take_is_not_written(world: World, config: Path) -> None:
    config.write_text(CONFIG.replace("https://auth", "http://auth"))
    shell = {"AIRFLOW_CONN_X": "http://:canary-token@x.example"}
    ended = world.run(PROGRAM, "--no-start", "airflow", "import", "--python", world.python, **shell)
    assert ended.code != 0
    assert "would not be taken" in ended.err
    assert "connection.x" not in config.read_text()
    assert [path.name for path in config.parent.glob("config.*")] == ["config.toml"]


def test_without_a_layout_it_prints_and_says_so_first_or_asks_at_a_terminal(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "conftest.py").write_text("# mine\n")
    active = {"VIRTUAL_ENV": str(world.python.parents[1])}
    (world.python.parent / "airflow").touch()
    told = world.setup(**active)
    assert told.err.splitlines()[0].startswith("nothing is written, these are the settings")
    assert "--for venv" in told.err.splitlines()[0]
    assert told.out.startswith("[secrets]\n")

    machine = json.loads(world.setup("--json", **active).out)
    assert [one["layout"] for one in machine["seen"]] == ["venv", "pytest"]

    ours, theirs = pty.openpty()
    command = [str(PROGRAM), "--no-start", "airflow", "setup", "--dry-run"]
    asked = subprocess.Popen(
        command,
        env=world.env | active,
        cwd=tmp_path,
        stdin=theirs,
        stderr=theirs,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.write(ours, b"pytest\n")
    out, _ = asked.communicate(timeout=120)
    os.close(theirs)
    said = os.read(ours, 65_536).decode()
    os.close(ours)
    assert asked.returncode == 0, said
    assert "1 venv" in said
    assert "2 pytest" in said
    assert "+++" in out
    assert "conftest.py" in out
    assert not (world.home / "airflow.cfg").exists()
