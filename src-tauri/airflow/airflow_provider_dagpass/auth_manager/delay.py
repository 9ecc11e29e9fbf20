"""How long may a person go on whose group was taken away? Arithmetic on the settings alone."""

from __future__ import annotations

from typing import Any

from airflow_provider_dagpass.auth_manager.settings import LONGEST_JWT, SEEN_SECONDS, Settings

Seconds = int | None


def removed_group_bites_within(settings: Settings, conf: Any) -> dict[str, Seconds]:
    """Seconds, at the most, by the way in; ``None`` where no setting of ours ends it.

    ``api``: groups as of the last sign-in at Ping are taken until `max_auth_age`, and the JWT
    of the last grant lives on. A Ping that sends today's groups with every refresh, and any
    grant or web login without a group, bite sooner.
    """
    cached = _number(conf, "fab", "cache_ttl", 30)
    api: Seconds = None
    if not settings.accept_absent_auth_time:
        api = settings.max_auth_age + settings.leeway + SEEN_SECONDS
        if "exchange" in settings.accept:
            longest_jwt = min(LONGEST_JWT, _number(conf, "api_auth", "jwt_expiration_time", 86400))
            api = settings.max_auth_age + settings.leeway + longest_jwt + cached
    session = 60 * _number(conf, "fab", "session_max_lifetime_minutes", 0)
    web = None
    if session and not settings.accept_absent_auth_time:
        web = settings.max_auth_age + settings.leeway + session + cached
    return {"api": api, "web": web}


def _number(conf: Any, section: str, key: str, default: int) -> int:
    return int(conf.getint(section, key, fallback=default))
