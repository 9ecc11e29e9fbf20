"""What is asked of a token besides its signature. A function of header, claims and the time.

Decides what kind of token it is and for whom, by the specifications' own words. The signature was
checked before (or Ping has vouched by introspection); nothing here looks at a key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from airflow_provider_dagpass.auth_manager.refusal import Expired, InvalidGrant, SignInTooOld, quoted
from airflow_provider_dagpass.auth_manager.services import Entry
from airflow_provider_dagpass.auth_manager.settings import Settings

Claims = Mapping[str, Any]

#: RFC 9068 §2.1, with and without the prefix that RFC 7515 §4.1.9 lets go.
_ACCESS_TOKEN_TYPES = ("at+jwt", "application/at+jwt")
#: What a JWT may call itself; anything else (`logout+jwt`, `dpop+jwt`, …) was minted for another use.
_PLAIN_TYPES = ("", "jwt", "application/jwt")


class Kind(Enum):
    ACCESS_TOKEN = "access_token"
    ID_TOKEN = "id_token"
    #: Minted for the jwt-bearer grant: counts once.
    ONE_TIME = "one_time"
    #: Opaque to all but Ping, which told us its claims.
    REFERENCE = "reference"


@dataclass(frozen=True)
class Assertion:
    """A token that stood every check."""

    kind: Kind
    claims: Claims
    #: Whole seconds since 1970.
    expires: int
    client: str
    #: The entry of ``clients`` that it is of; ``None``: a person's.
    service: Entry | None = None


def of_jwt(header: Claims, claims: Claims, settings: Settings, now: float) -> Assertion:
    if "crit" in header:
        raise InvalidGrant("the assertion has critical headers that are not known here")
    _issuer(claims, settings, absent_is_good=False)
    kind = _kind(header, claims, settings)
    _allowed(kind, settings)
    if kind is Kind.ID_TOKEN:
        # Its audience is the client itself (OpenID Connect Core §2).
        _audience(claims, settings.clients)
    elif kind is Kind.ACCESS_TOKEN:
        _audience(claims, settings.audience)
    elif not isinstance(claims.get("jti"), str) or not claims["jti"]:
        raise InvalidGrant("an assertion minted for this grant needs a `jti`")
    return _person_s(kind, claims, settings, now)


def of_introspection(claims: Claims, settings: Settings, now: float) -> Assertion:
    _issuer(claims, settings, absent_is_good=True)
    _allowed(Kind.REFERENCE, settings)
    if "aud" in claims or not settings.introspection_without_audience:
        _audience(claims, settings.audience)
    return _person_s(Kind.REFERENCE, claims, settings, now)


def of_service(
    header: Claims | None, claims: Claims, entry: Entry, settings: Settings, now: float
) -> Assertion:
    """Of a service or a CI job. Nobody signed in: how old the token may be is its entry's to say. ``header``:
    ``None`` of a reference token."""
    kind = Kind.REFERENCE if header is None else _kind_of_service(header, claims, settings)
    if header is not None and "iss" not in claims:
        raise InvalidGrant("the token names no issuer (`iss`)")
    if header is not None or "aud" in claims or not settings.introspection_without_audience:
        _audience(claims, settings.exchange_audience if kind is Kind.ONE_TIME else settings.audience)
    if kind is Kind.ONE_TIME and (not isinstance(claims.get("jti"), str) or not claims["jti"]):
        raise InvalidGrant("an assertion minted for this grant needs a `jti`")
    expires = _lifetime(claims, settings, now)
    if "cnf" in claims:
        raise InvalidGrant("the token is bound to a key (`cnf`) and no bearer")
    if now - _time(claims, "iat") > entry.max_age + settings.leeway:
        raise Expired(f"the token of client `{entry.name}` is older than its {entry.max_age} s")
    return Assertion(kind, claims, expires, entry.name, entry)


def check_sign_in(claims: Claims, settings: Settings, now: float) -> None:
    """Has the person signed in at Ping lately enough (RFC 9470)?"""
    if claims.get("auth_time") is None:
        if settings.accept_absent_auth_time:
            return
        raise SignInTooOld("the token does not say when you signed in (`auth_time`)", settings.max_auth_age)
    auth_time = _time(claims, "auth_time")
    if auth_time > now + settings.leeway:
        raise InvalidGrant("`auth_time` lies in the future")
    if now - auth_time > settings.max_auth_age + settings.leeway:
        raise SignInTooOld("your sign-in at Ping is too old for this Airflow", settings.max_auth_age)


def _person_s(kind: Kind, claims: Claims, settings: Settings, now: float) -> Assertion:
    client = _client(kind, claims, settings)
    expires = _lifetime(claims, settings, now)
    if "cnf" in claims:
        raise InvalidGrant("the token is bound to a key (`cnf`) and no bearer")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject:
        raise InvalidGrant("the token names no person (`sub`)")
    check_sign_in(claims, settings, now)
    return Assertion(kind, claims, expires, client)


def _kind(header: Claims, claims: Claims, settings: Settings) -> Kind:
    typ = header.get("typ", "")
    typ = typ.lower() if isinstance(typ, str) else "?"
    if _audiences(claims) & set(settings.exchange_audience):
        return Kind.ONE_TIME
    if typ in _ACCESS_TOKEN_TYPES:
        return Kind.ACCESS_TOKEN
    if typ not in _PLAIN_TYPES:
        raise InvalidGrant(f"a token of the type {quoted(typ)} is no assertion")
    # PingFederate and PingAM call both `JWT`: an ID token names neither scope nor client_id.
    is_access_token = any(name in claims for name in ("client_id", "scope", "scp"))
    return Kind.ACCESS_TOKEN if is_access_token else Kind.ID_TOKEN


def _kind_of_service(header: Claims, claims: Claims, settings: Settings) -> Kind:
    if "crit" in header:
        raise InvalidGrant("the assertion has critical headers that are not known here")
    typ = header.get("typ", "")
    typ = typ.lower() if isinstance(typ, str) else "?"
    if typ not in (*_ACCESS_TOKEN_TYPES, *_PLAIN_TYPES):
        raise InvalidGrant(f"a token of the type {quoted(typ)} is no assertion")
    is_once = bool(_audiences(claims) & set(settings.exchange_audience))
    return Kind.ONE_TIME if is_once else Kind.ACCESS_TOKEN


def _allowed(kind: Kind, settings: Settings) -> None:
    wanted = Kind.ID_TOKEN if kind is Kind.ID_TOKEN else Kind.ACCESS_TOKEN
    if wanted.value not in settings.assertion:
        name = wanted.value.replace("_", " ").replace("id ", "ID ")
        raise InvalidGrant(f"an {name} is not accepted as an assertion here")


def _issuer(claims: Claims, settings: Settings, *, absent_is_good: bool) -> None:
    if "iss" not in claims and absent_is_good:
        return
    if claims.get("iss") != settings.issuer:
        raise InvalidGrant("the token is from another issuer (`iss`)")


def _audience(claims: Claims, wanted: frozenset[str] | tuple[str, ...]) -> None:
    if not _audiences(claims) & set(wanted):
        raise InvalidGrant("the token is for another audience (`aud`)")


def _audiences(claims: Claims) -> set[str]:
    named = claims.get("aud")
    named = [named] if isinstance(named, str) else named
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        return set()
    return set(named)


def _client(kind: Kind, claims: Claims, settings: Settings) -> str:
    """Whom was it given to? Every name it gives has to be an allowed one."""
    named = [claims[name] for name in ("azp", "client_id") if name in claims]
    if not named and kind is Kind.ID_TOKEN:
        # OpenID Connect Core §3.1.3.7: with one audience, that is the client.
        named = list(_audiences(claims))
    if not named:
        raise InvalidGrant("the token names no client (`azp`, `client_id`)")
    for client in named:
        if not isinstance(client, str) or client not in settings.clients:
            raise InvalidGrant("the token was given to another client (`azp`, `client_id`)")
    return str(named[0])


def _lifetime(claims: Claims, settings: Settings, now: float) -> int:
    expires = _time(claims, "exp")
    if now > expires + settings.leeway:
        raise Expired("the token has expired")
    for name in ("nbf", "iat"):
        if name in claims and _time(claims, name) > now + settings.leeway:
            raise InvalidGrant(f"the token is not yet valid (`{name}`)")
    return int(expires)


def _time(claims: Claims, name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InvalidGrant(f"`{name}` is not a time")
    return value
