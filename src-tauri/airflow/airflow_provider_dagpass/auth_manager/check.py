"""``airflow dagpass check``: what would stop people from signing in, before they try."""

from __future__ import annotations

import sys
from typing import Any

from airflow.configuration import conf

from airflow_provider_dagpass.auth_manager.delay import removed_group_bites_within
from airflow_provider_dagpass.auth_manager.ping import Ping
from airflow_provider_dagpass.auth_manager.refusal import Refusal
from airflow_provider_dagpass.auth_manager.rolefile import RoleFileError
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
    for way, seconds in removed_group_bites_within(ping.settings, conf).items():
        limit = "no limit of ours" if seconds is None else f"{seconds} s"
        print(f"a removed group bites within: {way}: {limit}")
