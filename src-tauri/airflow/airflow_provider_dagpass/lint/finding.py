"""One thing that was looked at, in the words of ``dagpass doctor``, and which names are secrets'."""

from __future__ import annotations

import re
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
#: What a connection's extra names a secret by: it also holds headers, which every API names as it likes.
_FIELD = re.compile(
    r"(passw(or)?d|passphrase|pwd|secret|token|key|cookie|signature|credentials?|authorization|bearer)$",
    re.IGNORECASE,
)
#: Names that may well be a secret's: enough to keep what stands there out of a file, too little to accuse it.
_PERHAPS_FIELD = re.compile(
    r"passw|passphrase|pwd|secret|token|key$|cookie|signature|credential|authorization|bearer", re.IGNORECASE
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
    return is_secret_name(name) and _may_be_one(value)


def is_secret_field(name: str, value: object) -> bool:
    """As :func:`is_secret`, in the extra of a connection."""
    return bool(_FIELD.search(name)) and _may_be_one(value)


def is_perhaps_secret_field(name: str) -> bool:
    return bool(_PERHAPS_FIELD.search(name))


def _may_be_one(value: object) -> bool:
    if not isinstance(value, str):
        return False
    text = value.strip()
    return len(text) >= 4 and not text.startswith(("/", "$", "{{", "<")) and not text.isdigit()


def length(value: str) -> str:
    return f"{len(value)} characters"
