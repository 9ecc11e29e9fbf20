"""One assertion in, one person or service with roles out.

Decides in which order the checks go. Knows no auth manager and no table of users.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt

from airflow_provider_dagpass.auth_manager import claims as checks
from airflow_provider_dagpass.auth_manager import once, reference, services
from airflow_provider_dagpass.auth_manager.claims import Assertion, Kind
from airflow_provider_dagpass.auth_manager.groups import groups
from airflow_provider_dagpass.auth_manager.issuer import Http, Issuer, Others
from airflow_provider_dagpass.auth_manager.kept import Flight
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied, InvalidGrant, InvalidRequest
from airflow_provider_dagpass.auth_manager.rolefile import RoleFile
from airflow_provider_dagpass.auth_manager.settings import Settings

#: How long may an assertion be, in bytes? A person in 1,000 groups fits.
LONGEST_ASSERTION = 64 * 1024
#: The claims' own times are checked by `claims`, by one leeway and for introspection alike.
_SIGNATURE_ALONE: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}
#: What PyJWT and its JSON reader raise of a token that a stranger wrote.
_UNREADABLE = (jwt.PyJWTError, ValueError, TypeError, RecursionError)

IsFirst = Callable[[str, str, float], bool]


@dataclass(frozen=True)
class Person:
    issuer: str
    username: str
    first_name: str
    last_name: str
    email: str
    #: What the roles file makes of the groups; empty: no business here.
    roles: tuple[str, ...]
    #: When Ping told so, in whole seconds since 1970: of two tokens the newer one counts.
    issued: int
    #: Nobody is behind it: what it may do is the file's word, and no token's.
    is_service: bool = False


class Ping:
    """The deployment's trust in one issuer, and in what the roles file's ``clients`` name beside it."""

    def __init__(self, settings: Settings, is_first: IsFirst = once.is_first) -> None:
        self.settings = settings
        self.roles = RoleFile(settings.roles_file)
        self._http = Http(settings)
        self.issuer = Issuer(settings, self._http)
        self.others = Others(settings, lambda: self.roles.current().issuers)
        self._introspection = reference.Introspection(settings, self.issuer, self._http)
        self._is_first = is_first

    def is_ours(self, token: str) -> bool:
        """Does this bearer say it is Ping's? Not yet a reason to believe it."""
        if reference.is_reference(token):
            return self.settings.introspect
        named = _issuer_named(token)
        return named == self.settings.issuer or self.others.of(named) is not None

    def flight(self, token: str) -> Flight | None:
        """The fetch that has to land before this token can be checked. Whoever waits for it elsewhere
        holds no thread; ``check`` itself would wait too."""
        if not token or len(token) > LONGEST_ASSERTION:
            return None
        if reference.is_reference(token):
            return self.issuer.document_flight() if self.settings.introspect else None
        try:
            return self._publisher(token).flight(jwt.get_unverified_header(token))
        except _UNREADABLE:
            return None

    def check(self, token: str) -> Assertion:
        if not token or len(token) > LONGEST_ASSERTION:
            raise InvalidRequest("the assertion is empty or too long")
        if reference.is_reference(token):
            told = self._introspection.claims(token)
            if entry := self._service(told):
                return checks.of_service(None, told, entry, self.settings, time.time())
            return checks.of_introspection(told, self.settings, time.time())
        header, told = self._signed(token)
        if entry := self._service(told):
            return checks.of_service(header, told, entry, self.settings, time.time())
        return checks.of_jwt(header, told, self.settings, time.time())

    def use_up(self, assertion: Assertion) -> None:
        """An assertion minted for the jwt-bearer grant counts once; any other until it expires."""
        if assertion.kind is not Kind.ONE_TIME:
            return
        until = assertion.expires + self.settings.leeway
        issuer = str(assertion.claims.get("iss", self.settings.issuer))
        if not self._is_first(issuer, assertion.claims["jti"], until):
            raise InvalidGrant("the assertion was used before (`jti`)")

    def whose(self, assertion: Assertion) -> Person:
        """Whoever the assertion is of: a person, or a service that the roles file names."""
        entry = assertion.service
        if entry is None:
            return self.person(assertion.claims)
        return Person(
            issuer=str(assertion.claims.get("iss", self.settings.issuer)),
            username=entry.username,
            first_name=entry.name,
            last_name=services.LAST_NAME,
            email="",
            roles=entry.roles,
            # The file was read just now: an older token than the last gives no older roles.
            issued=int(time.time()),
            is_service=True,
        )

    def person(self, claims: Mapping[str, Any]) -> Person:
        username = claims.get(self.settings.username_claim)
        if not isinstance(username, str) or not username.strip():
            name = self.settings.username_claim
            raise InvalidGrant(f"the token has no `{name}` ([dagpass_auth] username_claim)")
        if services.is_of_a_service(username):
            raise AccessDenied(f"a name that begins with `{services.PREFIX}` is no person's")
        mapping = self.roles.current()
        named = groups(claims, mapping.claim)
        if named is None:
            raise AccessDenied(f"the token says nothing of your groups (`{mapping.claim}`)")
        return Person(
            issuer=self.settings.issuer,
            username=username,
            first_name=_text(claims, "given_name") or _text(claims, "name"),
            last_name=_text(claims, "family_name"),
            email=_text(claims, "email"),
            roles=tuple(mapping.of(named)),
            issued=_issued(claims),
        )

    def _service(self, claims: Mapping[str, Any]) -> services.Entry | None:
        mapping, username = self.roles.current(), self.settings.username_claim
        personal = {username} - {"sub"}
        if groups(claims, mapping.claim) is not None:
            personal.add(mapping.claim.partition(".")[0] if mapping.claim not in claims else mapping.claim)
        return services.of(mapping.clients, claims, self.settings.issuer, personal)

    def _publisher(self, token: str) -> Issuer:
        """Whose keys sign it, by what it says of itself."""
        return self.others.of(_issuer_named(token)) or self.issuer

    def _signed(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        try:
            publisher = self._publisher(token)
            key = publisher.key(jwt.get_unverified_header(token))
            found = jwt.decode_complete(
                token, key, algorithms=list(self.settings.algorithms), options=_SIGNATURE_ALONE
            )
        except _UNREADABLE:
            raise InvalidGrant("the assertion is no JWT that Ping has signed") from None
        if publisher is not self.issuer and self._service(found["payload"]) is None:
            raise AccessDenied("no client of the roles file is what this token says (`sub`)")
        return found["header"], found["payload"]


def _issuer_named(token: str) -> object:
    """Not yet a reason to believe it."""
    try:
        return jwt.decode(token, options={"verify_signature": False}).get("iss")
    except _UNREADABLE:
        return None


def _issued(claims: Mapping[str, Any]) -> int:
    """Without `iat` it is as old as the sign-in, and without that older than any that says when."""
    told = (claims.get(name) for name in ("iat", "auth_time"))
    return next((int(at) for at in told if isinstance(at, (int, float)) and not isinstance(at, bool)), 0)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""
