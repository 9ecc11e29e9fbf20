"""A project of the Astro CLI: its files, and Airflow importing the package from the wheel as it lies there.
The Astro CLI and its images were not run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import DOOR, TOKEN, World
from dotenv import dotenv_values

from stub_agent import StubAgent

HOME = "/usr/local/airflow"


def project(folder: Path, **files: str) -> Path:
    (folder / ".astro").mkdir(parents=True)
    for name, text in {"Dockerfile": "FROM astrocrpublic.azurecr.io/runtime:3.1-1\n", **files}.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


@pytest.fixture
def agent(world: World) -> Iterator[StubAgent]:
    agent = world.agent()
    yield agent
    agent.close()


def test_a_dry_run_shows_all_of_it_writes_nothing_and_opens_no_door(
    world: World, tmp_path: Path, agent: StubAgent
) -> None:
    folder = project(tmp_path / "astro")
    before = sorted(tmp_path.rglob("*"))
    shown = world.setup("--for", "astro", "--dir", folder, "--dry-run")
    for name in ("docker-compose.override.yml", ".env", "airflow_provider_dagpass-0.1.0-py3-none-any.whl"):
        assert f"{folder}/{name}" in shown.out or f"{folder}/include/{name}" in shown.out, shown
    assert sorted(tmp_path.rglob("*")) == before
    assert [ask.line.split()[0] for ask in agent.asks] == ["GET"]


@pytest.mark.parametrize(
    ("image", "services"),
    [
        ("astrocrpublic.azurecr.io/runtime:3.1-1", {"api-server", "scheduler", "dag-processor", "triggerer"}),
        ("quay.io/astronomer/astro-runtime:13.1.0", {"webserver", "scheduler", "triggerer"}),
    ],
)
def test_the_door_is_mounted_into_the_services_that_the_image_has(
    world: World, tmp_path: Path, agent: StubAgent, image: str, services: set[str]
) -> None:
    folder = project(tmp_path / "astro", Dockerfile=f"FROM {image}\nENV PYTHONPATH=/opt/mine\n")
    (folder / ".env").write_text("PYTHONPATH=/usr/local/airflow/lib:/usr/local/airflow\n")
    world.setup("--for", "astro", "--dir", folder)
    override = yaml.safe_load((folder / "docker-compose.override.yml").read_text())
    assert set(override["services"]) == services
    for service in override["services"].values():
        [mount] = service["volumes"]
        assert (mount["source"], mount["target"], mount["read_only"]) == (DOOR, "/run/dagpass", True)
    wheel = "/usr/local/airflow/include/airflow_provider_dagpass-0.1.0-py3-none-any.whl"
    kept = "/usr/local/airflow/lib:/usr/local/airflow"
    assert dotenv_values(folder / ".env")["PYTHONPATH"] == f"{wheel}:{kept}"
    world.setup("--undo", "--for", "astro", "--dir", folder)
    assert not (folder / "docker-compose.override.yml").exists()
    assert (folder / ".env").read_text() == f"PYTHONPATH={kept}\n"


def test_an_override_that_is_there_is_somebody_s_and_gets_a_block_to_paste(
    world: World, tmp_path: Path, agent: StubAgent
) -> None:
    folder = project(tmp_path / "astro")
    (folder / "docker-compose.override.yml").write_text("services: {}  # mine\n")
    ended = world.setup("--for", "astro", "--dir", folder, code=1)
    assert ended.out.startswith("x-dagpass: &dagpass")
    assert (folder / "docker-compose.override.yml").read_text() == "services: {}  # mine\n"
    assert not (folder / ".env").exists()


def test_the_settings_are_added_and_airflow_imports_from_the_wheel(
    world: World, tmp_path: Path, agent: StubAgent
) -> None:
    kwargs = 'AIRFLOW__SECRETS__BACKEND_KWARGS={"p": 1}\n'
    mine = f"# mine\nSECRET='a b'\nAIRFLOW__SECRETS__BACKEND=a.B\n{kwargs}"
    folder = project(tmp_path / "astro")
    (folder / ".env").write_text(mine)
    world.setup("--for", "astro", "--dir", folder, "--env", "dev")
    values = dotenv_values(folder / ".env")
    assert (values["SECRET"], values["DAGPASS_ENV"]) == ("a b", "dev")
    assert values["DAGPASS_SOCKET"] == "/run/dagpass/agent.sock"
    assert values["AIRFLOW__SECRETS__DAGPASS_NEXT"] == "a.B"
    assert kwargs in (folder / ".env").read_text()
    env = {
        name: value for name, value in values.items() if name in {"AIRFLOW__SECRETS__BACKEND", "PYTHONPATH"}
    }
    env["PYTHONPATH"] = (env["PYTHONPATH"] or "").replace(HOME, str(folder))
    served = world.airflow("connections", "get", "ours", "--output", "json", **env)
    assert TOKEN in served.out, served
    listed = world.airflow("providers", "list", "--output", "plain", **env)
    assert "airflow-provider-dagpass" in listed.out, listed
    assert not list(folder.glob("requirements.txt"))
    world.setup("--undo")
    assert (folder / ".env").read_text() == mine
    assert not list((folder / "include").glob("*"))
    assert (folder / "Dockerfile").read_text().startswith("FROM ")


def test_a_dockerfile_is_read_and_never_written(world: World, tmp_path: Path) -> None:
    dockerfile = "FROM x\nENV AIRFLOW__SECRETS__BACKEND=a.B\n"
    folder = project(tmp_path / "astro", Dockerfile=dockerfile)
    ended = world.setup("--for", "astro", "--dir", folder, code=1)
    assert "Dockerfile sets a secrets backend" in ended.err
    assert (folder / "Dockerfile").read_text() == dockerfile
    assert not (folder / ".env").exists()
    assert "no Astro project" in world.setup("--for", "astro", "--dir", tmp_path, code=1).err
