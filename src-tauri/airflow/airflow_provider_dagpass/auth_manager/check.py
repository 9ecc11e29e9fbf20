"""``airflow dagpass check``: what would stop people from signing in, before they try."""

from __future__ import annotations

import sys
from typing import Any

from airflow.configuration import conf

from airflow_provider_dagpass.auth_manager.delay import removed_group_bites_within
from airflow_provider_dagpass.auth_manager.ping import Ping
from airflow_provider_dagpass.auth_manager.refusal import Refusal
from airflow_provider_dagpass.auth_manager.rolefile import RoleFileError, Roles
from airflow_provider_dagpass.auth_manager.services import Entry
from airflow_provider_dagpass.auth_manager.settings import SettingsError, from_airflow


def run(_args: Any) -> None:
    try:
        ping = Ping(from_airflow(conf))
        endpoint = ping.issuer.endpoint("jwks_uri")
        keys = ping.issuer.published()
    except SettingsError as error:
        sys.exit(f"error: {error}")
    except RoleFileError as error:
        sys.exit(f"error: [dagpass_auth] roles_file: {error}")
    except Refusal as refusal:
        sys.exit(f"error: {refusal.description}")
    mapping = ping.roles.current()
    print(f"issuer: {ping.settings.issuer}")
    print(f"keys: {keys} at {endpoint}")
    print(f"roles: {len(mapping.roles)} groups by `{mapping.claim}`, digest {mapping.digest}")
    for entry in mapping.clients:
        print(f"client {entry.name}: {', '.join(entry.roles)}, for {_token_of(entry)}")
    _keys_of_others(ping, mapping)
    _tell_of_roles(mapping)
    for way, seconds in removed_group_bites_within(ping.settings, conf).items():
        limit = "no limit of ours" if seconds is None else f"{seconds} s"
        print(f"a removed group bites within: {way}: {limit}")


def _token_of(entry: Entry) -> str:
    named = {"issuer": entry.issuer, "sub": entry.sub, "client_id": entry.client_id}
    told = ", ".join(f"{name} {value}" for name, value in named.items() if value)
    return f"{told}, at most {entry.max_age} s old"


def _keys_of_others(ping: Ping, mapping: Roles) -> None:
    for issuer in sorted(mapping.issuers - {ping.settings.issuer}):
        other = ping.others.of(issuer)
        try:
            keys = other.published() if other else 0
        except Refusal as refusal:
            sys.exit(f"error: [dagpass_auth] roles_file: {issuer}: {refusal.description}")
        print(f"keys: {keys} of {issuer}")


def _tell_of_roles(mapping: Roles) -> None:
    known = _roles_of_fab()
    if known is None:
        return
    if not known:
        # FAB makes its own at the API server's first start.
        print("roles of this Airflow: none yet, the API server makes them at its first start")
        return
    given = [*mapping.roles.values(), *(entry.roles for entry in mapping.clients)]
    wanted = sorted({role for roles in given for role in roles})
    missing = [role for role in wanted if role not in known]
    if missing:
        sys.exit(
            f"error: [dagpass_auth] roles_file: this Airflow has no role {_quoted(missing)}: whoever has no"
            f" other is refused; it has {_quoted(sorted(known))}"
        )
    print(f"roles of this Airflow: it has all {len(wanted)} that the file names")


def _roles_of_fab() -> set[str] | None:
    """``None`` under another auth manager, whose roles are its own business."""
    try:
        from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
        from airflow.providers.fab.auth_manager.models import Role
    except ImportError:
        return None
    from airflow.utils.session import create_session
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    if not issubclass(conf.getimport("core", "auth_manager"), FabAuthManager):
        return None
    try:
        with create_session(scoped=False) as session:
            return set(session.scalars(select(Role.name)))
    except SQLAlchemyError as error:
        sys.exit(f"error: the roles of this Airflow cannot be read ({type(error).__name__})")


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
