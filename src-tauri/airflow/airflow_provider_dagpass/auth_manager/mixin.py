"""Ping over any auth manager: the jwt-bearer grant at `/auth/token`, and Ping's bearer where that is chosen.

Decides how long an Airflow JWT lives and what a bearer is. What a person may do stays the auth
manager's own: it says by four small methods how a person from Ping becomes one of its users.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

import jwt
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.configuration import conf
from airflow.exceptions import AirflowConfigException
from anyio import CapacityLimiter, to_thread
from cachetools import TTLCache
from fastapi import FastAPI, HTTPException

from airflow_provider_dagpass.auth_manager.claims import Assertion, Kind
from airflow_provider_dagpass.auth_manager.delay import removed_group_bites_within
from airflow_provider_dagpass.auth_manager.door import Door
from airflow_provider_dagpass.auth_manager.kept import PATIENCE_SECONDS
from airflow_provider_dagpass.auth_manager.ping import Person, Ping
from airflow_provider_dagpass.auth_manager.reference import is_reference
from airflow_provider_dagpass.auth_manager.refusal import (
    AccessDenied,
    Expired,
    InvalidGrant,
    InvalidToken,
    PingAway,
    Refusal,
    SignInTooOld,
    UnsupportedGrant,
)
from airflow_provider_dagpass.auth_manager.rolefile import RoleFileError
from airflow_provider_dagpass.auth_manager.settings import (
    LONGEST_JWT,
    SEEN_SECONDS,
    SettingsError,
    from_airflow,
)

log = logging.getLogger(__name__)

#: How many bearers are remembered at once?
MOST_SEEN = 4096
#: How many threads may ask Ping about reference tokens? Their own: a Ping that does not answer holds
#: none of those that all of the API server's other requests share.
ASKING_THREADS = 8

Done = TypeVar("Done")


class PingMixin(BaseAuthManager[Any]):  # type: ignore[misc,unused-ignore]
    """``class Mine(PingMixin, SomeAuthManager)``, with ``admit``, ``dismiss`` and ``names_of``."""

    ping: Ping

    # What the auth manager under it has to say.

    def admit(self, person: Person) -> Any:
        """The user for this person, with the roles that ``person.roles`` names."""
        raise NotImplementedError

    def dismiss(self, person: Person) -> AccessDenied:
        """Takes from the person what an earlier grant gave; gives the refusal to raise."""
        return AccessDenied("none of your groups has a role in this Airflow")

    def names_of(self, user: Any) -> tuple[str, list[str]]:
        """A user's name and roles."""
        raise NotImplementedError

    def forget(self, subject: str) -> None:
        """Drops what is remembered of a user of this `sub`."""

    def at_work(self) -> AbstractContextManager[Any]:
        """What ``admit`` and ``dismiss`` run inside."""
        return nullcontext()

    # Airflow's own hooks.

    def init(self) -> None:
        super().init()
        try:
            self.ping = Ping(from_airflow(conf))
        except SettingsError as error:
            raise AirflowConfigException(str(error)) from None
        except RoleFileError as error:
            raise AirflowConfigException(f"[dagpass_auth] roles_file: {error}") from None
        self._seen: Any = TTLCache(MOST_SEEN, SEEN_SECONDS)
        self._seen_lock = threading.Lock()
        self._asking = CapacityLimiter(ASKING_THREADS)
        log.info("a removed group bites within (seconds): %s", self.delay())

    def get_fastapi_app(self) -> FastAPI:
        app = super().get_fastapi_app() or FastAPI(title="dagpass sign-in")
        app.add_middleware(Door, desk=self)
        return app

    async def get_user_from_token(self, token: str) -> Any:
        if "direct" not in self.ping.settings.accept or not self.ping.is_ours(token):
            return await super().get_user_from_token(token)
        try:
            return self.deserialize_user(await self._subject_of_bearer(token))
        except Expired as refusal:
            raise jwt.ExpiredSignatureError(str(refusal)) from None
        except (SignInTooOld, PingAway) as refusal:
            raise HTTPException(refusal.status, str(refusal), refusal.headers) from None
        except (Refusal, ValueError, KeyError) as refusal:
            log.warning("bearer refused: %s", refusal)
            raise jwt.InvalidTokenError(str(refusal)) from None

    def revoke_token(self, token: str) -> None:
        if self.ping.is_ours(token):
            # Ping's token is Ping's to revoke; what we remember of it goes at once.
            with self._seen_lock:
                self._seen.pop(_digest(token), None)
            return
        super().revoke_token(token)

    # What the door asks for.

    async def granted(self, assertion: str, *, cli: bool) -> dict[str, Any]:
        """The answer of the jwt-bearer grant (RFC 7523)."""
        if "exchange" not in self.ping.settings.accept:
            raise UnsupportedGrant("this Airflow takes Ping's token as the bearer itself")
        try:
            subject, token, left = await self._apart(assertion, lambda: self._grant(assertion, cli))
        except Refusal as refusal:
            if isinstance(refusal, AccessDenied) and refusal.subject:
                self.forget(refusal.subject)
            log.warning("jwt-bearer grant refused: %s", refusal)
            raise
        self.forget(subject)
        return {"access_token": token, "token_type": "Bearer", "expires_in": left}

    async def roles_for(self, bearer: str) -> dict[str, Any]:
        """The mapping in force, and what it makes of the caller."""
        try:
            user = await self.get_user_from_token(bearer)
        except HTTPException as error:
            raise InvalidToken(str(error.detail)) from None
        except jwt.PyJWTError as error:
            raise InvalidToken(str(error)) from None
        mapping = self.ping.roles.current()
        username, roles = self.names_of(user)
        return {
            "version": 1,
            "claim": mapping.claim,
            "roles": {group: list(names) for group, names in mapping.roles.items()},
            **({"clients": mapping.clients_told} if mapping.clients_told else {}),
            "digest": mapping.digest,
            "you": {"username": username, "roles": roles},
            "removed_group_bites_within": self.delay(),
        }

    def delay(self) -> dict[str, int | None]:
        return removed_group_bites_within(self.ping.settings, conf)

    async def _apart(self, token: str, work: Callable[[], Done]) -> Done:
        """In a thread, once what Ping publishes is at hand: waiting for that holds none."""
        while (flight := self.ping.flight(token)) is not None:
            await asyncio.wait([asyncio.wrap_future(flight)], timeout=PATIENCE_SECONDS)
            if not flight.done():
                raise PingAway("Ping does not answer")
        limiter = self._asking if is_reference(token) else None
        done: Done = await to_thread.run_sync(work, limiter=limiter)
        return done

    def _grant(self, token: str, cli: bool) -> tuple[str, str, int]:
        assertion = self.ping.check(token)
        ends = min(assertion.expires, int(time.time()) + _longest(cli))
        if ends <= time.time():
            raise Expired("the token has expired")
        self.ping.use_up(assertion)
        with self.at_work():
            person, user = self._admitted(assertion)
            minted, left = self._mint(user, ends)
            subject = str(self.serialize_user(user)["sub"])
        log.info(
            "jwt-bearer grant: %s (%s by %s) for %d s: %s",
            *(person.username, assertion.kind.value, assertion.client, left, ", ".join(person.roles)),
        )
        return subject, minted, left

    def _admitted(self, assertion: Assertion) -> tuple[Person, Any]:
        person = self.ping.whose(assertion)
        if not person.roles:
            raise self.dismiss(person)
        return person, self.admit(person)

    def _mint(self, user: Any, ends: int) -> tuple[str, int]:
        # Airflow's generator reads the clock itself: a second that turns between must not make
        # the JWT outlive the assertion.
        while (left := ends - int(time.time())) > 0:
            token = self.generate_jwt(user=user, expiration_time_in_seconds=left)
            if jwt.decode(token, options={"verify_signature": False})["exp"] <= ends:
                return token, left
        raise Expired("the token has expired")

    async def _subject_of_bearer(self, token: str) -> dict[str, Any]:
        digest, now = _digest(token), time.time()
        with self._seen_lock:
            seen = self._seen.get(digest)
        subject: dict[str, Any] = seen[0] if seen else {}
        if seen and seen[1] > now:
            return subject
        try:
            subject, expires = await self._apart(token, lambda: self._bearer(token))
        except AccessDenied as refusal:
            if refusal.subject:
                self.forget(refusal.subject)
            raise
        self.forget(str(subject["sub"]))
        with self._seen_lock:
            self._seen[digest] = (subject, float(expires + self.ping.settings.leeway))
        return subject

    def _bearer(self, token: str) -> tuple[dict[str, Any], int]:
        assertion = self.ping.check(token)
        if assertion.kind not in (Kind.ACCESS_TOKEN, Kind.REFERENCE):
            raise InvalidGrant("only an access token is a bearer")
        with self.at_work():
            _, user = self._admitted(assertion)
            return dict(self.serialize_user(user)), assertion.expires


def _longest(cli: bool) -> int:
    """Never longer than the admin lets any JWT live."""
    keys = ["jwt_expiration_time", *(["jwt_cli_expiration_time"] if cli else [])]
    return min(LONGEST_JWT, *(int(conf.getint("api_auth", key)) for key in keys))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
