"""Airflow on an interpreter of this machine: wired, served by the agent, and undone to the byte."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest
from conftest import PROGRAM, TOKEN, World

import venvs
from questions import Airflow

SECOND = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
LAUNCH = """// mine: "configurations": [
{
  "version": "0.2.0",
  "configurations": [
    /* a */
    {"name": "a", "type": "node"},
  ],
}
"""
DAG = """
from airflow.sdk import DAG, Connection, task

with DAG("asks", schedule=None) as dag:

    @task
    def ask():
        assert Connection.get("ours").conn_type == "http"

    ask()
"""
TESTS = """
import os

import pytest
from airflow.sdk import Connection
from freezegun import freeze_time

from dags.asks import dag


@pytest.mark.skipif(os.environ["AGENT"] == "away", reason="the agent is away")
def test_the_agent_serves_a_task_under_a_frozen_clock():
    with freeze_time("2020-01-01", tick=True):
        assert Connection.get("ours").conn_type == "http"
    assert dag.test().state == "success"


@pytest.mark.skipif(os.environ["AGENT"] == "up", reason="the agent is up")
def test_an_agent_that_is_away_is_told_with_its_hint():
    with pytest.raises(PermissionError, match="dagpass agent start"):
        Connection.get("ours")


def test_a_connection_set_by_hand_goes_first(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_OURS", "postgres://by.hand")
    assert Connection.get("ours").host == "by.hand"
"""


@pytest.mark.each_airflow
@pytest.mark.parametrize("layout", ["venv", "standalone"])
def test_airflow_is_wired_with_its_other_backend_asked_next_and_undone_to_the_byte(
    world: World, tmp_path: Path, layout: str
) -> None:
    (tmp_path / "theirs.json").write_text('{"theirs": {"conn_type": "ftp", "host": "canary.example"}}')
    kwargs = json.dumps({"connections_file_path": str(tmp_path / "theirs.json")})
    kept = "# mine\r\n[core]\r\nparallelism = 3\r\n[secrets]\r\n"
    before = f"{kept}backend = {SECOND}\r\nbackend_kwargs = {kwargs}\r\n"
    world.cfg.write_bytes(before.encode())

    shown = world.setup("--for", layout, "--python", world.python.parents[1], "--dry-run")
    assert f"-backend = {SECOND}" in shown.out
    assert "theirs.json" not in shown.out
    assert not world.has_package()
    assert world.cfg.read_bytes() == before.encode()

    world.setup("--for", layout, "--python", world.python)
    after = world.cfg.read_bytes()
    assert after.startswith(kept.encode())
    agent = world.agent()
    with Airflow(world.python, world.env) as airflow:
        ours = airflow.ask("connections", "get", "ours", "--output", "json")
        assert TOKEN in ours.stdout, ours
        theirs = airflow.ask("connections", "get", "theirs", "--output", "json")
        assert "canary.example" in theirs.stdout, theirs
    agent.close()

    again = world.setup("--for", layout, "--python", world.python, "--json")
    assert json.loads(again.out)["result"] == "unchanged"
    assert world.cfg.read_bytes() == after

    world.setup("--undo")
    assert world.cfg.read_bytes() == before.encode()
    assert not world.has_package()
    assert "theirs" in world.airflow("connections", "get", "theirs", "--output", "json").out


#: Each airflow.cfg read anew by Airflow itself: one process for all ways to give a backend its arguments.
ASK = """
import json, os, sys
from airflow.configuration import conf
try:
    from airflow.configuration import get_custom_secret_backend
except ImportError:
    get_custom_secret_backend = conf._get_custom_secret_backend
for way in json.loads(sys.argv[1]):
    for section in ("secrets", "workers"):
        conf.remove_section(section)
    conf.read(way["cfg"])
    os.environ.update(way["env"])
    try:
        worker = {"worker_mode": True} if way["worker"] else {}
        found = get_custom_secret_backend(**worker).get_connection("theirs")
        print("told", way["name"], found and found.host)
    finally:
        for name in way["env"]:
            del os.environ[name]
"""


@pytest.mark.each_airflow
def test_the_other_backend_is_asked_next_wherever_airflow_has_its_class_and_arguments_from(
    world: World, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.json"
    theirs.write_text('{"theirs": {"conn_type": "ftp", "host": "canary.example"}}')
    (tmp_path / "elsewhere.json").write_text('{"theirs": {"conn_type": "ftp", "host": "elsewhere.example"}}')
    kwargs = json.dumps({"connections_file_path": str(theirs)})
    other = json.dumps({"connections_file_path": str(tmp_path / "elsewhere.json")})
    (tmp_path / "kwargs.sh").write_text(f"#!/bin/sh\necho '{kwargs}'\n")
    (tmp_path / "kwargs.sh").chmod(0o755)
    backend = f"[secrets]\nbackend = {SECOND}\n"
    ways = {
        "file": (f"{backend}backend_kwargs = {kwargs}\n", {}),
        "command": (f"{backend}backend_kwargs_cmd = {tmp_path}/kwargs.sh\n", {}),
        "environment": (backend, {"AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs}),
        "environment before file": (
            f"{backend}backend_kwargs = {other}\n",
            {"AIRFLOW__SECRETS__BACKEND_KWARGS": kwargs},
        ),
        "command of the environment": (
            backend,
            {"AIRFLOW__SECRETS__BACKEND_KWARGS_CMD": f"{tmp_path}/kwargs.sh"},
        ),
    }
    if os.environ["DAGPASS_TEST_AIRFLOW"] != "2.11":
        one = {"AIRFLOW__SECRETS__BACKEND_KWARG__CONNECTIONS_FILE_PATH": str(theirs)}
        ways["one argument of the environment"] = (backend, one)
        ways["one before the file's"] = (f"{backend}backend_kwargs = {other}\n", one)
        worker = f"[workers]\nsecrets_backend = {SECOND}\n"
        ways["worker"] = (f"{worker}secrets_backend_kwargs = {kwargs}\n", {})
        ways["worker by command"] = (f"{worker}secrets_backend_kwargs_cmd = {tmp_path}/kwargs.sh\n", {})
        env = {"AIRFLOW__WORKERS__SECRETS_BACKEND_KWARG__CONNECTIONS_FILE_PATH": str(theirs)}
        ways["worker by the environment"] = (worker, env)
    asked = []
    for number, (name, (before, env)) in enumerate(ways.items()):
        cfg = tmp_path / f"{number}.cfg"
        cfg.write_text(before)
        world.setup("--write", "cfg", "--file", cfg)
        changed = [line for line in before.splitlines() if not line.endswith(SECOND)]
        assert all(line in cfg.read_text().splitlines() for line in changed), name
        asked.append({"name": name, "cfg": str(cfg), "env": env, "worker": name.startswith("worker")})
    path = {"PYTHONPATH": str(venvs.package())}
    done = world.run(world.python, "-c", ASK, json.dumps(asked), **path)
    told = [line for line in done.out.splitlines() if line.startswith("told ")]
    assert told == [f"told {name} canary.example" for name in ways], done
    for one, (before, _) in zip(asked, ways.values(), strict=True):
        world.setup("--undo", "--file", one["cfg"])
        assert Path(one["cfg"]).read_text() == before


#: What an installer's record has to hold: each file with its digest, and nothing of ours beside it.
RECORDED = """
import base64, hashlib, json
from importlib import metadata
found = metadata.distribution("airflow-provider-dagpass")
for file in found.files:
    content = file.locate().read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    assert file.name == "RECORD" or (file.hash.value, file.size) == (digest, len(content)), file
listed = {str(file.locate()) for file in found.files}
there = {str(path) for top in ("airflow_provider_dagpass", found._path) for path in
         found.locate_file(top).rglob("*") if path.is_file() and path.suffix != ".pyc"}
assert listed == there, listed ^ there
print(found.read_text("INSTALLER").strip(), found.version, len(found.entry_points))
"""


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if "__pycache__" not in path.parts)


@pytest.mark.each_airflow
def test_the_wheel_is_placed_and_taken_out_without_uv_and_pip(world: World) -> None:
    """As an environment that `uv` made is, on a machine where `uv` is not on the PATH."""
    site = next(world.python.parents[1].glob("lib/python*/site-packages"))
    before = files(site)
    path = world.env["PATH"].split(os.pathsep)
    world.env["PATH"] = os.pathsep.join(folder for folder in path if not Path(folder, "uv").exists())
    assert world.run(world.python, "-c", "import pip", cwd=Path("/")).code != 0
    world.cfg.write_text("[core]\n")
    world.setup("--for", "venv", "--python", world.python)
    recorded = world.run(world.python, "-I", "-c", RECORDED)
    assert recorded.out == "dagpass 0.1.0 3\n", recorded
    agent = world.agent()
    ours = world.airflow("connections", "get", "ours", "--output", "json")
    assert TOKEN in ours.out, ours
    agent.close()
    world.setup("--undo")
    assert files(site) == before
    assert not world.has_package()
    assert world.cfg.read_text() == "[core]\n"


def test_a_package_that_another_installer_put_there_is_replaced_and_pip_takes_ours_out(world: World) -> None:
    subprocess.run([world.python, "-m", "ensurepip", "--default-pip"], check=True, capture_output=True)
    site = next(world.python.parents[1].glob("lib/python*/site-packages"))
    before = files(site)
    old = world.root / "old"
    old.mkdir()
    uv = ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(world.python)]
    wheel = _wheel_of(old, "0.0.1")
    assert world.run(*uv, wheel).code == 0
    world.cfg.write_text("[core]\n")
    world.setup("--for", "venv", "--python", world.python)
    assert world.run(world.python, "-I", "-c", RECORDED).out == "dagpass 0.1.0 3\n"
    assert not (site / "airflow_provider_dagpass" / "gone.py").exists()
    ended = world.run(world.python, "-m", "pip", "uninstall", "--yes", "airflow-provider-dagpass")
    assert ended.code == 0, ended
    assert files(site) == before


def _wheel_of(folder: Path, version: str) -> Path:
    info = f"airflow_provider_dagpass-{version}.dist-info"
    path = folder / f"airflow_provider_dagpass-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        wheel.writestr("airflow_provider_dagpass/gone.py", "")
        wheel.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: airflow-provider-dagpass\nVersion: {version}\n"
        )
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = ("airflow_provider_dagpass/gone.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD")
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))
    return path


def test_a_home_without_a_config_gets_airflows_own_with_its_keys_first(world: World) -> None:
    world.setup("--for", "venv", "--python", world.python)
    text = world.cfg.read_text()
    assert "\nfernet_key =" in text
    assert text.count("DagpassBackend") == 1


def test_an_interpreter_that_cannot_import_the_backend_is_left_as_it_was(world: World) -> None:
    bare = world.root / "bare"
    subprocess.run(["python3", "-m", "venv", "--without-pip", str(bare)], check=True)
    ended = world.setup("--for", "venv", "--python", bare, code=1)
    assert "has no Airflow" in ended.err
    broken = world.python.parents[1].glob("lib/python*/site-packages")
    site = next(broken)
    (site / "sitecustomize.py").write_text("import sys\nsys.modules['airflow.secrets'] = None\n")
    world.cfg.write_text("[core]\n")
    ended = world.setup("--for", "venv", "--python", world.python, code=1)
    assert "cannot import the backend" in ended.err
    assert world.cfg.read_text() == "[core]\n"
    assert not list(site.glob("airflow_provider_dagpass*"))


def test_tests_of_dags_are_served_by_the_agent_and_say_when_it_is_away(world: World, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    conftest = '"""Mine."""\nfrom __future__ import annotations\n\nMINE = 1\n'
    (project / "conftest.py").write_text(conftest)
    (project / "test_dags.py").write_text(TESTS)
    (project / "dags").mkdir()
    (project / "dags" / "asks.py").write_text(DAG)
    dags = {"AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags")}
    world.setup("--for", "pytest", "--python", world.python, "--dir", project)
    command = [world.python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    agent = world.agent()
    up = world.run(*command, cwd=project, AGENT="up", **dags)
    assert "2 passed, 1 skipped" in up.out, up.out[-3000:]
    agent.close()
    away = world.run(*command, cwd=project, AGENT="away", **dags)
    assert "2 passed, 1 skipped" in away.out, away
    # As a colleague's CI runs it, whose Python has no such package.
    code = (
        "import os, runpy; runpy.run_path('conftest.py'); print(os.environ.get('AIRFLOW__SECRETS__BACKEND'))"
    )
    assert world.run("python3", "-I", "-c", code, cwd=project).out == "None\n"
    world.setup("--undo", "--for", "pytest", "--dir", project)
    assert (project / "conftest.py").read_text() == conftest


def test_an_editor_gets_one_more_entry_that_starts_airflow(world: World, tmp_path: Path) -> None:
    project = tmp_path / "project"
    file = project / ".vscode" / "launch.json"
    file.parent.mkdir(parents=True)
    file.write_text(LAUNCH)
    world.setup("--for", "vscode", "--python", world.python, "--dir", project)
    text = file.read_text()
    at = text.index('"configurations": [\n        {') + len('"configurations": [\n        ')
    entry, _ = json.JSONDecoder().raw_decode(text, at)
    agent = world.agent()
    words = ("connections", "get", "ours", "--output", "json")
    served = world.run(entry["python"], "-m", entry["module"], *words, **entry["env"])
    assert TOKEN in served.out, served
    agent.close()
    world.setup("--undo")
    assert file.read_text() == LAUNCH


def test_the_package_stays_while_another_layout_uses_it(world: World, tmp_path: Path) -> None:
    world.cfg.write_text("[core]\n")
    world.setup("--for", "venv", "--python", world.python)
    world.setup("--for", "pytest", "--python", world.python, "--dir", tmp_path)
    world.setup("--undo", "--for", "venv")
    assert world.has_package()
    (tmp_path / "conftest.py").write_text("# changed\n")
    ended = world.setup("--undo", code=1)
    assert "was changed since" in ended.err
    assert world.has_package()
    (tmp_path / "conftest.py").unlink()
    world.setup("--undo")
    assert not world.has_package()


def test_the_interpreter_is_found_by_the_environment_the_folder_or_airflows_script(
    world: World, tmp_path: Path
) -> None:
    world.cfg.write_text("[core]\n")
    script = tmp_path / "bin" / "airflow"
    script.parent.mkdir()
    script.write_text(f"#!{world.python}\n")
    script.chmod(0o755)
    program = [PROGRAM, "--no-start", "airflow", "setup", "--for", "venv", "--dry-run"]
    path = world.env["PATH"]
    for by, env in (
        ("VIRTUAL_ENV", {"VIRTUAL_ENV": str(world.python.parents[1])}),
        ("airflow on PATH", {"PATH": f"{script.parent}:{path}"}),
    ):
        assert f"(by {by})" in world.run(*program, **env).err
    (tmp_path / ".venv").symlink_to(world.python.parents[1])
    assert "(by .venv)" in world.run(*program).err


def test_a_shim_of_pyenv_s_or_asdf_s_is_no_python_and_the_one_it_stands_for_is_found(
    world: World, tmp_path: Path
) -> None:
    world.cfg.write_text("[core]\n")
    shims, asked = tmp_path / "shims", tmp_path / "asked"
    shims.mkdir()
    shim = f'#!/usr/bin/env bash\nexec "{world.python.parent}/${{0##*/}}" "$@"\n'
    # What `env bash` finds first writes down what it is given, and goes on as bash.
    bash = f'#!/bin/sh\necho "$@" >> {asked}\nexec /bin/bash "$@"\n'
    for name, text in {"airflow": shim, "python": shim, "bash": bash}.items():
        (shims / name).write_text(text)
        (shims / name).chmod(0o755)
    shown = world.setup("--for", "venv", "--dry-run", cwd=tmp_path, PATH=f"{shims}:{world.env['PATH']}")
    assert f"{world.python} (by airflow on PATH)" in shown.err
    assert {line for line in asked.read_text().splitlines() if not line.startswith(str(shims))} == {
        "--version"
    }
    ended = world.setup("--for", "venv", "--python", "/bin/bash", "--dry-run", code=1)
    assert "/bin/bash is no Python" in ended.err
