"""Ping's discovery document and keys: fetched, kept, and found again as they roll over.

Decides what an unknown `kid` is worth. Signatures are PyJWT's and cryptography's business.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt

from airflow_provider_dagpass.auth_manager.kept import (
    PATIENCE_SECONDS,
    Bucket,
    Clock,
    Flight,
    Kept,
    Memory,
    wait,
)
from airflow_provider_dagpass.auth_manager.loopback import is_loopback
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, PingAway, quoted
from airflow_provider_dagpass.auth_manager.settings import WELL_KNOWN, Settings

#: How many fetches in a row may `kid`s that nobody knows cause, and how soon comes one more? Anybody can
#: invent one; a fetch brings all keys, so that under a flood a new one is found within that time.
UNKNOWN_KIDS = 5
UNKNOWN_KID_SECONDS = 10.0
#: For how long is a `kid` that was looked for in vain not looked for again, and how many of them?
NOBODYS_SECONDS = 30.0
MOST_NOBODYS = 1024


class Http:
    """JSON from Ping: certificates checked, redirects not followed, https or loopback alone."""

    def __init__(self, settings: Settings, *, of_others: bool = False) -> None:
        verify: Any = ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True
        if of_others and settings.ca_file:
            # The file stands in for the system's CAs where Ping is asked; others may be anybody's customers.
            verify = ssl.create_default_context()
            verify.load_verify_locations(cafile=settings.ca_file)
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


class Issuer:
    """What Ping publishes of itself."""

    def __init__(self, settings: Settings, http: Http, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._http = http
        self._document = Kept(self._fetch_document, clock)
        self._keys = Kept(self._fetch_keys, clock)
        self._unknown = Bucket(UNKNOWN_KIDS, UNKNOWN_KID_SECONDS, clock)
        self._lock = threading.Lock()
        self._nobodys = Memory(MOST_NOBODYS, NOBODYS_SECONDS, clock)

    def endpoint(self, name: str) -> str:
        found = self._document.value().get(name)
        if not isinstance(found, str):
            raise PingAway(f"Ping's discovery document names no `{name}`")
        return found

    def document_flight(self) -> Flight | None:
        """What whoever needs an endpoint has to wait for."""
        return self._document.flight()

    def published(self) -> int:
        """How many keys are there?"""
        return len(self._keys.value()["keys"])

    def flight(self, header: dict[str, Any]) -> Flight | None:
        """The fetch that a token with this header has to wait for."""
        if header.get("alg") not in self._settings.algorithms:
            return None
        flight = self._keys.flight()
        if flight is not None:
            return flight
        try:
            known = _pick(self._keys.at_hand(), header) is not None
        except PingAway:
            return None
        return None if known else self._search(_name(header))

    def key(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The published key that this token names, for the algorithm that it names."""
        algorithm = header.get("alg")
        if algorithm not in self._settings.algorithms:
            raise InvalidGrant(f"tokens signed by {quoted(algorithm)} are not accepted")
        wait(self.flight(header))
        found = _pick(self._keys.at_hand(), header)
        if found is None and self._keys.has_failed():
            raise PingAway("the key that the token names could not be looked for at Ping")
        if found is None:
            raise InvalidGrant("the token is signed by a key that Ping does not publish (`kid`)")
        try:
            return jwt.PyJWK.from_dict(found, algorithm)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            raise InvalidGrant("the key that the token names does not fit its algorithm") from None

    def _search(self, name: bytes) -> Flight | None:
        """A fetch for a key that is not among ours; ``None`` once that was in vain."""
        with self._lock:
            looked: Flight | None = self._nobodys.find(name)
            if looked is not None and not (looked.done() and not looked.result()):
                return None if looked.done() else looked
            begun = False

            def may_begin() -> bool:
                nonlocal begun
                begun = self._unknown.take()
                return begun

            flight = self._keys.renewal(may_begin)
            if begun and flight is not None:
                # One that was on its way before may miss a key that was published since.
                self._nobodys.keep(name, flight)
            return flight

    def _fetch_document(self) -> dict[str, Any]:
        found = self._http.get(self._settings.discovery_url)
        if found.get("issuer") != self._settings.issuer:
            raise PingAway(f"{self._settings.discovery_url} names another issuer than [dagpass_auth] issuer")
        return found

    def _fetch_keys(self) -> dict[str, Any]:
        found = self._http.get(self.endpoint("jwks_uri"))
        if not isinstance(found.get("keys"), list):
            raise PingAway("Ping's key set has no `keys`")
        return found


class Others:
    """The issuers that the roles file names beside the deployment's own, each as it is needed."""

    def __init__(self, settings: Settings, named: Callable[[], Collection[str]]) -> None:
        self._settings = settings
        self._named = named
        self._lock = threading.Lock()
        self._known: dict[str, Issuer] = {}

    def of(self, issuer: object) -> Issuer | None:
        """``None`` where nobody named it: nothing is ever asked of whoever a token names by itself."""
        if not isinstance(issuer, str) or issuer == self._settings.issuer:
            return None
        named = self._named()
        if issuer not in named:
            return None
        with self._lock:
            self._known = {name: one for name, one in self._known.items() if name in named}
            if issuer not in self._known:
                discovery = issuer.rstrip("/") + WELL_KNOWN
                settings = replace(self._settings, issuer=issuer, discovery_url=discovery, introspect=False)
                self._known[issuer] = Issuer(settings, Http(settings, of_others=True))
            return self._known[issuer]


def _name(header: dict[str, Any]) -> bytes:
    """What a search is remembered by: short, whatever a stranger wrote."""
    return hashlib.sha256(ascii((header.get("kid"), header.get("alg"))).encode()).digest()


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
