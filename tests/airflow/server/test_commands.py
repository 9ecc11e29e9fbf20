"""What a person types: `airflow providers`, `airflow dagpass check`, `airflowctl`, and a wrong setting."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import stage
import venvs
from questions import Airflow


@pytest.fixture(scope="module")
def airflow(server: stage.ApiServer) -> Iterator[Airflow]:
    with Airflow(venvs.python(stage.AIRFLOW), server.env) as airflow:
        yield airflow


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("providers", "list"), "airflow-provider-dagpass"),
        (("providers", "secrets"), "airflow_provider_dagpass.secrets.DagpassBackend"),
        (("providers", "auth-managers"), "airflow_provider_dagpass.auth_manager.fab.PingFabAuthManager"),
        (("providers", "configs"), "dagpass_auth"),
        (("version",), "3.3.2"),
    ],
)
def test_airflow_lists_what_is_ours_and_warns_of_nothing(
    arguments: tuple[str, ...], shown: str, airflow: Airflow
) -> None:
    done = airflow.ask(*arguments, *(["--output", "plain"] if len(arguments) > 1 else []))
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout
    assert "warning" not in (done.stdout + done.stderr).lower()
    assert "dagpass" not in done.stderr


def test_an_airflow_without_fab_warns_of_nothing_either(tmp_path: Path) -> None:
    env = venvs.environment(venvs.airflow_home("3.3", tmp_path)) | {"PYTHONPATH": str(venvs.package())}
    command = [str(venvs.python("3.3")), "-m", "airflow", "providers", "auth-managers", "--output", "plain"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True)
    assert "dagpass" not in done.stdout + done.stderr
    assert "warning" not in done.stderr.lower()


def test_check_tells_what_is_in_force(airflow: Airflow) -> None:
    done = airflow.ask("dagpass", "check")
    assert done.returncode == 0, done.stderr
    assert "keys: " in done.stdout
    assert "roles: 4 groups by `groups`" in done.stdout
    assert "roles of this Airflow: it has all 4 that the file names" in done.stdout
    assert "a removed group bites within: api: 46860 s" in done.stdout
    assert stage.WEB_CLIENT[1] not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("ISSUER", "", "[dagpass_auth] issuer: not set"),
        ("MAX_AUTH_AGE", "12h", "[dagpass_auth] max_auth_age"),
        ("ROLES_FILE", "gone.json", "[dagpass_auth] roles_file"),
        ("ROLES_FILE", "ghost.json", "roles_file: this Airflow has no role `Ghost`"),
    ],
)
def test_a_wrong_setting_stops_the_check_by_its_name(
    key: str, value: str, named: str, server: stage.ApiServer, airflow: Airflow
) -> None:
    stage.kept_in(server.home, "ghost.json", stage.with_role("root", "Ghost"))
    done = airflow.ask("dagpass", "check", **{f"AIRFLOW__DAGPASS_AUTH__{key}": value})
    assert done.returncode == 1
    assert named in done.stderr


def test_a_missing_setting_stops_the_api_server_by_its_name(
    tmp_path: Path, home: Path, settings: dict[str, str]
) -> None:
    venvs.airflow_home(stage.AIRFLOW, tmp_path)
    for name in ("airflow-roles.json", "webserver_config.py"):
        stage.kept_in(tmp_path, name, (home / name).read_text())
    broken = stage.ApiServer(tmp_path, stage.free_port(), {**settings, "audience": ""})
    try:
        with pytest.raises(AssertionError, match=r"\[dagpass_auth\] audience: not set"):
            broken.wait()
    finally:
        broken.close()


def test_airflowctl_works_with_the_deployment_s_token_and_with_ping_s_own(
    provider: stage.Provider, server: stage.ApiServer, tmp_path: Path
) -> None:
    access_token = provider.sign_in("alice")["access_token"]
    program = str(venvs.python(stage.AIRFLOW).parent / "airflowctl")
    for token in (server.jwt(access_token), access_token):
        env = server.env | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW_CLI_TOKEN": token}
        login = [program, "auth", "login", "--api-url", server.url, "--skip-keyring"]
        subprocess.run(login, env=env, capture_output=True, check=True, timeout=60)
        listed = subprocess.run(
            [program, "dags", "list"], env=env, capture_output=True, text=True, timeout=60, check=False
        )
        assert listed.returncode == 0, listed.stdout + listed.stderr
        assert "dagpass_roles" in listed.stdout
