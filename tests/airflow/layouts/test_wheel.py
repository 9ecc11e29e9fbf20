"""The wheel inside `dagpass` is the one that hatchling builds, but for who built it."""

from __future__ import annotations

import configparser
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

from conftest import PROGRAM, World

import venvs

INFO = "airflow_provider_dagpass-0.1.0.dist-info"
#: What an installer adds to a folder, and no wheel has.
INSTALLERS = {
    f"{INFO}/{name}"
    for name in ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")
}


def test_names_bytes_metadata_and_entry_points_are_hatchlings(world: World, tmp_path: Path) -> None:
    out = tmp_path / "dist"
    out.mkdir()
    ended = world.run(PROGRAM, "airflow", "wheel", "--out", out)
    wheel = ZipFile(ended.out.strip())
    built = venvs.package()
    files = (path for path in built.rglob("*") if path.is_file() and path.suffix != ".pyc")
    names = {str(path.relative_to(built)) for path in files} - INSTALLERS - {".lock", ".complete"}
    assert set(wheel.namelist()) == names
    for name in names:
        if not name.startswith(INFO):
            assert wheel.read(name) == (built / name).read_bytes(), name
    ours, theirs = (
        Parser().parsestr(text)
        for text in (wheel.read(f"{INFO}/METADATA").decode(), (built / INFO / "METADATA").read_text())
    )
    assert sorted(ours.items()) == sorted(theirs.items())
    assert ours.get_payload() == theirs.get_payload()
    assert _points(wheel.read(f"{INFO}/entry_points.txt").decode()) == _points(
        (built / INFO / "entry_points.txt").read_text()
    )
    again = world.run(PROGRAM, "airflow", "wheel", "--out", out)
    assert again.out == ended.out


def _points(text: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser()
    parser.read_string(text)
    return {group: dict(parser[group]) for group in parser.sections()}
