"""Which lookups are the agent's, and what the person is told."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.secrets.local_filesystem import LocalFilesystemBackend

from airflow_provider_dagpass import chain
from airflow_provider_dagpass.secrets import DagpassBackend, DagpassWorkersBackend
from stub_agent import LOGIN_REQUIRED, NOT_FOUND, StubAgent, http_connection, reply

try:
    from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied as AccessDenied
except ImportError:
    AccessDenied = None

LOCAL = "airflow.secrets.local_filesystem.LocalFilesystemBackend"
GUARD = reply(403, {"error": "access_denied", "error_description": "root is denied"})
OFFLINE = reply(503, {"error": "temporarily_unavailable", "error_description": "Ping is unreachable"})
CONFIG_INVALID = reply(
    400,
    {
        "error": "config_invalid",
        "error_description": "connection `warehouse_api` is not known: the config is wrong",
        "cause": "/etc/dagpass/config.toml:3:10: profile.web.issuer: is no URL",
        "hint": "run `dagpass config check`",
    },
)
STORE_CHANGED = reply(
    409, {"error": "store_changed", "error_description": "the config asks for another store"}
)
BROKEN = reply(500, {"error": "server_error", "error_description": "something broke"})


def assert_told(text: str, caplog: pytest.LogCaptureFixture, conn_id: str = "warehouse_api") -> None:
    """By the one exception Airflow does not swallow, or on 2.11 by a warning."""
    if AccessDenied is not None:
        with pytest.raises(AccessDenied, match=text):
            DagpassBackend().get_connection(conn_id)
        return
    with caplog.at_level(logging.WARNING):
        assert DagpassBackend().get_connection(conn_id) is None
    assert any(text in record.getMessage() for record in caplog.records)


def knows(world: Path, *ids: str) -> None:
    (world / "state/dagpass/connections.json").write_text(json.dumps({"version": 1, "connections": ids}))


def test_a_connection_that_only_the_agent_knows(agent: StubAgent) -> None:
    agent.answer = lambda ask: http_connection("tok")
    connection = DagpassBackend(env="dev").get_connection("warehouse_api")
    assert (connection.conn_id, connection.conn_type) == ("warehouse_api", "http")
    assert connection.host == "https://warehouse.example"
    assert connection.extra_dejson == {"Authorization": "Bearer tok"}
    assert connection.password is None
    assert agent.asks[0].json == {"conn_id": "warehouse_api", "env": "dev"}


def test_the_environment_of_this_shell_goes_before_the_configured_one(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    DagpassBackend().get_connection("x")
    monkeypatch.setenv("DAGPASS_ENV", "dev")
    DagpassBackend(env="prod").get_connection("x")
    assert [ask.json.get("env") for ask in agent.asks] == [None, "dev"]


def test_the_constructor_does_no_io_and_never_raises(agent: StubAgent) -> None:
    for kwargs in ({}, {"env": "dev"}, {"next": {"class": "no.such.Class"}}, {"next": "{"}, {"typo": "1"}):
        DagpassBackend(**kwargs)
    assert agent.accepted == 0


def test_a_conn_id_of_others_is_a_miss(agent: StubAgent) -> None:
    assert DagpassBackend().get_connection("aws_default") is None
    assert DagpassBackend().get_conn_value("aws_default") is None


def test_variables_and_config_are_never_asked_for(agent: StubAgent) -> None:
    assert DagpassBackend().get_variable("x") is None
    assert DagpassBackend().get_config("x") is None
    assert agent.accepted == 0


def test_not_signed_in_reaches_the_person_with_the_hint(
    agent: StubAgent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    assert_told("sign in again; run `dagpass login prod`", caplog)


def test_offline_reaches_the_person(agent: StubAgent, caplog: pytest.LogCaptureFixture) -> None:
    agent.answer = lambda ask: OFFLINE
    assert_told("Ping is unreachable", caplog)


def test_a_wrong_config_is_named_with_its_line_and_never_a_connection_that_is_not_defined(
    agent: StubAgent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.answer = lambda ask: CONFIG_INVALID
    assert_told("config.toml:3:10: profile.web.issuer: is no URL", caplog)
    assert_told("run `dagpass config check`", caplog)


def test_a_store_that_is_to_be_moved_reaches_the_person(
    agent: StubAgent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.answer = lambda ask: STORE_CHANGED
    assert_told("the config asks for another store", caplog)


@pytest.mark.parametrize("answer", [GUARD, BROKEN, b""], ids=["guard", "broken", "closed"])
def test_what_says_nothing_of_the_id_stops_only_ids_of_ours(
    agent: StubAgent, world: Path, caplog: pytest.LogCaptureFixture, answer: bytes
) -> None:
    agent.answer = lambda ask: answer
    assert DagpassBackend().get_connection("warehouse_api") is None
    knows(world, "warehouse_api")
    assert DagpassBackend().get_connection("aws_default") is None
    assert_told("dagpass: ", caplog)


def test_an_agent_that_is_away_stops_only_ids_of_ours(world: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert DagpassBackend().get_connection("warehouse_api") is None
    knows(world, "warehouse_api")
    assert DagpassBackend().get_connection("aws_default") is None
    assert_told(
        "agent is not running.*; run `dagpass agent start`" if AccessDenied else "agent is not running",
        caplog,
    )


def test_it_steps_back_where_the_environment_names_the_connection(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE_API", "http://stub")
    assert DagpassBackend().get_connection("warehouse_api") is None
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE_API")
    monkeypatch.setenv("AIRFLOW_CONN__BLUE___WAREHOUSE_API", "http://stub")
    assert DagpassBackend().get_connection("warehouse_api", team_name="blue") is None
    assert agent.accepted == 0


def test_it_is_switched_off_without_io(agent: StubAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGPASS_AIRFLOW", "off")
    assert DagpassBackend().get_connection("warehouse_api") is None
    assert agent.accepted == 0


def test_the_running_task_is_told_and_a_parse_is_named(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["airflow", "dag-processor"])
    DagpassBackend().get_connection("x")
    monkeypatch.setattr(sys, "argv", ["airflow", "tasks"])
    for name, value in {"DAG_ID": "d", "TASK_ID": "t", "DAG_RUN_ID": "r", "TRY_NUMBER": "2"}.items():
        monkeypatch.setenv(f"AIRFLOW_CTX_{name}", value)
    DagpassBackend().get_connection("x")
    assert agent.asks[0].json["context"] == {"purpose": "dag-parse"}
    assert agent.asks[1].json["context"] == {"dag_id": "d", "task_id": "t", "run_id": "r", "try_number": "2"}


@pytest.fixture
def local(world: Path) -> dict[str, Any]:
    (world / "connections.json").write_text(json.dumps({"aws_default": "aws://key:secret@"}))
    (world / "variables.json").write_text(json.dumps({"colour": "green"}))
    kwargs = {
        "connections_file_path": str(world / "connections.json"),
        "variables_file_path": str(world / "variables.json"),
    }
    return {"class": LOCAL, "kwargs": kwargs}


@pytest.mark.parametrize("as_text", [False, True], ids=["object", "json_text"])
def test_the_backend_that_was_there_answers_after_us(agent: StubAgent, local: dict, as_text: bool) -> None:
    agent.answer = lambda ask: http_connection("tok") if ask.json["conn_id"] == "ours" else NOT_FOUND
    backend = DagpassBackend(next=json.dumps(local) if as_text else local)
    assert backend.get_connection("ours").host == "https://warehouse.example"
    assert backend.get_connection("aws_default").login == "key"
    assert backend.get_connection("nobodys") is None
    assert backend.get_connection("aws_default", team_name="blue").login == "key"
    assert backend.get_variable("colour") == "green"
    assert backend.get_config("nothing") is None
    assert isinstance(backend._next._backend, LocalFilesystemBackend)


def test_arguments_that_the_environment_adds_are_the_other_backend_s(agent: StubAgent, local: dict) -> None:
    # As Airflow 3 gives them: AIRFLOW__SECRETS__BACKEND_KWARG__CONNECTIONS_FILE_PATH and the like.
    more = dict(local["kwargs"])
    spec = {"class": LOCAL, "kwargs": {"connections_file_path": "/of/the/file.json"}}
    backend = DagpassBackend(next=spec, **more)
    assert backend.get_connection("aws_default").login == "key"
    assert backend.get_variable("colour") == "green"


def test_a_section_that_names_the_backend_before_gives_it_all_arguments(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__SECRETS__DAGPASS_NEXT", f"{__name__}.Keeps")
    monkeypatch.setenv("AIRFLOW__SECRETS__DAGPASS_ENV", "dev")
    backend = DagpassBackend(**{"env": "theirs", "role_id": "r"})
    assert backend.get_variable("x") == "env=theirs role_id=r"
    backend.get_connection("y")
    assert agent.asks[0].json["env"] == "dev"
    assert not DagpassWorkersBackend(role_id="r")._next
    monkeypatch.setenv("AIRFLOW__WORKERS__DAGPASS_NEXT", f"{__name__}.Keeps")
    assert DagpassWorkersBackend(role_id="w").get_variable("x") == "role_id=w"


class Keeps:
    def __init__(self, **kwargs: str) -> None:
        self._kwargs = kwargs

    def get_variable(self, key: str) -> str:
        return " ".join(f"{name}={value}" for name, value in sorted(self._kwargs.items()))

    def get_connection(self, conn_id: str) -> None:
        return None


@pytest.mark.parametrize(
    ("spec", "kind", "told"),
    [
        ({"class": "no_such.Class"}, ModuleNotFoundError, r"no_such.Class\) cannot be made.*No module named"),
        ({"class": f"{__name__}.Gone"}, AttributeError, "cannot be made.*has no attribute"),
        ("{", json.JSONDecodeError, "cannot be made.*JSONDecodeError"),
        ({"kwargs": {}}, KeyError, "cannot be made.*class"),
        ({"class": f"{__name__}.Raises", "kwargs": {"at_once": True}}, RuntimeError, "made.*: RuntimeError$"),
    ],
)
def test_a_broken_chain_is_told_once_and_raises_as_ever(
    agent: StubAgent, caplog: pytest.LogCaptureFixture, spec: Any, kind: type[Exception], told: str
) -> None:
    chain._told.clear()
    for _ in range(3):
        with pytest.raises(kind):
            DagpassBackend(next=spec).get_connection("x")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert re.search(told, record.getMessage()), record.getMessage()


def test_stepping_back_leaves_the_other_backend_its_turn(
    agent: StubAgent, local: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGPASS_AIRFLOW", "off")
    assert DagpassBackend(next=local).get_connection("aws_default").login == "key"
    monkeypatch.delenv("DAGPASS_AIRFLOW")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://other:secret@")
    assert DagpassBackend(next=local).get_connection("aws_default").login == "key"
    assert agent.accepted == 0


def test_a_refusal_is_not_asked_about_elsewhere(agent: StubAgent, local: dict) -> None:
    if AccessDenied is None:
        pytest.skip("Airflow 2 has no refusal that stops a lookup")
    agent.answer = lambda ask: LOGIN_REQUIRED
    with pytest.raises(AccessDenied):
        DagpassBackend(next=local).get_connection("aws_default")


class Raises:
    def __init__(self, **kwargs: Any) -> None:
        if kwargs.get("at_once"):
            raise RuntimeError("wrong arguments")

    def get_connection(self, conn_id: str) -> None:
        raise PermissionError("vault is sealed")

    def get_variable(self, key: str, **rest: Any) -> str:
        return f"{key}:{rest['team_name']}"


def test_its_errors_are_unchanged_and_its_signature_is_respected(agent: StubAgent) -> None:
    here = f"{__name__}.Raises"
    with pytest.raises(PermissionError, match=r"^vault is sealed$"):
        DagpassBackend(next={"class": here}).get_connection("x", team_name="blue")
    with pytest.raises(RuntimeError, match=r"^wrong arguments$"):
        DagpassBackend(next={"class": here, "kwargs": {"at_once": True}}).get_connection("x")
    with pytest.raises(ModuleNotFoundError, match="no_such"):
        DagpassBackend(next={"class": "no_such.Class"}).get_connection("x")
    assert DagpassBackend(next={"class": here}).get_variable("k", team_name="blue") == "k:blue"


def test_a_wrong_argument_is_told_at_the_first_lookup(
    agent: StubAgent, caplog: pytest.LogCaptureFixture
) -> None:
    backend = DagpassBackend(evn="dev")
    with caplog.at_level(logging.WARNING):
        backend.get_connection("x")
        backend.get_connection("x")
    assert [record.getMessage() for record in caplog.records if "evn" in record.getMessage()] == [
        "dagpass: unknown backend_kwargs: evn"
    ]


def test_the_client_loads_without_airflow() -> None:
    code = "import sys, airflow_provider_dagpass.client as c; assert 'airflow' not in sys.modules, 1"
    subprocess.run([sys.executable, "-c", code], check=True)
