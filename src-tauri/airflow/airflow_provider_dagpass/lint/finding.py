"""One thing that was looked at, in the words of ``dagpass doctor``, and which names are secrets'."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: Words that end, or are, the name of something secret. A `password_policy` is none.
_SECRET_ENDINGS = (
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "authorization",
    "bearer",
    "credentials",
)


@dataclass(frozen=True)
class Finding:
    check: str
    verdict: str
    detail: str
    hint: str | None = None

    def shown(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def is_secret_name(name: str) -> bool:
    plain = name.lower().replace("-", "_")
    return any(plain == ending or plain.endswith(f"_{ending}") for ending in _SECRET_ENDINGS)


def is_secret(name: str, value: object) -> bool:
    """A value under such a name; a file's path, a number or a reference is no secret itself."""
    if not isinstance(value, str) or not is_secret_name(name):
        return False
    text = value.strip()
    return len(text) >= 4 and not text.startswith(("/", "$", "{{", "<")) and not text.isdigit()


def length(value: str) -> str:
    return f"{len(value)} characters"
