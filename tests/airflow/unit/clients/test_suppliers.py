"""Databricks and Kafka call us in their own shape."""

from __future__ import annotations

import time

import pytest
from airflow.sdk import Connection
from confluent_kafka import KafkaException, Producer

from airflow_provider_dagpass import suppliers
from airflow_provider_dagpass.errors import DagpassError
from stub_agent import LOGIN_REQUIRED, StubAgent, reply


@pytest.fixture(autouse=True)
def token(agent: StubAgent) -> None:
    body = {"access_token": "the-token", "token_type": "Bearer", "expires_at": int(time.time()) + 600}
    agent.answer = lambda ask: reply(200, body)


def has(monkeypatch: pytest.MonkeyPatch, **fields: object) -> None:
    monkeypatch.setattr(Connection, "get", lambda conn_id: Connection(conn_id=conn_id, **fields))


@pytest.mark.parametrize(
    ("name", "ask"),
    [
        ("federated_token", {}),
        ("profile_prod", {"profile": "prod"}),
        ("connection_lake-house", {"connection": "lake-house"}),
    ],
)
def test_databricks_resolves_the_path_and_gets_a_subject_token(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch, name: str, ask: dict[str, str]
) -> None:
    from airflow.providers.databricks.hooks.databricks import DatabricksHook

    path = f"airflow_provider_dagpass.suppliers.{name}"
    has(
        monkeypatch,
        conn_type="databricks",
        host="adb.example",
        login="federated_k8s",
        extra=f'{{"federated_token_provider": "{path}", "client_id": "c"}}',
    )
    assert DatabricksHook("lake")._get_federation_subject_token() == ("the-token", "c")
    assert agent.asks[0].json == ask


def test_a_path_that_names_nothing_of_ours_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute"):
        suppliers.conection_lake  # noqa: B018


def test_librdkafka_takes_the_token_by_the_airflow_connection(
    agent: StubAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook

    path = "airflow_provider_dagpass.suppliers.kafka_oauth_cb"
    monkeypatch.setenv("AIRFLOW__APACHE_KAFKA__CALLBACK_ALLOWLIST", path)
    has(
        monkeypatch,
        conn_type="kafka",
        extra=f"""{{"bootstrap.servers": "127.0.0.1:9", "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "OAUTHBEARER", "sasl.oauthbearer.config": "connection=lake_kafka",
        "oauth_cb": "{path}"}}""",
    )
    KafkaProducerHook("kafka").get_producer().poll(2)
    assert agent.asks[0].json == {"connection": "lake_kafka"}
    token, end = suppliers.kafka_oauth_cb("connection=lake_kafka")
    assert token == "the-token"
    assert time.time() < end < time.time() + 601


def test_librdkafka_goes_no_further_without_a_token(agent: StubAgent) -> None:
    agent.answer = lambda ask: LOGIN_REQUIRED
    with pytest.raises(DagpassError, match="run `dagpass login prod`"):
        suppliers.kafka_oauth_cb("")
    oauth = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanisms": "OAUTHBEARER"}
    with pytest.raises(KafkaException, match="OAuth token not set"):
        Producer({"bootstrap.servers": "127.0.0.1:9", **oauth, "oauth_cb": suppliers.kafka_oauth_cb})


@pytest.mark.parametrize(
    ("config", "ask"),
    [
        ("", {}),
        ("profile=prod", {"profile": "prod"}),
        ("connection=lake, env=dev", {"connection": "lake", "env": "dev"}),
    ],
)
def test_the_line_of_configuration_names_whose_token(
    agent: StubAgent, config: str, ask: dict[str, str]
) -> None:
    suppliers.kafka_oauth_cb(config)
    assert agent.asks[0].json == ask


@pytest.mark.parametrize("config", ["connexion=lake", "lake", "profile="])
def test_a_line_that_it_does_not_understand_is_an_error_that_says_what_it_takes(config: str) -> None:
    with pytest.raises(DagpassError) as refused:
        suppliers.kafka_oauth_cb(config)
    assert refused.value.hint == "it takes profile, connection, resource, env"
