"""Every kind of connection that takes a token: where Airflow's own hook of that kind reads it.

The left half is what the agent renders of a `[connection.ID]` (conn-type, token-in, login, extra; the
rendering has its own table in Rust), the right half what the hook gives to its client.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_provider_dagpass.secrets import DagpassBackend
from stub_agent import StubAgent, reply

TOKEN = "the-token-of-today"
HEADER = {"Authorization": f"Bearer {TOKEN}"}


def http(api: Api) -> str:
    from airflow.providers.http.hooks.http import HttpHook

    HttpHook(http_conn_id="c", method="GET").run("/x")
    return api.seen["authorization"]


def databricks(_: Api) -> str:
    from airflow.providers.databricks.hooks.databricks import DatabricksHook

    return str(DatabricksHook("c")._get_token(raise_error=True))


def dbt_cloud(_: Api) -> str:
    import requests
    from airflow.providers.dbt.cloud.hooks.dbt import DbtCloudHook

    hook = DbtCloudHook("c")
    asked = hook.auth_type(hook.connection.password)(requests.Request("GET", "http://x").prepare())
    return str(asked.headers["Authorization"])


def postgres(_: Api) -> str:
    """What a server that asks for a password is sent."""
    import psycopg2
    from airflow.providers.postgres.hooks.postgres import PostgresHook

    with socket.create_server(("127.0.0.1", 0)) as listener:
        told: list[str] = []
        serving = threading.Thread(target=_ask_password, args=(listener, told), daemon=True)
        serving.start()
        hook = PostgresHook("c")
        hook.connection.host, hook.connection.port = listener.getsockname()
        with pytest.raises(psycopg2.OperationalError):
            hook.get_conn()
        serving.join(5)
    return told[0]


def mysql(_: Api) -> str:
    from airflow.providers.mysql.hooks.mysql import MySqlHook

    hook = MySqlHook("c")
    return str(hook._get_conn_config_mysql_connector_python(hook.get_connection("c"))["password"])


def trino(_: Api) -> str:
    from airflow.providers.trino.hooks.trino import TrinoHook

    asked = TrinoHook("c").get_conn().auth.set_http_session(_session())
    return str(asked.auth.token)


def snowflake(_: Api) -> str:
    from airflow.providers.snowflake.hooks.snowflake import SnowflakeHook

    given = SnowflakeHook("c")._get_conn_params()
    return f"{given['authenticator']} {given['token']}"


def kafka(_: Api) -> str:
    from airflow.providers.apache.kafka.hooks.base import KafkaBaseHook

    return str(KafkaBaseHook("c")._build_config()["sasl.password"])


Kind = tuple[dict[str, Any], Callable[["Api"], str], str]
KINDS: dict[str, Kind] = {
    "http_header": ({"conn_type": "http", "host": "{api}", "extra": HEADER}, http, f"Bearer {TOKEN}"),
    "http_other_header": (
        {"conn_type": "http", "host": "{api}", "extra": {"authorization": TOKEN}},
        http,
        TOKEN,
    ),
    "databricks_password_without_login": (
        {"conn_type": "databricks", "host": "adb.example", "password": TOKEN},
        databricks,
        TOKEN,
    ),
    "databricks_extra": (
        {"conn_type": "databricks", "host": "adb.example", "extra": {"token": TOKEN}},
        databricks,
        TOKEN,
    ),
    "dbt_cloud_password": (
        {"conn_type": "dbt_cloud", "login": "12345", "host": "cloud.example", "password": TOKEN},
        dbt_cloud,
        f"Token {TOKEN}",
    ),
    "postgres_password": (
        {"conn_type": "postgres", "login": "ada", "schema": "lake", "password": TOKEN},
        postgres,
        TOKEN,
    ),
    "mysql_password": (
        {"conn_type": "mysql", "host": "db.example", "login": "ada", "port": 3306, "password": TOKEN},
        mysql,
        TOKEN,
    ),
    "trino_extra_jwt": (
        {
            "conn_type": "trino",
            "host": "trino.example",
            "login": "ada",
            "extra": {"auth": "jwt", "jwt__token": TOKEN, "protocol": "https"},
        },
        trino,
        TOKEN,
    ),
    "snowflake_workload_identity_extra": (
        {
            "conn_type": "snowflake",
            "login": "ada",
            "extra": {
                "account": "acme",
                "authenticator": "WORKLOAD_IDENTITY",
                "workload_identity_provider": "OIDC",
                "token": TOKEN,
            },
        },
        snowflake,
        f"WORKLOAD_IDENTITY {TOKEN}",
    ),
    # The hook refuses a ready token beside `oauth`: it asks another connection's hook for one.
    "snowflake_oauth_by_a_dagpass_http_connection": (
        {
            "conn_type": "snowflake",
            "login": "ada",
            "extra": {"account": "acme", "authenticator": "oauth", "azure_conn_id": "ours"},
        },
        snowflake,
        f"oauth {TOKEN}",
    ),
    "kafka_extra": (
        {"conn_type": "kafka", "extra": {"bootstrap.servers": "b.example:9093", "sasl.password": TOKEN}},
        kafka,
        TOKEN,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_hook_reads_the_token_of(
    agent: StubAgent, api: Api, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered, read, expected = KINDS[kind]
    said = {**rendered, "host": rendered.get("host", "h").format(api=api.url)}

    def answer(ask: Any) -> bytes:
        if ask.path == "/v1/token":
            return reply(200, {"access_token": TOKEN, "token_type": "Bearer", "expires_at": 2_000_000_000})
        return reply(200, said if ask.json["conn_id"] == "c" else {"conn_type": "dagpass_http", "host": "h"})

    agent.answer = answer
    backend = DagpassBackend()
    lookups: list[str] = []

    def lookup(conn_id: str) -> Any:
        lookups.append(conn_id)
        return backend.get_connection(conn_id)

    # As a task finds it: the lookup is Airflow's, the answer the agent's.
    backend._set_connection_class(Connection)
    monkeypatch.setattr(Connection, "get", lookup)
    assert read(api) == expected
    # Not more than one question a lookup.
    asked = [ask for ask in agent.asks if ask.path == "/v1/airflow/connection"]
    assert len(asked) == len(lookups) >= 1


class Api(HTTPServer):
    """Keeps the headers of the last call."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: dict[str, str] = {}
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.seen = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's own output."""


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api()
    yield server
    server.shutdown()
    server.server_close()


def _session() -> Any:
    import requests

    return requests.Session()


def _ask_password(listener: socket.socket, told: list[str]) -> None:
    """The first steps of the PostgreSQL protocol: no TLS, a password in clear, a refusal."""
    sock, _ = listener.accept()
    with sock:
        while struct.unpack("!II", sock.recv(8, socket.MSG_PEEK))[1] != 196608:
            sock.recv(8)
            sock.sendall(b"N")
        sock.recv(4096)
        sock.sendall(b"R" + struct.pack("!II", 8, 3))
        told.append(sock.recv(4096)[5:].rstrip(b"\0").decode())
        why = b"SFATAL\0C28P01\0Mrefused\0\0"
        sock.sendall(b"E" + struct.pack("!I", len(why) + 4) + why)
