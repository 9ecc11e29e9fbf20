"""The web login by FAB's OAuth, for ``webserver_config.py``: Ping's claim names, and the way out.

Decides who may come in by the same claims, roles file and sign-in age as the jwt-bearer grant. PKCE, state,
nonce and the ID token's signature are authlib's.
"""

from __future__ import annotations

import logging
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

from airflow.api_fastapi.app import get_auth_manager, get_cookie_path
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.configuration import conf
from airflow.providers.fab.auth_manager.security_manager.override import FabAirflowSecurityManagerOverride
from flask import redirect, request, session
from flask_appbuilder import BaseView, expose

from airflow_provider_dagpass.auth_manager import accounts
from airflow_provider_dagpass.auth_manager.claims import check_sign_in
from airflow_provider_dagpass.auth_manager.kept import PATIENCE_SECONDS
from airflow_provider_dagpass.auth_manager.ping import Person, Ping
from airflow_provider_dagpass.auth_manager.refusal import InvalidGrant, Refusal
from airflow_provider_dagpass.auth_manager.rolefile import RoleFile
from airflow_provider_dagpass.auth_manager.services import PREFIX, is_of_a_service
from airflow_provider_dagpass.auth_manager.settings import Settings, from_airflow

log = logging.getLogger(__name__)

_PERSON = "dagpass_person"
_ID_TOKEN = "dagpass_id_token"


def roles_mapping() -> dict[str, list[str]]:
    """``AUTH_ROLES_MAPPING`` from the roles file of ``[dagpass_auth]``."""
    mapping = RoleFile(from_airflow(conf).roles_file).current()
    return {group: list(roles) for group, roles in mapping.roles.items()}


class LogoutView(BaseView):  # type: ignore[misc,unused-ignore]
    """Out of Airflow, and on to Ping's end_session_endpoint (OpenID Connect RP-Initiated Logout)."""

    route_base = "/dagpass"

    @expose("/logout")  # type: ignore[untyped-decorator,unused-ignore]
    def logout(self) -> Any:
        manager = get_auth_manager()
        where = end_session_url(manager.ping, session.pop(_ID_TOKEN, None)) or manager.get_url_login()
        session.clear()
        reply = redirect(where)
        secure = request.scheme == "https" or bool(conf.get("api", "ssl_cert", fallback=""))
        for cookie in ("session", COOKIE_NAME_JWT_TOKEN):
            reply.delete_cookie(cookie, path=get_cookie_path(), secure=secure, httponly=True)
        return reply


class PingSecurityManager(FabAirflowSecurityManagerOverride):  # type: ignore[misc,unused-ignore]
    """``SECURITY_MANAGER_CLASS`` in ``webserver_config.py``."""

    dagpass_logout = LogoutView

    def _init_auth(self) -> None:
        super()._init_auth()
        settings = from_airflow(conf)
        for remote in self.oauth_remotes.values():
            if _is_ping(remote._server_metadata_url, settings):
                # What FAB's OAuth asks Ping, it asks as the exchange does.
                remote.client_kwargs = {"default_timeout": PATIENCE_SECONDS, **remote.client_kwargs}
                if settings.ca_file:
                    remote.client_kwargs.setdefault("verify", settings.ca_file)
                    remote.client_cls = _keeps_its_ca_file(remote.client_cls)

    def register_views(self) -> None:
        super().register_views()
        self.appbuilder.add_view_no_menu(LogoutView())

    def get_oauth_user_info(self, provider: str, resp: dict[str, Any]) -> dict[str, Any]:
        signed = resp.get("userinfo") or {}
        ping: Ping = get_auth_manager().ping
        if signed.get("iss") != ping.settings.issuer:
            found: dict[str, Any] = super().get_oauth_user_info(provider, resp)
            return found
        try:
            check_sign_in(signed, ping.settings, time.time())
            person = ping.person(_claims(signed, self.oauth_remotes[provider].userinfo()))
        except Refusal as refusal:
            log.warning("web login refused: %s", refusal)
            return {}
        return {"username": person.username, _PERSON: person}

    def auth_user_oauth(self, userinfo: dict[str, Any], rotate_session_id: bool = True) -> Any:
        person = userinfo.get(_PERSON)
        if is_of_a_service(str((userinfo or {}).get("username", ""))):
            log.warning("web login refused: a name that begins with `%s` is no person's", PREFIX)
            return None
        if not isinstance(person, Person):
            return super().auth_user_oauth(userinfo, rotate_session_id) if userinfo else None
        try:
            if not person.roles:
                raise accounts.strip(self, person)
            user = accounts.admit(self, person)
        except Refusal as refusal:
            log.warning("web login refused: %s", refusal)
            return None
        if rotate_session_id:
            self._rotate_session_id()
        return user

    def set_oauth_session(self, provider: str, oauth_response: dict[str, Any]) -> None:
        super().set_oauth_session(provider, oauth_response)
        in_database = conf.get("fab", "session_backend", fallback="securecookie") == "database"
        if in_database and get_auth_manager().ping.settings.end_session:
            # A cookie holds 4 kB, and the person could read it: only where the session is ours.
            session[_ID_TOKEN] = oauth_response.get("id_token")


def end_session_url(ping: Ping, id_token: str | None) -> str | None:
    """Where Ping ends the person's session there; ``None`` where Ping does not say."""
    try:
        endpoint = ping.issuer.endpoint("end_session_endpoint")
    except Refusal as refusal:
        log.warning("logout stays in Airflow: %s", refusal)
        return None
    ask = {
        "client_id": ping.settings.client_id,
        "id_token_hint": id_token,
        "post_logout_redirect_uri": ping.settings.post_logout_redirect_uri,
    }
    query = urlencode({name: value for name, value in ask.items() if value})
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}" if query else endpoint


def _keeps_its_ca_file(session: Any) -> Any:
    """To ``requests``, ``$REQUESTS_CA_BUNDLE`` goes before a session's own file, and an argument first."""

    class Session(session):  # type: ignore[misc,unused-ignore]
        def request(self, *arguments: Any, **options: Any) -> Any:
            return super().request(*arguments, **{"verify": self.verify, **options})

    return Session


def _is_ping(metadata_url: str | None, settings: Settings) -> bool:
    """By the host: another provider beside Ping has certificates of its own."""
    places = (settings.issuer, settings.discovery_url)
    return bool(metadata_url) and urlsplit(metadata_url).netloc in {urlsplit(at).netloc for at in places}


def _claims(signed: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """The ID token's claims, and what only the UserInfo endpoint knows (OpenID Connect Core §5.3.2)."""
    if told.get("sub") != signed.get("sub"):
        raise InvalidGrant("ID token and UserInfo are of two persons (`sub`)")
    return {**told, **signed}
