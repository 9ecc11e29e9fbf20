"""A person from Ping in FAB's tables: made, kept in step with the roles file, or stripped.

Decides what an account may keep. The roles file is the only source, by the groups of the person's newest
token: a role, or a FAB group, that an admin added by hand to such an account is gone with the next grant.
Whether an account is active stays the admin's own switch.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from airflow_provider_dagpass.auth_manager import order
from airflow_provider_dagpass.auth_manager.ping import Person
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied, Failed
from airflow_provider_dagpass.auth_manager.services import LAST_NAME

log = logging.getLogger(__name__)

#: How often is a first login tried that others' first logins get in the way of?
TRIES = 5
_NO_ROLE = "none of your groups has a role in this Airflow"


def admit(tables: Any, person: Person) -> Any:
    """The person's account with just the roles that their groups give. ``tables``: FAB's security manager."""
    roles = _known_roles(tables, person)
    order.remember(person.issuer, person.username, person.issued)
    account = _find(tables, person.username) or _registered(tables, person, roles)
    if person.is_service and account.last_name != LAST_NAME:
        raise AccessDenied("an account of this service's name was made by somebody else")
    if not account.is_active:
        raise AccessDenied("your account is deactivated in this Airflow")
    if order.is_newest(tables.session, person.issuer, person.username, person.issued):
        _hold(tables, account, roles)
    elif not account.roles:
        raise AccessDenied(_NO_ROLE)
    tables.update_user_auth_stat(account)
    return account


def strip(tables: Any, person: Person) -> AccessDenied:
    """Takes all roles from an account, if there is one and no newer token gave them; gives the refusal to
    raise."""
    order.remember(person.issuer, person.username, person.issued)
    account = _find(tables, person.username)
    if account is None:
        return AccessDenied(_NO_ROLE)
    if order.is_newest(tables.session, person.issuer, person.username, person.issued):
        _hold(tables, account, [])
    return AccessDenied(_NO_ROLE, subject=str(account.id))


def _known_roles(tables: Any, person: Person) -> list[Any]:
    found = {name: tables.find_role(name) for name in person.roles}
    missing = [name for name, role in found.items() if role is None]
    if missing:
        log.error("the roles file names roles that this Airflow has not: %s", ", ".join(missing))
    if len(missing) == len(found):
        # The admin's slip of the pen: nothing is known of what this person may do, so nothing is taken away.
        what = f"this Airflow has no role `{'`, `'.join(missing)}`, which is what your groups give"
        raise AccessDenied(f"{what}; its administrator sees it by `airflow dagpass check`")
    return [role for role in found.values() if role is not None]


def _find(tables: Any, username: str) -> Any:
    account = tables.find_user(username=username)
    # FAB looks without regard to case; Ping's names are exact, and two persons must not share one account.
    if account is not None and account.username != username:
        raise AccessDenied("an account of another person has the same name in other letters")
    return account


def _registered(tables: Any, person: Person, roles: list[Any]) -> Any:
    names = {"first_name": person.first_name, "last_name": person.last_name}
    nobody = f"{person.username}@email.notfound"
    for _ in range(TRIES):
        email = person.email if person.email and tables.find_user(email=person.email) is None else nobody
        # FAB wants a password: one that nobody knows.
        password = secrets.token_urlsafe(32)
        try:
            made = tables.add_user(
                username=person.username, email=email, role=roles, password=password, **names
            )
        except Exception as error:
            # Each FAB has an error of its own for a name or an address that was taken meanwhile.
            log.info("%s was not made now: %s", person.username, type(error).__name__)
            made = None
        # Of many first logins of one person at once, one makes the account.
        account = made or _find(tables, person.username)
        if account:
            return account
    raise Failed("your account could not be made")


def _hold(tables: Any, account: Any, roles: list[Any]) -> None:
    if {role.id for role in account.roles} == {role.id for role in roles} and not account.groups:
        # Nothing to write but whose word it was.
        tables.session.commit()
        return
    account.roles = roles
    account.groups = []
    if not tables.update_user(account):
        raise Failed("your roles could not be written")
