"""The options of ``[dagpass_auth]`` as Airflow lists them. What they mean is decided by
``auth_manager.settings``; a default here is empty where that decides. Never imports Airflow.
"""

from __future__ import annotations

from typing import Any


def _option(
    description: str, *, example: str = "", default: str = "", sensitive: bool = False
) -> dict[str, Any]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example or None,
        "default": default,
        "sensitive": sensitive,
    }


_OPTIONS: dict[str, dict[str, Any]] = {
    "issuer": _option(
        "The `issuer` of Ping's discovery document, byte for byte. Required.",
        example="https://auth.pingone.eu/ENVIRONMENT/as",
    ),
    "audience": _option(
        "The `aud` values of Ping's access tokens for this Airflow, with commas between. Required.",
        example="https://airflow.corp.example",
    ),
    "clients": _option(
        "The client ids that may sign people in here (`azp`, `client_id`), with commas between. Required.",
        example="dagpass-desktop, airflow-web",
    ),
    "roles_file": _option(
        "Path of airflow-roles.json, relative to AIRFLOW_HOME. Required.", example="airflow-roles.json"
    ),
    "accept": _option(
        "`exchange` (the jwt-bearer grant at /auth/token), `direct`, or both.", default="exchange"
    ),
    "assertion": _option(
        "Which tokens may be handed in: `access_token`, `id_token`, or both.",
        default="access_token, id_token",
    ),
    "algorithms": _option("Signature algorithms, from RS*, PS* and ES*; empty: all nine."),
    "leeway": _option("Seconds that the clocks may be apart.", default="30"),
    "max_auth_age": _option("How old a sign-in at Ping may be, in seconds.", default="43200"),
    "absent_auth_time": _option(
        "A token without `auth_time`: `refuse`, or `accept` (then only Ping ends a sign-in).",
        default="refuse",
    ),
    "username_claim": _option("The claim that names the Airflow user.", default="sub"),
    "exchange_audience": _option(
        "A token for this audience was minted for the jwt-bearer grant and counts once; empty: [api] base_url"
        " with /auth/token and /auth/token/cli."
    ),
    "introspect": _option("Ask Ping about tokens that are no JWT (RFC 7662).", default="False"),
    "introspection_without_audience": _option(
        "Take such a token although Ping does not say for whom it is.", default="False"
    ),
    "client_id": _option("This Airflow's own client at Ping, for introspection and logout."),
    "client_secret": _option("Its secret.", sensitive=True),
    "discovery_url": _option("Where the discovery document is; empty: below the issuer."),
    "ca_file": _option("A CA file to trust in place of the system's, relative to AIRFLOW_HOME."),
    "end_session": _option("Logout goes on to Ping's end_session_endpoint.", default="False"),
    "post_logout_redirect_uri": _option("Where Ping sends people after that; registered there."),
}

SECTION: dict[str, Any] = {
    "description": "Ping's tokens and groups at this deployment (PingFabAuthManager).",
    "options": _OPTIONS,
}
