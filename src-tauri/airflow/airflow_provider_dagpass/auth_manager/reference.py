"""Tokens that only Ping can read: introspection (RFC 7662).

Decides what Ping's word is worth, and how often strangers make us ask for it. Keeps no good answer: a
token that Ping took back is refused at once. A bad one stays bad, and is remembered.
"""

from __future__ import annotations

import hashlib
import re
import time
from typing import Any
from urllib.parse import quote

from airflow_provider_dagpass.auth_manager.issuer import Http, Issuer
from airflow_provider_dagpass.auth_manager.kept import RETRY_SECONDS, Bucket, Clock, Memory
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, PingAway
from airflow_provider_dagpass.auth_manager.settings import Settings

#: RFC 6750 §2.1: what a bearer token is made of.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")
#: For how long is a token that Ping calls inactive refused without asking, and how many of them?
INACTIVE_SECONDS = 300.0
MOST_INACTIVE = 4096
#: How many inactive answers in a row do strangers get, and how soon one more? Whoever was good before is
#: asked about all the same.
STRANGERS = 30
STRANGER_SECONDS = 1.0
#: For how long is somebody remembered as no stranger, and how many of them?
KNOWN_SECONDS = 3600.0
MOST_KNOWN = 4096


def is_reference(token: str) -> bool:
    """A signed JWT has three parts (RFC 7515 §3.1), an encrypted one five."""
    return token.count(".") not in (2, 4)


class Introspection:
    """Asks Ping about one token at a time, for any number of threads."""

    def __init__(self, settings: Settings, issuer: Issuer, http: Http, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._inactive = Memory(MOST_INACTIVE, INACTIVE_SECONDS, clock)
        self._known = Memory(MOST_KNOWN, KNOWN_SECONDS, clock)
        self._strangers = Bucket(STRANGERS, STRANGER_SECONDS, clock)
        self._failed = -RETRY_SECONDS

    def claims(self, token: str) -> dict[str, Any]:
        """The claims of an active token, in Ping's words."""
        if not self._settings.introspect:
            raise InvalidGrant("the token is no JWT, and introspection is not switched on here")
        digest = self._worth_asking(token)
        try:
            answer = self._ask(token)
        except PingAway:
            self._failed = self._clock()
            raise
        if answer.get("active") is not True:
            self._strangers.take()
            self._inactive.keep(digest)
            self._known.forget(digest)
            raise InvalidGrant("the token is not active at Ping")
        self._known.keep(digest)
        return answer

    def _worth_asking(self, token: str) -> bytes:
        if not _BEARER.fullmatch(token):
            raise InvalidGrant("the token is no bearer token (RFC 6750)")
        digest = hashlib.sha256(token.encode()).digest()
        if self._inactive.find(digest):
            raise InvalidGrant("the token is not active at Ping")
        if self._clock() - self._failed < RETRY_SECONDS:
            raise PingAway("Ping did not answer just now")
        if not self._known.find(digest) and self._strangers.is_empty():
            raise PingAway("too many tokens that Ping does not know were sent here just now")
        return digest

    def _ask(self, token: str) -> dict[str, Any]:
        # RFC 6749 §2.3.1: both are form-encoded before they become HTTP Basic.
        auth = (quote(self._settings.client_id, safe=""), quote(self._settings.client_secret, safe=""))
        form = {"token": token, "token_type_hint": "access_token"}
        return self._http.post(self._issuer.endpoint("introspection_endpoint"), form, auth)
