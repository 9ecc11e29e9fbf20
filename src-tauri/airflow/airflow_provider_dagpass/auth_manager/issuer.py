"""Ping's discovery document and keys: fetched, kept, and renewed as they roll over.

Decides when the network is asked again. Signatures are PyJWT's and cryptography's business.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, PingAway, quoted
from airflow_provider_dagpass.auth_manager.settings import Settings, is_loopback

log = logging.getLogger(__name__)

#: After how long are document and keys fetched again? A key that Ping took back counts until then.
FRESH_SECONDS = 3600.0
#: How long do they serve on while Ping is away?
LAST_SECONDS = 4 * FRESH_SECONDS
#: How often may a `kid` that nobody knows make us fetch? Anybody can invent one.
UNKNOWN_KID_SECONDS = 60.0
#: How soon after a failed fetch is the next one?
RETRY_SECONDS = 5.0
#: How long may Ping take for one answer?
PATIENCE_SECONDS = 5.0

Clock = Callable[[], float]


class Http:
    """JSON from Ping: certificates checked, redirects not followed, https or loopback alone."""

    def __init__(self, settings: Settings) -> None:
        verify = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
        self._client = httpx.Client(verify=verify, timeout=PATIENCE_SECONDS, follow_redirects=False)

    def get(self, url: str) -> dict[str, Any]:
        return self._json(lambda: self._client.get(url), url)

    def post(self, url: str, form: dict[str, str], auth: tuple[str, str]) -> dict[str, Any]:
        return self._json(lambda: self._client.post(url, data=form, auth=auth), url)

    def _json(self, ask: Callable[[], httpx.Response], url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise PingAway(f"{parts.hostname} is named without https")
        try:
            reply = ask()
            answer = reply.json()
        except (httpx.HTTPError, ValueError) as error:
            raise PingAway(f"{parts.hostname} gave no answer ({type(error).__name__})") from None
        if reply.status_code != 200 or not isinstance(answer, dict):
            told = f" ({quoted(answer['error'])})" if isinstance(answer, dict) and "error" in answer else ""
            raise PingAway(f"{parts.hostname} answered HTTP {reply.status_code}{told}")
        return answer


class Kept:
    """One JSON document, kept and renewed. Not for two threads at once."""

    def __init__(self, fetch: Callable[[], dict[str, Any]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._value: dict[str, Any] | None = None
        self._fetched = self._tried = -LAST_SECONDS

    def value(self) -> dict[str, Any]:
        now = self._clock()
        if self._value is None or now - self._fetched > FRESH_SECONDS:
            self.renew()
        if self._value is None or now - self._fetched > LAST_SECONDS:
            raise PingAway("Ping's keys could not be fetched")
        return self._value

    def renew(self) -> None:
        """Fetches now, unless that failed just now."""
        now = self._clock()
        if now - self._tried < RETRY_SECONDS and self._tried > self._fetched:
            return
        self._tried = now
        try:
            self._value = self._fetch()
        except PingAway as error:
            log.warning("%s", error)
            return
        self._fetched = now


class Issuer:
    """What Ping publishes of itself."""

    def __init__(self, settings: Settings, http: Http, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._document = Kept(self._fetch_document, clock)
        self._keys = Kept(self._fetch_keys, clock)
        self._asked_for_unknown = -UNKNOWN_KID_SECONDS

    def endpoint(self, name: str) -> str:
        with self._lock:
            return self._endpoint(name)

    def published(self) -> int:
        """How many keys are there?"""
        with self._lock:
            return len(self._keys.value()["keys"])

    def key(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The published key that this token names, for the algorithm that it names."""
        algorithm = header.get("alg")
        if algorithm not in self._settings.algorithms:
            raise InvalidGrant(f"tokens signed by {quoted(algorithm)} are not accepted")
        with self._lock:
            found = _pick(self._keys.value(), header)
            if found is None and self._may_ask_for_unknown():
                self._keys.renew()
                found = _pick(self._keys.value(), header)
        if found is None:
            raise InvalidGrant("the token is signed by a key that Ping does not publish (`kid`)")
        try:
            return jwt.PyJWK.from_dict(found, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise InvalidGrant("the key that the token names does not fit its algorithm") from None

    def _may_ask_for_unknown(self) -> bool:
        now = self._clock()
        if now - self._asked_for_unknown < UNKNOWN_KID_SECONDS:
            return False
        self._asked_for_unknown = now
        return True

    def _fetch_document(self) -> dict[str, Any]:
        found = self._http.get(self._settings.discovery_url)
        if found.get("issuer") != self._settings.issuer:
            raise PingAway(f"{self._settings.discovery_url} names another issuer than [dagpass_auth] issuer")
        return found

    def _fetch_keys(self) -> dict[str, Any]:
        found = self._http.get(self._endpoint("jwks_uri"))
        if not isinstance(found.get("keys"), list):
            raise PingAway("Ping's key set has no `keys`")
        return found

    def _endpoint(self, name: str) -> str:
        found = self._document.value().get(name)
        if not isinstance(found, str):
            raise PingAway(f"Ping's discovery document names no `{name}`")
        return found


def _pick(published: dict[str, Any], header: dict[str, Any]) -> dict[str, Any] | None:
    kid, algorithm = header.get("kid"), str(header.get("alg"))
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    usable = [
        key
        for key in published["keys"]
        if isinstance(key, dict)
        and key.get("kty") == kind
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]
    if kid is None:
        # Nothing to choose by: good only where there is no choice.
        return usable[0] if len(usable) == 1 else None
    return next((key for key in usable if key.get("kid") == kid), None)
