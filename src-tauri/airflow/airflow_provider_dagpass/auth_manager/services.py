"""``clients`` of ``airflow-roles.json``: services and CI jobs, which no person stands behind.

Decides which entry a token is of, and what such a token has to hold. A person's rules stay as they are: no
entry is met by a token that was given to a person, unless its `sub` is written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dagpass.auth_manager.loopback import is_loopback
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied

#: How old may a token of a service be, in seconds since it was issued, where the entry does not say?
MAX_AGE = 3600
SHORTEST_AGE, LONGEST_AGE = 60, 86400
#: What a service is called in Airflow begins so, and no person's name does.
PREFIX = "service:"
#: By this an account of ours is told from one that somebody made under such a name.
LAST_NAME = "(service)"
LONGEST_NAME = 128
#: What a token says where a person is behind it (OIDC Core §2 and §5.1, RFC 7662 §2.2).
_PERSONAL = frozenset(
    {
        *("auth_time", "acr", "amr", "nonce", "sid"),
        *("username", "preferred_username", "name", "given_name", "family_name", "email"),
    }
)
_KEYS = {"issuer", "sub", "client_id", "roles", "max_age"}


class EntryError(Exception):
    """What is wrong with an entry."""


@dataclass(frozen=True)
class Entry:
    name: str
    #: ``None``: the deployment's own.
    issuer: str | None
    sub: str | None
    client_id: str | None
    roles: tuple[str, ...]
    max_age: int

    @property
    def username(self) -> str:
        return PREFIX + self.name

    def is_met_by(self, claims: Mapping[str, Any], own_issuer: str, personal: Iterable[str] = ()) -> bool:
        """``personal``: what else a person's token says here."""
        if claims.get("iss", own_issuer) != (self.issuer or own_issuer):
            return False
        if self.client_id is not None and not _is_given_to(claims, self.client_id):
            return False
        if self.sub is not None:
            return bool(claims.get("sub") == self.sub)
        # RFC 9068 §2.2: where no person is involved, `sub` is the client's own id; some leave it out, and
        # some leave it out of a person's token as well.
        if any(name in claims for name in _PERSONAL.union(personal)):
            return False
        return bool(claims.get("sub", self.client_id) == self.client_id)


def entries(found: Any) -> tuple[Entry, ...]:
    """Of the file's ``clients``."""
    if not isinstance(found, dict) or not found:
        raise EntryError("`clients` names none: leave it out")
    made = tuple(_entry(name, told) for name, told in found.items())
    met: dict[tuple[str | None, ...], str] = {}
    names: dict[str, str] = {}
    for entry in made:
        # FAB looks for an account without regard to case.
        other = names.setdefault(entry.name.casefold(), entry.name)
        if other != entry.name:
            raise EntryError(f"clients `{other}` and `{entry.name}` are one name in other letters")
        before = met.setdefault((entry.issuer, entry.sub, entry.client_id), entry.name)
        if before != entry.name:
            raise EntryError(f"clients `{before}` and `{entry.name}` are one: the same token is of both")
    return made


def of(
    found: tuple[Entry, ...], claims: Mapping[str, Any], own_issuer: str, personal: Iterable[str] = ()
) -> Entry | None:
    """The one that asks for most of the token, if any is met. Of two that ask for as much, neither is it."""
    met = [entry for entry in found if entry.is_met_by(claims, own_issuer, personal)]
    met.sort(key=_asked, reverse=True)
    if len(met) > 1 and _asked(met[0]) == _asked(met[1]):
        raise AccessDenied(f"clients `{met[0].name}` and `{met[1].name}` are both what this token says")
    return met[0] if met else None


def is_of_a_service(username: str) -> bool:
    """FAB's names are one in any letters."""
    return username.casefold().startswith(PREFIX)


def _asked(entry: Entry) -> int:
    return (entry.sub is not None) + (entry.client_id is not None)


def _entry(name: str, told: Any) -> Entry:
    if not _is_name(name):
        raise EntryError(f"client `{name}`: no name, or a space at its end")
    if len(name) > LONGEST_NAME:
        raise EntryError(f"client `{name[:16]}…`: a name of more than {LONGEST_NAME} characters")
    if not isinstance(told, dict):
        raise EntryError(f"client `{name}` is no object")
    if unknown := sorted(set(told) - _KEYS):
        raise EntryError(f"client `{name}`: `{unknown[0]}` is not known")
    for key in ("issuer", "sub", "client_id"):
        if key in told and not _is_name(told[key]):
            raise EntryError(f"client `{name}`: `{key}` is empty, or has a space at an end")
    issuer, sub, client_id = (told.get(key) for key in ("issuer", "sub", "client_id"))
    if sub is None and client_id is None:
        raise EntryError(f"client `{name}`: give its `sub` or its `client_id`")
    if issuer is not None:
        _other_issuer(name, issuer, sub)
    roles = told.get("roles")
    if not isinstance(roles, list) or not roles or not all(_is_name(role) for role in roles):
        raise EntryError(f"client `{name}`: `roles` is a list of role names")
    age = told.get("max_age", MAX_AGE)
    if type(age) is not int or not SHORTEST_AGE <= age <= LONGEST_AGE:
        raise EntryError(f"client `{name}`: `max_age` is whole seconds from {SHORTEST_AGE} to {LONGEST_AGE}")
    return Entry(name, issuer, sub, client_id, tuple(roles), age)


def _other_issuer(name: str, issuer: str, sub: str | None) -> None:
    try:
        parts = urlsplit(issuer)
        host = parts.hostname or ""
    except ValueError:
        raise EntryError(f"client `{name}`: `issuer` is no address") from None
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        raise EntryError(f"client `{name}`: `issuer` is no https address")
    if sub is None:
        # A CI system's tokens are everybody's who has a repository there: the client says nothing.
        raise EntryError(f"client `{name}`: with an `issuer` of its own, give its `sub`")


def _is_given_to(claims: Mapping[str, Any], client_id: str) -> bool:
    named = [claims[name] for name in ("azp", "client_id") if name in claims]
    return bool(named) and all(one == client_id for one in named)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and name == name.strip() != ""
