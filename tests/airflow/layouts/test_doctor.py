"""``dagpass airflow doctor`` on a real Airflow with a database of its own: found, told, and never shown."""

from __future__ import annotations

import json

from conftest import PROGRAM, Ended, World

from questions import Airflow

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWNhbmFyeQ"
DAG = f"""
from airflow.sdk import DAG, Connection, task

with DAG("leaks", schedule=None) as dag:

    @task
    def give():
        print(Connection.get("old").host)
        return "{JWT}"

    give()
"""
PRINTS = """
from airflow.hooks.base import BaseHook

def tell():
    print(BaseHook.get_connection("old").password)
"""


def doctor(world: World, *words: str) -> Ended:
    dags = str(world.root / "dags")
    return world.run(
        PROGRAM, "--no-start", *words, "airflow", "doctor", "--python", world.python, "--dags", dags
    )


def test_each_leak_is_named_with_its_fix_and_no_secret_is_shown(world: World) -> None:
    world.setup("--for", "venv", "--python", world.python)
    folder = world.root / "dags"
    folder.mkdir()
    (folder / "leaks.py").write_text(DAG)
    (folder / "prints.py").write_text(PRINTS)
    (world.root / ".env").write_text("WAREHOUSE_TOKEN=canary-in-env\n")
    add = ("connections", "add", "old", "--conn-type", "http", "--conn-host", "https://h.example")
    with Airflow(world.python, world.env | {"AIRFLOW__CORE__DAGS_FOLDER": str(folder)}) as airflow:
        added = airflow.ask(*add, "--conn-password", "canary-in-table")
        assert added.returncode == 0, added
        ran = airflow.ask("dags", "test", "leaks")
        assert ran.returncode == 0, ran

    told = doctor(world, "--json")
    assert told.code == 1, told
    found = {(one["check"], one["verdict"]): one for one in json.loads(told.out)}
    assert found["provider", "ok"]
    assert found["wiring", "ok"]
    assert "leaks.give keeps a token in clear under `return_value`" in found["xcom", "problem"]["detail"]
    assert "prints.py:5: a connection goes into the log" in found["dags", "problem"]["detail"]
    assert "WAREHOUSE_TOKEN" in found["environment", "warning"]["detail"]
    fix = found["connections", "problem"]["hint"]
    assert '[connection.old]\nconn-type = "http"\nhost = "https://h.example"\ntoken-in = "header"' in fix
    shown = told.out + told.err + doctor(world).out
    for secret in ("canary-in-env", "canary-in-table", JWT):
        assert secret not in shown


def test_an_airflow_with_nothing_to_find_ends_with_0(world: World) -> None:
    world.setup("--for", "venv", "--python", world.python)
    (world.root / "dags").mkdir()
    told = doctor(world)
    assert told.code == 0, told
    assert "no static secret" in told.out
    assert "problem" not in told.out
