"""What ``dagpass airflow doctor`` finds, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from airflow_provider_dagpass.lint import connections, dags, wiring, xcom
from airflow_provider_dagpass.lint.finding import is_secret

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWNhbmFyeQ"
ASK = "conn = BaseHook.get_connection('x')\n"


def in_dag(folder: Path, text: str) -> list[tuple[str, int]]:
    (folder / "dag.py").write_text(text)
    found = [one for one in dags.look(folder) if one.verdict != "ok"]
    return [(one.detail.split(": ", 1)[1], int(one.detail.split(":")[1])) for one in found]


@pytest.mark.parametrize(
    "line",
    [
        "print(conn.password)",
        "print(conn)",
        "print(f'got {conn}')",
        "log.info('%s', conn.extra_dejson)",
        "self.log.info(conn.get_uri())",
        "print(BaseHook.get_connection('y').password)",
        "print(Connection.get('y').password)",
    ],
)
def test_a_connection_in_the_log_is_found_by_its_line(tmp_path: Path, line: str) -> None:
    assert in_dag(tmp_path, ASK + line) == [("a connection goes into the log", 2)]


@pytest.mark.parametrize(
    "line",
    [
        "print(conn.conn_id, conn.host)",
        "print(f'{conn.host}')",
        "user.password",
        "print(user.password)",
        "print(password_policy)",
        "hook.run(conn.password)",
        "print(len(rows))",
    ],
)
def test_what_gives_nothing_away_is_left_alone(tmp_path: Path, line: str) -> None:
    assert in_dag(tmp_path, ASK + line) == []


def test_a_secret_that_goes_into_xcom_is_found_in_its_own_function(tmp_path: Path) -> None:
    text = (
        "def a():\n    conn = BaseHook.get_connection('x')\n    return conn.password\n"
        "def b(ti):\n    ti.xcom_push(key='t', value=Connection.get('x').extra)\n"
        "def c():\n    return conn.password\n"
    )
    found = in_dag(tmp_path, text)
    assert [line for _, line in found] == [3, 5]


def test_a_file_that_is_no_python_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def :")
    (tmp_path / "dag.py").write_text(ASK + "print(conn)")
    found = dags.look(tmp_path)
    assert [one.verdict for one in found] == ["warning", "problem"]
    assert "broken.py" in found[0].detail


def test_names_of_secrets_end_like_secrets() -> None:
    for name in ("password", "API_TOKEN", "client-secret", "Authorization", "AWS_SECRET"):
        assert is_secret(name, "long enough"), name
    for name, value in (
        ("password_policy", "strict one"),
        ("token", "/run/secrets/token"),
        ("token", "$TOKEN"),
        ("max_token", "4096"),
        ("tokenizer", "bert-large"),
        ("token", ""),
    ):
        assert not is_secret(name, value), (name, value)


def test_a_static_token_gets_its_table_and_never_shows() -> None:
    value = f"http://:{JWT}@warehouse.corp.example:8443/v1"
    (found,) = connections.in_environment({"AIRFLOW_CONN_WAREHOUSE_API": value}, "the environment")
    assert found.verdict == "problem"
    assert found.hint is not None
    assert found.hint.endswith(
        '[connection.warehouse_api]\nconn-type = "http"\nhost = "warehouse.corp.example"\n'
        'schema = "v1"\nport = 8443\ntoken-in = "header"'
    )
    assert JWT not in json.dumps(found.shown())


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        ('{"conn_type": "trino", "host": "t", "extra": {"jwt__token": "canary-token"}}', "problem"),
        ("postgresql://etl:canary-pw@db/app", "warning"),
        ("postgres://etl:canary-pw@db/app", "warning"),
        ("aws://key:canary-pw@", "warning"),
        ("http://plain.example", None),
        ('{"conn_type": "http", "host": "h", "extra": {"timeout": "30"}}', None),
        ("http://[broken", None),
    ],
)
def test_what_dagpass_can_take_over_depends_on_the_type(value: str, verdict: str | None) -> None:
    found = connections.in_environment({"AIRFLOW_CONN_X": value}, "e")
    assert [one.verdict for one in found] == ([verdict] if verdict else [])
    assert "canary" not in json.dumps([one.shown() for one in found])


def test_a_variable_that_goes_before_one_of_dagpass_s_is_a_problem_with_a_secret_or_without() -> None:
    ours = frozenset({"Warehouse_api"})
    for value in ("http://plain.example", f"http://:{JWT}@h.example"):
        found = connections.in_environment({"AIRFLOW_CONN_WAREHOUSE_API": value}, "e", ours)
        assert found[-1].verdict == "problem"
        assert "goes before dagpass's connection `Warehouse_api`" in found[-1].detail
        assert found[-1].hint is not None
        assert "`unset AIRFLOW_CONN_WAREHOUSE_API`" in found[-1].hint
        assert JWT not in json.dumps([one.shown() for one in found])
    other = connections.in_environment({"AIRFLOW_CONN_LAKE": "http://plain.example"}, "e", ours)
    assert other == []


def test_an_env_file_is_read_as_shells_and_docker_write_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# API_TOKEN=commented\nexport WAREHOUSE_TOKEN='canary-value'\nPORT=8080\n"
        'AIRFLOW_CONN_A="http://:canary-value@h"\n'
    )
    found = connections.in_file(file)
    assert [(one.check, one.verdict) for one in found] == [
        ("connections", "problem"),
        ("environment", "warning"),
    ]
    assert "canary" not in json.dumps([one.shown() for one in found])
    assert connections.in_file(tmp_path / "absent") == []


def test_rows_of_airflows_table_are_judged_like_the_rest() -> None:
    row = SimpleNamespace(
        conn_id="dbx",
        conn_type="databricks",
        host="h",
        schema=None,
        login=None,
        port=None,
        password="canary-token",
        extra=None,
    )
    (found,) = connections.in_table([row])
    assert found.hint is not None
    assert 'token-in = "password"' in found.hint
    assert "airflow connections delete dbx" in found.hint


def test_a_token_in_xcom_is_found_wherever_it_lies_and_other_values_are_not() -> None:
    rows = [
        ("d", "a", "return_value", json.dumps(JWT)),
        ("d", "b", "return_value", json.dumps({"headers": [{"Authorization": f"Bearer {JWT}"}]})),
        ("d", "c", "return_value", json.dumps({"access_token": "opaque-canary"}).encode()),
        ("d", "e", "return_value", json.dumps({"rows": 3, "token_count": "12345"})),
        ("d", "f", "return_value", "not json eyJ"),
    ]
    found = xcom.judge(rows)
    assert [one.detail.split(" ")[0] for one in found] == ["d.a", "d.b", "d.c"]
    assert JWT not in json.dumps([one.shown() for one in found])
    assert xcom.judge(rows[3:])[0].verdict == "ok"


@pytest.mark.parametrize(
    ("settings", "verdicts"),
    [
        ({}, ["problem"]),
        ({("secrets", "backend"): wiring.BACKEND}, ["ok"]),
        ({("workers", "secrets_backend"): wiring.BACKEND}, ["warning"]),
        ({("secrets", "backend"): wiring.BACKEND, ("workers", "secrets_backend"): "a.B"}, ["problem"]),
        ({("secrets", "backend"): wiring.BACKEND, ("secrets", "use_cache"): "1"}, ["warning"]),
    ],
)
def test_wiring_is_asked_for_servers_and_for_tasks(
    settings: dict[tuple[str, str], str], verdicts: list[str]
) -> None:
    class Conf:
        def get(self, section: str, key: str, fallback: str = "") -> str:
            return settings.get((section, key), fallback)

        def getboolean(self, section: str, key: str, fallback: bool = False) -> bool:
            return bool(settings.get((section, key), fallback))

        def getint(self, section: str, key: str, fallback: int = 0) -> int:
            return int(settings.get((section, key), fallback))

    assert [one.verdict for one in wiring.look(Conf())] == verdicts
