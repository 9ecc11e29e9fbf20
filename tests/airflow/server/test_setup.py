"""What `dagpass airflow setup --server` writes is what an API server starts with, and people come in; the
laptop's preview is what that server gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import stage
import venvs
from laptop import PROGRAM, Laptop

PRODUCTS = {
    "pingone": "https://auth.pingone.eu/b8a1/as",
    "pingfederate": "https://sso.corp.example:9031",
    "pingam": "https://x.forgeblocks.com:443/am/oauth2/realms/root/realms/alpha",
}
WRITTEN = {"webserver_config.py", "airflow.env", "airflow-roles.json", "PING-SETUP.md"}
SECRET_FILE = "/run/secrets/airflow-ping-client-secret"


def setup(folder: Path, *arguments: str) -> dict[str, object]:
    """Runs it as an administrator does, with no agent and no profile."""
    command = [str(PROGRAM), "airflow", "setup", "--server", "--json", "--no-start", "--out", str(folder)]
    done = subprocess.run([*command, *arguments], text=True, capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout)
    return told


def sourced(folder: Path) -> dict[str, str]:
    """`airflow.env` as a shell reads it; only what it sets."""
    shell = ["env", "-i", "bash", "-c", f"set -a; . '{folder}/airflow.env'; env -0"]
    said = subprocess.run(shell, text=True, capture_output=True, check=True, timeout=10).stdout
    found = dict(line.split("=", 1) for line in said.split("\0") if line)
    return {name: value for name, value in found.items() if name.startswith("AIRFLOW__")}


@pytest.mark.parametrize("product", PRODUCTS)
def test_each_product_s_files_are_python_json_and_settings_that_hold(product: str, tmp_path: Path) -> None:
    """Told by the issuer alone, and read by the server's own rules."""
    told = setup(tmp_path, "--issuer", PRODUCTS[product], "--client", "laptop", "--web-client", "web")
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN
    assert told["redirect_uris"] == ["http://localhost:8080/auth/oauth-authorized/ping"]
    compile((tmp_path / "webserver_config.py").read_text(), "webserver_config.py", "exec")
    read = """
import sys, pathlib
from airflow_provider_dagpass.auth_manager import rolefile, settings
import os
found = settings.read(
    lambda key: os.environ.get(f"AIRFLOW__DAGPASS_AUTH__{key.upper()}", ""), home=sys.argv[1],
    base_url=os.environ["AIRFLOW__API__BASE_URL"],
)
print(found.issuer, *sorted(found.clients), *rolefile.parse(pathlib.Path(found.roles_file).read_text()).roles)
"""
    env = sourced(tmp_path) | {"PYTHONPATH": str(venvs.package())}
    command = [sys.executable, "-c", read, str(tmp_path)]
    done = subprocess.run(command, env=env, text=True, capture_output=True, check=False, timeout=30)
    expected = f"{PRODUCTS[product]} laptop web AF-Admins AF-Ops AF-Users AF-Viewers"
    assert done.stdout.strip() == expected, done.stderr


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "airflow-roles.json").write_text("mine")
    with pytest.raises(AssertionError, match=r"already airflow-roles\.json"):
        setup(tmp_path, "--issuer", PRODUCTS["pingam"], "--client", "laptop")
    assert [path.name for path in tmp_path.iterdir()] == ["airflow-roles.json"]


class Deployment:
    """An API server that starts with the files as they were written, groups and secret filled in."""

    def __init__(self, home: Path) -> None:
        port = stage.free_port()
        self.provider = stage.Provider(web=f"http://127.0.0.1:{port}", family="pingfederate")
        # An access token manager for JWTs, as the notes ask for.
        self.provider.control("quirk", {"accessToken": "jwt"})
        venvs.airflow_home(stage.AIRFLOW, home)
        arguments = ["--issuer", self.provider.issuer, "--client", stage.AGENT, "--audience", stage.API]
        self.told = setup(home, *arguments, "--url", f"http://127.0.0.1:{port}")
        stage.kept_in(home, "airflow-roles.json", stage.ROLES)
        secret = stage.kept_in(home, "client-secret", stage.WEB_CLIENT[1])
        written = sourced(home)
        command = written["AIRFLOW__DAGPASS_AUTH__CLIENT_SECRET_CMD"]
        written["AIRFLOW__DAGPASS_AUTH__CLIENT_SECRET_CMD"] = command.replace(SECRET_FILE, str(secret))
        base = stage.environment(home, port, {})
        kept = {name: value for name, value in base.items() if not name.startswith("AIRFLOW__FAB__")}
        self.server = stage.ApiServer(home, port, {}, env=kept | written)
        self.server.wait()

    def close(self) -> None:
        self.server.close()
        self.provider.close()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("written"))
    yield deployment
    deployment.close()


def test_a_token_is_taken_and_the_roles_are_those_of_the_file(deployment: Deployment) -> None:
    bearer = deployment.server.jwt(deployment.provider.sign_in("alice")["access_token"])
    told = deployment.server.get("/auth/dagpass/roles", bearer).json()
    assert told["roles"] == stage.ROLES["roles"]
    assert sorted(told["you"]["roles"]) == ["Op", "User"]


def test_a_person_logs_in_by_the_redirect_uri_that_was_named(deployment: Deployment) -> None:
    with httpx.Client(base_url=deployment.server.url, timeout=30) as browser:
        asked = browser.get("/auth/login/ping").headers["location"]
        assert "code_challenge_method=S256" in asked
        callback = deployment.provider.control("authorize", {"url": asked, "user": "bob"})["callback"]
        assert callback.partition("?")[0] in deployment.told["redirect_uris"]  # type: ignore[operator]
        came = browser.get(callback)
        assert came.status_code == 302, came.text
        browser.get(came.headers["location"])
        bearer = browser.cookies.get("_token")
    assert bearer, deployment.server.log()[-3000:]
    told = deployment.server.get("/auth/dagpass/roles", bearer).json()
    assert told["you"]["roles"] == ["Viewer"]


@pytest.fixture(scope="module")
def laptop(deployment: Deployment) -> Iterator[Laptop]:
    laptop = Laptop(deployment.provider, deployment.server.url)
    laptop.sign_in("alice")
    yield laptop
    laptop.close()


def test_the_preview_is_what_the_server_gives_and_both_map_the_same(laptop: Laptop) -> None:
    told = laptop.told("airflow", "roles", "prod", "--check")
    assert told["check"]["in_sync"] is True
    assert sorted(told["person"]["roles"]) == sorted(told["check"]["you"]) == ["Op", "User"]
    assert told["digest"] == told["check"]["digest"]
    found = {one["detail"]: one["verdict"] for one in laptop.told("doctor") if one["check"] == "airflow"}
    assert [verdict for detail, verdict in found.items() if "`prod`" in detail] == ["ok", "ok"]


def test_a_file_that_says_otherwise_is_drift(laptop: Laptop) -> None:
    before = laptop.roles.read_text()
    other = {**stage.ROLES["roles"], "Analysts": ["Op"]}  # type: ignore[dict-item]
    stage.kept_in(laptop.folder, laptop.roles.name, {**stage.ROLES, "roles": other})
    try:
        checked = laptop.dagpass("airflow", "roles", "prod", "--check")
    finally:
        laptop.roles.write_text(before)
    assert checked.returncode == 1
    assert "Analysts: here Op, there Viewer" in checked.stdout


def test_a_server_that_has_no_such_route_is_never_in_sync(laptop: Laptop) -> None:
    """The same Airflow below another path, where its own page answers."""
    checked = laptop.dagpass("airflow", "roles", "elsewhere", "--check")
    assert checked.returncode == 1
    assert "cannot tell" in checked.stderr
    assert "dagpass airflow wheel" in checked.stderr
    assert "sync" not in checked.stdout
