"""``airflow dagpass …``. Every ``airflow`` command loads this: a command's work is imported when it runs."""

from __future__ import annotations

from typing import Any


def get_commands() -> list[Any]:
    from airflow.cli.cli_config import ActionCommand, GroupCommand, lazy_load_command

    check = ActionCommand(
        name="check",
        help="Check [dagpass_auth] on this server: settings, roles file, Ping's document and keys",
        func=lazy_load_command("airflow_provider_dagpass.auth_manager.check.run"),
        args=(),
    )
    return [GroupCommand(name="dagpass", help="Sign-in by Ping", subcommands=[check])]
