"""Web login by Ping, for the API server of Airflow 3.3. Written by `dagpass airflow setup --server`.

Holds no secret: issuer, client and secret are those of `[dagpass_auth]`, and which group is which
role is `airflow-roles.json`, the file that the grant at `/auth/token` reads too.
"""

from __future__ import annotations

from airflow.configuration import conf
from airflow_provider_dagpass.auth_manager.settings import from_airflow
from airflow_provider_dagpass.auth_manager.web import PingSecurityManager, roles_mapping
from flask_appbuilder.const import AUTH_OAUTH

_ping = from_airflow(conf)

AUTH_TYPE = AUTH_OAUTH
OAUTH_PROVIDERS = [
    {
        # Part of the redirect URI that is registered at Ping.
        "name": "ping",
        "icon": "fa-sign-in",
        "token_key": "access_token",
        "remote_app": {
            "client_id": _ping.client_id,
            "client_secret": _ping.client_secret,
            "server_metadata_url": _ping.discovery_url,
            "client_kwargs": {"scope": "@scope@", "code_challenge_method": "S256"},
            # Has Ping say when the person signed in, and ask again where that is too long ago.
            "authorize_params": {"max_age": _ping.max_auth_age},
        },
    }
]
AUTH_ROLES_MAPPING = roles_mapping()
AUTH_ROLES_SYNC_AT_LOGIN = True
AUTH_USER_REGISTRATION = True
SECURITY_MANAGER_CLASS = PingSecurityManager
