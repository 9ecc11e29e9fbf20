"""`airflowctl`'s token from the agent, and everybody else's secrets where they always were."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keyring
import pytest
from keyring import backend, core
from keyring.backends import chainer
from keyring.errors import NoKeyringError

from airflow_provider_dagpass import keyring_backend
from airflow_provider_dagpass.keyring_backend import AgentRefused, DagpassKeyring
from stub_agent import LOGIN_REQUIRED, StubAgent, reply

URL = "https://airflow.example/prod"
OURS = ("airflowctl", "api_token_prod")


class Shelf(backend.KeyringBackend):
    """A keyring of the person's own."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture(autouse=True)
def rings(world: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What this machine offers; a test may take one away or add one."""
    monkeypatch.setenv("AIRFLOW_HOME", str(world))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world))
    monkeypatch.setenv("XDG_DATA_HOME", str(world))
    (world / "prod.json").write_text(json.dumps({"api_url": URL}))
    offered = [DagpassKeyring(), Shelf()]
    monkeypatch.setattr(backend, "get_all_keyring", lambda: offered)
    core.init_backend()
    return offered


@pytest.fixture(autouse=True)
def deployments(agent: StubAgent) -> None:
    def answer(ask: Any) -> bytes:
        if ask.json.get("airflow") == URL:
            return reply(200, {"access_token": f"jwt-{len(agent.asks)}", "token_type": "Bearer"})
        return reply(404, {"error": "not_found", "error_description": "no such deployment"})

    agent.answer = answer


def test_keyring_finds_us_by_our_entry_point() -> None:
    code = "import keyring; print(type(keyring.get_keyring()).__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "DagpassKeyring", said.stderr


def test_each_call_gets_the_deployments_token_by_its_url(agent: StubAgent) -> None:
    assert keyring.get_password(*OURS) == "jwt-1"
    assert keyring.get_password(*OURS) == "jwt-2"
    assert keyring.get_credential(*OURS).password == "jwt-3"
    assert [ask.json for ask in agent.asks] == [{"airflow": URL}] * 3


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"api_url": 7}'])
def test_an_environment_without_a_url_is_a_deployment_by_its_name(
    agent: StubAgent, world: Path, text: str | None
) -> None:
    (world / "prod.json").unlink()
    if text is not None:
        (world / "prod.json").write_text(text)
    assert keyring.get_password(*OURS) is None
    assert agent.asks[0].json == {"airflow": "prod"}


def test_no_file_outside_airflows_home_is_read(agent: StubAgent, world: Path) -> None:
    (world.parent / "x.json").write_text(json.dumps({"api_url": URL}))
    assert keyring.get_password("airflowctl", "api_token_../x") is None
    assert agent.asks[0].json == {"airflow": "../x"}


@pytest.mark.parametrize("where", [("pypi", "ada"), ("airflowctl", "other"), ("airflowctl", "api_token_")])
def test_what_is_not_ours_is_the_other_keyrings_and_the_agent_is_not_asked(
    agent: StubAgent, rings: list[Any], where: tuple[str, str]
) -> None:
    keyring.set_password(*where, "secret")
    assert rings[1].kept == {where: "secret"}
    assert keyring.get_password(*where) == "secret"
    assert keyring.get_credential(*where).password == "secret"
    keyring.delete_password(*where)
    assert rings[1].kept == {}
    assert agent.accepted == 0


def test_an_environment_that_dagpass_does_not_know_works_as_ever(rings: list[Any]) -> None:
    keyring.set_password("airflowctl", "api_token_other", "pasted")
    assert rings[1].kept == {("airflowctl", "api_token_other"): "pasted"}
    assert keyring.get_password("airflowctl", "api_token_other") == "pasted"


def test_a_login_to_a_deployment_of_ours_stores_nothing(rings: list[Any]) -> None:
    keyring.set_password(*OURS, "pasted")
    assert rings[1].kept == {}
    assert keyring.get_password(*OURS) != "pasted"


def test_through_keyrings_chainer_nobody_is_asked_for_ever(rings: list[Any]) -> None:
    rings.append(chainer.ChainerBackend())
    core.init_backend()
    assert isinstance(keyring.get_keyring(), DagpassKeyring)
    keyring.set_password("pypi", "ada", "secret")
    assert keyring.get_password("pypi", "ada") == "secret"
    assert keyring.get_password("pypi", "nobody") is None
    keyring.delete_password("pypi", "ada")
    assert rings[1].kept == {}


def test_without_any_other_keyring_the_error_is_keyrings_own(rings: list[Any]) -> None:
    del rings[1]
    core.init_backend()
    assert keyring.get_password(*OURS) == "jwt-1"
    with pytest.raises(NoKeyringError):
        keyring.get_password("pypi", "ada")


def test_the_keyring_that_a_person_configured_stays_the_next(
    world: Path, rings: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "load_config", lambda: chosen)
    chosen = Shelf()
    chosen.kept["pypi", "ada"] = "chosen"
    assert DagpassKeyring().get_password("pypi", "ada") == "chosen"


def test_not_signed_in_is_told_with_the_command_that_helps(agent: StubAgent) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    with pytest.raises(AgentRefused, match="run `dagpass login prod`"):
        keyring.get_password(*OURS)


def test_an_agent_that_is_away_is_told_unless_a_token_was_stored(agent: StubAgent, rings: list[Any]) -> None:
    agent.close()
    with pytest.raises(AgentRefused, match="run `dagpass agent start`"):
        keyring.get_password(*OURS)
    keyring.set_password(*OURS, "pasted")
    assert keyring.get_password(*OURS) == "pasted"
    del rings[1]
    keyring_backend_without_others = DagpassKeyring()
    with pytest.raises(AgentRefused, match="agent is not running"):
        keyring_backend_without_others.get_password(*OURS)


def test_a_keyring_without_us_is_found_where_windows_cannot_reach_the_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keyring_backend.sys, "platform", "win32")
    with pytest.raises(RuntimeError):
        DagpassKeyring.priority  # noqa: B018
