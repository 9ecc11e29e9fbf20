"""A person from Ping in FAB's tables: made, kept in step with the roles file, or stripped.

Decides what an account may keep. The roles file is the only source: a role, or a FAB group, that
an admin added by hand to such an account is gone with the next grant. Whether an account is
active stays the admin's own switch.
"""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask_appbuilder.exceptions import FABException

from airflow_provider_dagpass.auth_manager.ping import Person
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied, Failed

log = logging.getLogger(__name__)


def admit(tables: Any, person: Person) -> Any:
    """The person's account with just the roles that their groups give. ``tables``: FAB's security manager."""
    found = {name: tables.find_role(name) for name in person.roles}
    for name in (name for name, role in found.items() if role is None):
        log.error("role %s of the roles file is not known to this Airflow", name)
    roles = [role for role in found.values() if role is not None]
    if not roles:
        raise strip(tables, person.username)
    account = _find(tables, person.username) or _register(tables, person, roles)
    if not account.is_active:
        raise AccessDenied("your account is deactivated in this Airflow")
    _hold(tables, account, roles)
    tables.update_user_auth_stat(account)
    return account


def strip(tables: Any, username: str) -> AccessDenied:
    """Takes all roles from an account, if there is one; gives the refusal to raise."""
    what = "none of your groups has a role in this Airflow"
    account = _find(tables, username)
    if account is None:
        return AccessDenied(what)
    _hold(tables, account, [])
    return AccessDenied(what, subject=str(account.id))


def _find(tables: Any, username: str) -> Any:
    account = tables.find_user(username=username)
    # FAB looks without regard to case; Ping's names are exact, and two persons must not share one account.
    if account is not None and account.username != username:
        raise AccessDenied("an account of another person has the same name in other letters")
    return account


def _register(tables: Any, person: Person, roles: list[Any]) -> Any:
    nobody = f"{person.username}@email.notfound"
    email = person.email if person.email and tables.find_user(email=person.email) is None else nobody
    names = {"first_name": person.first_name, "last_name": person.last_name}
    # FAB wants a password: one that nobody knows.
    password = secrets.token_urlsafe(32)
    try:
        return tables.add_user(username=person.username, email=email, role=roles, password=password, **names)
    except FABException:
        # Two first grants to one person: the other one made it.
        account = _find(tables, person.username)
        if account is None:
            raise Failed("your account could not be made") from None
        return account


def _hold(tables: Any, account: Any, roles: list[Any]) -> None:
    if {role.id for role in account.roles} == {role.id for role in roles} and not account.groups:
        return
    account.roles = roles
    account.groups = []
    if not tables.update_user(account):
        raise Failed("your roles could not be written")
