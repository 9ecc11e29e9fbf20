"""A project of the Astro CLI: its files, and Airflow importing the package from the wheel as it lies there.
The Astro CLI and its images were not run."""

from __future__ import annotations

from pathlib import Path

from conftest import TOKEN, World
from dotenv import dotenv_values

HOME = "/usr/local/airflow"


def project(folder: Path, **files: str) -> Path:
    (folder / ".astro").mkdir(parents=True)
    for name, text in {"Dockerfile": "FROM astrocrpublic.azurecr.io/runtime:3.1-1\n", **files}.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder


def test_the_settings_are_added_and_airflow_imports_from_the_wheel(world: World, tmp_path: Path) -> None:
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
    agent = world.agent()
    env = {
        name: value for name, value in values.items() if name in {"AIRFLOW__SECRETS__BACKEND", "PYTHONPATH"}
    }
    env["PYTHONPATH"] = (env["PYTHONPATH"] or "").replace(HOME, str(folder))
    served = world.airflow("connections", "get", "ours", "--output", "json", **env)
    assert TOKEN in served.out, served
    listed = world.airflow("providers", "list", "--output", "plain", **env)
    assert "airflow-provider-dagpass" in listed.out, listed
    agent.close()
    assert not list(folder.glob("requirements.txt"))
    world.setup("--undo")
    assert (folder / ".env").read_text() == mine
    assert not list((folder / "include").glob("*"))
    assert (folder / "Dockerfile").read_text().startswith("FROM ")


def test_an_index_that_has_the_package_is_named_in_the_requirements(world: World, tmp_path: Path) -> None:
    folder = project(tmp_path / "astro", requirements_txt="# none yet\n")
    world.setup("--for", "astro", "--dir", folder, "--from-index")
    assert (folder / "requirements.txt").read_text() == "# none yet\nairflow-provider-dagpass==0.1.0\n"
    assert "PYTHONPATH" not in dotenv_values(folder / ".env")
    world.setup("--for", "astro", "--dir", folder)
    assert (folder / "requirements.txt").read_text() == "# none yet\n"
    assert "PYTHONPATH" in dotenv_values(folder / ".env")


def test_a_dockerfile_is_read_and_never_written(world: World, tmp_path: Path) -> None:
    dockerfile = "FROM x\nENV AIRFLOW__SECRETS__BACKEND=a.B\n"
    folder = project(tmp_path / "astro", Dockerfile=dockerfile)
    ended = world.setup("--for", "astro", "--dir", folder, code=1)
    assert "Dockerfile sets a secrets backend" in ended.err
    assert (folder / "Dockerfile").read_text() == dockerfile
    assert not (folder / ".env").exists()
    assert "no Astro project" in world.setup("--for", "astro", "--dir", tmp_path, code=1).err
