"""What of a connection may be shown and written: nothing that is, holds or may well be a secret.

What is left out is named, so that a person who knows better puts it back.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from airflow_provider_dagpass.lint.finding import is_perhaps_secret_field

#: A JWT, a header's credentials, an address with userinfo or with a secret in its query.
_HIDES = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}|\b(bearer|basic)\s+\S|://\S*@"
    r"|[?&;][^=&;]*(key|code|sig|token|secret|passw|pwd|signature|credential)[^=&;]*=",
    re.IGNORECASE,
)
#: What cannot be a host with its port: the begin of a login with a password.
_LOGIN = re.compile(r"[^@\[]*:(?!\d*$)[^@]*")


class Cleaned:
    def __init__(self, secrets: dict[str, str]) -> None:
        # Each word too: the token behind `Bearer`.
        self._secrets = {word for value in secrets.values() for word in (value.strip(), *value.split())}
        self.left_out: list[str] = []

    def text(self, name: str, value: Any) -> str | None:
        if not value:
            return None
        if isinstance(value, str) and not self._hides(value):
            return value
        self.left_out.append(name)
        return None

    def port(self, value: Any) -> int | None:
        """An export may have it as text."""
        if not value:
            return None
        text = str(value).strip()
        if text.isascii() and text.isdigit() and 0 < int(text) < 65_536:
            return int(text)
        self.left_out.append("port")
        return None

    def host(self, value: Any) -> str | None:
        """Without userinfo. Of an `@` behind a `/` nobody can tell whether it ends one: then none at all."""
        if not isinstance(value, str) or "@" not in value:
            return self.text("host", value)
        scheme, separator, rest = value.rpartition("://") if value.count("://") == 1 else ("", "", value)
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        if "@" in rest[len(authority) :] and not _LOGIN.fullmatch(authority):
            self.left_out.append("host")
            return None
        return self.text("host", scheme + separator + rest.rpartition("@")[2])

    def extra(self, extra: Any, without: tuple[str, ...]) -> dict[str, Any]:
        """``without``: what is none of the hook's, whatever it holds."""
        return self._object(extra, "", without) if isinstance(extra, dict) else {}

    def _object(self, value: dict[str, Any], path: str, without: tuple[str, ...] = ()) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, inner in ((str(key), inner) for key, inner in value.items()):
            if name.lower() in without or is_perhaps_secret_field(name):
                self.left_out.append(path + name)
            elif isinstance(inner, dict):
                below = self._object(inner, f"{path}{name}.")
                if below or not inner:
                    kept[name] = below
            elif inner is not None and self._is_clean(inner):
                kept[name] = inner
            elif inner is not None:
                self.left_out.append(path + name)
        return kept

    def _is_clean(self, value: Any) -> bool:
        if isinstance(value, dict):
            names_none = not any(is_perhaps_secret_field(str(key)) for key in value)
            return names_none and all(map(self._is_clean, value.values()))
        if isinstance(value, list):
            return all(map(self._is_clean, value))
        if not isinstance(value, str):
            # Not a number, or without an end: JSON has no such thing.
            return value is None or (isinstance(value, (int, float)) and math.isfinite(value))
        if value.lstrip()[:1] in ("{", "["):
            try:
                return not self._hides(value) and self._is_clean(json.loads(value))
            except ValueError:
                return False
        return not self._hides(value)

    def _hides(self, text: str) -> bool:
        within = any(len(secret) >= 4 and secret in text for secret in self._secrets)
        return within or text.strip() in self._secrets or bool(_HIDES.search(text))
