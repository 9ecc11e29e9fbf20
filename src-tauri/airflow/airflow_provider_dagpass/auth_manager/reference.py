"""Tokens that only Ping can read: introspection (RFC 7662).

Decides what Ping's word is worth. Keeps no answer: a token that Ping took back is refused at once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow_provider_dagpass.auth_manager.issuer import Http, Issuer
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant
from airflow_provider_dagpass.auth_manager.settings import Settings


def is_reference(token: str) -> bool:
    """A signed JWT has three parts (RFC 7515 §3.1), an encrypted one five."""
    return token.count(".") not in (2, 4)


def introspect(token: str, settings: Settings, issuer: Issuer, http: Http) -> dict[str, Any]:
    """The claims of an active token, in Ping's words."""
    if not settings.introspect:
        raise InvalidGrant("the token is no JWT, and introspection is not switched on here")
    # RFC 6749 §2.3.1: both are form-encoded before they become HTTP Basic.
    auth = (quote(settings.client_id, safe=""), quote(settings.client_secret, safe=""))
    form = {"token": token, "token_type_hint": "access_token"}
    answer = http.post(issuer.endpoint("introspection_endpoint"), form, auth)
    if answer.get("active") is not True:
        raise InvalidGrant("the token is not active at Ping")
    return answer
