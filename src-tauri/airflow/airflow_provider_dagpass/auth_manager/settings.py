"""The section ``[dagpass_auth]``: what was typed becomes what is true, or an error that names the key.

Decides every default. Reads no file and asks no network.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_dagpass.auth_manager.loopback import is_loopback

SECTION = "dagpass_auth"
#: Asymmetric signatures alone: with `none` or HS* whoever knows the public key could sign.
ALGORITHMS = tuple(f"{family}{size}" for family in ("RS", "PS", "ES") for size in (256, 384, 512))
#: Which tokens count as an assertion?
ASSERTIONS = ("access_token", "id_token")
#: How may Ping's token be used: handed in at `/auth/token` (jwt-bearer), or sent as the bearer itself?
WAYS = ("exchange", "direct")
#: How far may the clocks of Ping and Airflow be apart, in seconds?
LEEWAY = 30
MOST_LEEWAY = 120
#: How old may a sign-in at Ping be, in seconds? A working day and its evening.
MAX_AUTH_AGE = 12 * 3600
#: How long does an Airflow JWT live at most, in seconds?
LONGEST_JWT = 3600
#: How long is a Ping bearer remembered as checked, in seconds? As long as FAB remembers a user.
SEEN_SECONDS = 30
WELL_KNOWN = "/.well-known/openid-configuration"

Read = Callable[[str], str]


class SettingsError(Exception):
    """What is wrong with the section, and with which key."""

    def __init__(self, key: str, what: str, hint: str) -> None:
        super().__init__(f"[{SECTION}] {key}: {what}; {hint}")
        self.key = key


@dataclass(frozen=True)
class Settings:
    issuer: str
    audience: tuple[str, ...]
    clients: frozenset[str]
    roles_file: str
    accept: frozenset[str]
    assertion: frozenset[str]
    algorithms: tuple[str, ...]
    leeway: int
    max_auth_age: int
    #: Does a token that does not say when the person signed in count?
    accept_absent_auth_time: bool
    username_claim: str
    #: A token for this audience was minted for the jwt-bearer grant (RFC 7523 §3): it counts once.
    exchange_audience: tuple[str, ...]
    introspect: bool
    introspection_without_audience: bool
    client_id: str
    client_secret: str = field(repr=False)
    discovery_url: str
    ca_file: str
    end_session: bool
    post_logout_redirect_uri: str


def read(get: Read, *, home: str, base_url: str) -> Settings:
    """``get(key)`` gives what was typed, "" where nothing was. ``home``: what a path is relative to."""
    issuer = _required(get, "issuer", "the `issuer` of Ping's discovery document, byte for byte")
    _web_address("issuer", issuer)
    settings = Settings(
        issuer=issuer,
        audience=_words("audience", get, "the `aud` of Ping's access tokens for this Airflow"),
        clients=frozenset(_words("clients", get, "the client ids that may sign people in here")),
        roles_file=_path(home, _required(get, "roles_file", "the path of airflow-roles.json")),
        accept=frozenset(_among("accept", get, WAYS, WAYS[:1])),
        assertion=frozenset(_among("assertion", get, ASSERTIONS, ASSERTIONS)),
        algorithms=_among("algorithms", get, ALGORITHMS, ALGORITHMS),
        leeway=_seconds("leeway", get, LEEWAY, range(MOST_LEEWAY + 1)),
        max_auth_age=_seconds("max_auth_age", get, MAX_AUTH_AGE, range(60, 30 * 86400 + 1)),
        accept_absent_auth_time=_accept_absent(get),
        username_claim=get("username_claim").strip() or "sub",
        exchange_audience=_split(get("exchange_audience")) or _token_endpoints(base_url),
        introspect=_flag("introspect", get),
        introspection_without_audience=_flag("introspection_without_audience", get),
        client_id=get("client_id").strip(),
        # What `_CMD` gives ends as the command's output does.
        client_secret=get("client_secret").rstrip("\r\n"),
        discovery_url=get("discovery_url").strip() or issuer.rstrip("/") + WELL_KNOWN,
        ca_file=_path(home, get("ca_file").strip()),
        end_session=_flag("end_session", get),
        post_logout_redirect_uri=get("post_logout_redirect_uri").strip(),
    )
    _fit_together(settings)
    return settings


def from_airflow(conf: Any) -> Settings:
    """The section as Airflow's configuration has it, with its ``_CMD`` and ``_SECRET``."""
    home = os.environ.get("AIRFLOW_HOME") or os.path.expanduser("~/airflow")

    def get(key: str) -> str:
        return str(conf.get(SECTION, key, fallback="") or "")

    return read(get, home=home, base_url=str(conf.get("api", "base_url", fallback="") or ""))


def _fit_together(settings: Settings) -> None:
    _web_address("discovery_url", settings.discovery_url)
    if settings.introspect and not (settings.client_id and settings.client_secret):
        key = "client_secret" if settings.client_id else "client_id"
        raise SettingsError(key, "not set", "introspection needs a client of its own at Ping")
    if set(settings.exchange_audience) & {*settings.audience, *settings.clients}:
        what = "names an audience that `audience` or `clients` names too"
        raise SettingsError("exchange_audience", what, "ordinary tokens would count once")


def _required(get: Read, key: str, hint: str) -> str:
    value = get(key).strip()
    if not value:
        raise SettingsError(key, "not set", f"give {hint}")
    return value


def _words(key: str, get: Read, hint: str) -> tuple[str, ...]:
    return _split(_required(get, key, hint))


def _split(text: str) -> tuple[str, ...]:
    return tuple(word for word in (part.strip() for part in text.split(",")) if word)


def _among(key: str, get: Read, known: Iterable[str], default: tuple[str, ...]) -> tuple[str, ...]:
    words = _split(get(key)) or default
    for word in words:
        if word not in known:
            raise SettingsError(key, f"`{word}` is not known", f"use some of {', '.join(known)}")
    return words


def _accept_absent(get: Read) -> bool:
    return _among("absent_auth_time", get, ("refuse", "accept"), ("refuse",)) == ("accept",)


def _seconds(key: str, get: Read, default: int, allowed: range) -> int:
    text = get(key).strip()
    if not text:
        return default
    if not text.isdecimal() or int(text) not in allowed:
        hint = f"give whole seconds from {allowed.start} to {allowed.stop - 1}"
        raise SettingsError(key, f"`{text}` is out of range", hint)
    return int(text)


def _flag(key: str, get: Read) -> bool:
    text = get(key).strip().lower()
    if text in ("", "false", "f", "0", "no"):
        return False
    if text in ("true", "t", "1", "yes"):
        return True
    raise SettingsError(key, f"`{text}` is neither", "give True or False")


def _path(home: str, text: str) -> str:
    return os.path.join(home, os.path.expanduser(text)) if text else ""


def _token_endpoints(base_url: str) -> tuple[str, ...]:
    """RFC 7523 §3: the audience of an assertion for a server is its token endpoint."""
    if not urlsplit(base_url).netloc:
        return ()
    at = f"{base_url.rstrip('/')}/auth/token"
    return (at, f"{at}/cli")


def _web_address(key: str, text: str) -> None:
    """https, or http where nobody is between (loopback)."""
    parts = urlsplit(text)
    host = parts.hostname
    if host and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        return
    raise SettingsError(key, f"`{text}` is no https address", "http is for loopback alone")
