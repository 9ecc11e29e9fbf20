"""The same table as the Rust client, and the files beside the socket."""

from __future__ import annotations

import json
from pathlib import Path
from socket import gethostname

import pytest

from airflow_provider_dagpass import place

CASES = json.loads((Path(__file__).parents[2] / "cases" / "socket_places.json").read_text())


# Airflow does not run on Windows, nor does this package.
SOCKETS = [case for case in CASES if "facts" in case and case["os"] != "windows"]
FOLDERS = [case for case in CASES if "found" in case]


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case["name"])
def test_every_case_of_the_shared_table_finds_its_folders(case: dict) -> None:
    lock, old = place.lock_folders(case["os"], case["env"])
    found = case["found"]
    state = place.chosen_state(lock, old, found.get("noted"), found.get("used", {}))
    assert {"lock": lock, "state": state, "old": old} == case["expect"]


@pytest.mark.parametrize("case", SOCKETS, ids=lambda case: case["name"])
def test_every_case_of_the_shared_table_finds_its_place(case: dict) -> None:
    try:
        found = {"socket": place.socket_place(case["os"], case["env"], place.Facts(**case["facts"]))}
        if beside := place.mounted_capability(found["socket"]):
            found["capability"] = beside
    except place.PlaceError as error:
        found = {"error": error.code}
        if error.length:
            found |= {"length": error.length, "limit": error.limit}
    assert found == case["expect"]


def test_the_running_agents_record_goes_before_the_table(world: Path) -> None:
    record = {"pid": 1, "socket": "/elsewhere/agent.sock", "started_at": 0}
    (world / "state/dagpass/agent.lock").write_text(json.dumps(record))
    assert place.agent_sockets() == ["/elsewhere/agent.sock", str(world / "run/dagpass/agent.sock")]


def test_an_agent_that_another_shell_started_is_found(world: Path) -> None:
    fixed = world / ".local/state/dagpass"
    fixed.mkdir(parents=True)
    record = {"pid": 1, "socket": "/here/agent.sock", "host": gethostname()}
    (fixed / "agent.lock").write_text(json.dumps(record))
    (world / "state/dagpass/agent.lock").write_text('{"pid": 2, "socket": "/old/agent.sock"}')
    guess = str(world / "run/dagpass/agent.sock")
    assert place.agent_sockets() == ["/here/agent.sock", "/old/agent.sock", guess]


def test_another_machines_agent_is_tried_last(world: Path) -> None:
    record = {"pid": 1, "socket": "/there/agent.sock", "host": "box7.example"}
    (world / "state/dagpass/agent.lock").write_text(json.dumps(record))
    assert place.agent_sockets() == [str(world / "run/dagpass/agent.sock"), "/there/agent.sock"]


def test_the_files_are_where_an_agent_wrote_last_or_noted(world: Path) -> None:
    fixed, old, noted = world / ".local/state/dagpass", world / "state/dagpass", world / "noted"
    fixed.mkdir(parents=True)
    assert place.state_dir() == str(fixed)
    (old / "connections.json").write_text('{"connections": ["ours"]}')
    assert place.state_dir() == str(old)
    assert place.known_connections() == {"ours"}
    (fixed / "state-folder").write_text(str(noted))
    assert place.state_dir() == str(old), "a folder that is gone is not taken"
    noted.mkdir()
    assert place.state_dir() == str(noted)


def test_the_environment_goes_before_the_record(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (world / "state/dagpass/agent.lock").write_text('{"socket": "/elsewhere/agent.sock"}')
    monkeypatch.setenv("DAGPASS_SOCKET", "/mine/agent.sock")
    assert place.agent_sockets() == ["/mine/agent.sock"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"socket": "agent.sock"}', '{"socket": 7}', "null"])
def test_a_record_that_says_nothing_is_not_one(world: Path, text: str) -> None:
    (world / "state/dagpass/agent.lock").write_text(text)
    assert place.agent_sockets() == [str(world / "run/dagpass/agent.sock")]


@pytest.mark.parametrize(
    ("mode", "found"),
    [(0o600, (4321, "secret")), (0o400, (4321, "secret")), (0o640, None), (0o604, None), (0o644, None)],
)
def test_an_endpoint_file_that_others_can_read_is_not_trusted(world: Path, mode: int, found: object) -> None:
    file = world / "run/dagpass/endpoint.json"
    file.write_text('{"version": 1, "pid": 1, "port": 4321, "capability": "secret"}')
    file.chmod(mode)
    assert place.tcp_endpoint(str(world / "run/dagpass/agent.sock")) == found


def test_an_endpoint_file_is_not_reached_by_a_link(world: Path) -> None:
    real = world / "endpoint.json"
    real.write_text('{"version": 1, "pid": 1, "port": 4321, "capability": "secret"}')
    real.chmod(0o600)
    (world / "run/dagpass/endpoint.json").symlink_to(real)
    assert place.tcp_endpoint(str(world / "run/dagpass/agent.sock")) is None


@pytest.mark.parametrize("text", [None, "", "[]", '{"version": 1}', '{"connections": 3}'])
def test_connections_that_were_never_written_are_not_none_at_all(world: Path, text: str | None) -> None:
    if text is not None:
        (world / "state/dagpass/connections.json").write_text(text)
    assert place.known_connections() is None
