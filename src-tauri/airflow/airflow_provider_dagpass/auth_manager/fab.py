"""``[core] auth_manager = airflow_provider_dagpass.auth_manager.fab.PingFabAuthManager``.

FAB decides what a role may do, and keeps its own logins; Ping says who somebody is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
except ImportError as error:
    from airflow.exceptions import AirflowOptionalProviderFeatureException

    raise AirflowOptionalProviderFeatureException(
        "PingFabAuthManager needs FAB: pip install 'apache-airflow-providers-fab[oauth]>=3.10'"
    ) from error

from airflow import settings as airflow_settings
from airflow.exceptions import AirflowConfigException

from airflow_provider_dagpass.auth_manager import accounts
from airflow_provider_dagpass.auth_manager.mixin import PingMixin
from airflow_provider_dagpass.auth_manager.ping import Person
from airflow_provider_dagpass.auth_manager.refusal import AccessDenied, Failed


class PingFabAuthManager(PingMixin, FabAuthManager):  # type: ignore[misc,unused-ignore]
    """FAB's auth manager that knows Ping's people."""

    def get_fastapi_app(self) -> Any:
        app = super().get_fastapi_app()
        if self.ping.settings.end_session and not hasattr(self._security_manager_class(), "dagpass_logout"):
            what = "needs SECURITY_MANAGER_CLASS = PingSecurityManager in webserver_config.py"
            raise AirflowConfigException(f"[dagpass_auth] end_session: {what}")
        return app

    def get_url_logout(self) -> str | None:
        url: str | None = super().get_url_logout()
        if url and self.ping.settings.end_session:
            return f"{url.removesuffix('/logout')}/dagpass/logout"
        return url

    def admit(self, person: Person) -> Any:
        return accounts.admit(self.security_manager, person)

    def dismiss(self, person: Person) -> AccessDenied:
        return accounts.strip(self.security_manager, person)

    def names_of(self, user: Any) -> tuple[str, list[str]]:
        return user.username, sorted(role.name for role in user.roles)

    def forget(self, subject: str) -> None:
        self.cache.pop(int(subject), None)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        if self.flask_app is None:
            raise Failed("FAB has not started")
        with self.flask_app.app_context():
            try:
                yield
            finally:
                # A thread's session is its own: what is left open here would meet the next request.
                airflow_settings.Session.remove()

    def _security_manager_class(self) -> Any:
        return self.flask_app.config.get("SECURITY_MANAGER_CLASS") if self.flask_app else None
