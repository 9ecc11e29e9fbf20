"""One provider, one API server and one mint for all tests: an Airflow takes 15 seconds to start."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import stage
import venvs

#: What a deployment's admin writes, as the docs have it.
WEBSERVER_CONFIG = """
from airflow_provider_dagpass.auth_manager.web import PingSecurityManager, roles_mapping
from flask_appbuilder.const import AUTH_OAUTH

AUTH_TYPE = AUTH_OAUTH
OAUTH_PROVIDERS = [{{
    "name": "ping",
    "token_key": "access_token",
    "remote_app": {{
        "client_id": {client!r},
        "client_secret": {secret!r},
        "server_metadata_url": {discovery!r},
        "client_kwargs": {{"scope": "openid profile email groups", "code_challenge_method": "S256"}},
        "authorize_params": {{"max_age": 43200}},
    }},
}}]
AUTH_ROLES_MAPPING = roles_mapping()
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_USER_REGISTRATION = True
SECURITY_MANAGER_CLASS = PingSecurityManager
"""


@pytest.fixture(scope="session")
def port() -> int:
    return stage.free_port()


@pytest.fixture(scope="session")
def provider(port: int) -> Iterator[stage.Provider]:
    provider = stage.Provider(web=f"http://127.0.0.1:{port}")
    yield provider
    provider.close()


@pytest.fixture(scope="session")
def front(provider: stage.Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[stage.Front]:
    front = stage.Front(provider, tmp_path_factory.mktemp("front"))
    yield front
    front.shutdown()


@pytest.fixture(scope="session")
def mint(provider: stage.Provider, front: stage.Front) -> stage.Mint:
    return stage.Mint(provider.issuer, front.publish(stage.Key("minted")))


@pytest.fixture(scope="session")
def settings(provider: stage.Provider, front: stage.Front, port: int) -> dict[str, str]:
    client, secret = stage.WEB_CLIENT
    return {
        "issuer": provider.issuer,
        "audience": stage.API,
        "clients": f"{stage.AGENT}, {client}",
        "roles_file": "airflow-roles.json",
        "accept": "exchange, direct",
        "introspect": "True",
        "introspection_without_audience": "True",
        "client_id": client,
        "client_secret_cmd": f"echo {secret}",
        "discovery_url": f"{front.origin}/discovery",
        "ca_file": str(front.ca_file),
        "end_session": "True",
        "post_logout_redirect_uri": f"http://127.0.0.1:{port}/",
    }


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, front: stage.Front) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    venvs.airflow_home(stage.AIRFLOW, home)
    stage.kept_in(home, "airflow-roles.json", stage.ROLES)
    client, secret = stage.WEB_CLIENT
    config = WEBSERVER_CONFIG.format(client=client, secret=secret, discovery=f"{front.origin}/discovery")
    stage.kept_in(home, "webserver_config.py", config)
    return home


@pytest.fixture(scope="session")
def server(home: Path, port: int, settings: dict[str, str], mint: stage.Mint) -> Iterator[stage.ApiServer]:
    env = stage.environment(home, port, settings)
    written = stage.airflow(env, "dags", "reserialize")
    assert written.returncode == 0, written.stderr
    server = stage.ApiServer(home, port, settings)
    try:
        server.wait()
        yield server
    finally:
        server.close()
