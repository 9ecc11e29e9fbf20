"""A refusal on the wire: a standard's code, its status, and what a person can act on.

Never carries a token, and of an unverified one no more than a short quoted word.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """An error response as RFC 6749 §5.2 writes it."""

    status = 400
    error = "invalid_grant"

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error, "error_description": self.description}

    @property
    def headers(self) -> dict[str, str]:
        return {}

    def __str__(self) -> str:
        return f"{self.error}: {self.description}"


class InvalidGrant(Refusal):
    """The assertion is not good here."""


class Expired(InvalidGrant):
    """It was good once."""


class InvalidRequest(Refusal):
    error = "invalid_request"


class UnsupportedGrant(Refusal):
    error = "unsupported_grant_type"


class AccessDenied(Refusal):
    """The token is good, the person has no business here."""

    status = 403
    error = "access_denied"

    def __init__(self, description: str, subject: str | None = None) -> None:
        super().__init__(description)
        #: Whose account lost its roles by this, as a token's `sub` names it.
        self.subject = subject


class SignInTooOld(Refusal):
    """The person has to sign in at Ping again (RFC 9470 §3)."""

    status = 401
    error = "insufficient_user_authentication"

    def __init__(self, description: str, max_age: int) -> None:
        super().__init__(description)
        self.max_age = max_age

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Bearer error="{self.error}", max_age={self.max_age}'}


class InvalidToken(Refusal):
    """A bearer that is none (RFC 6750 §3.1)."""

    status = 401
    error = "invalid_token"

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'Bearer error="{self.error}"'}


class Failed(Refusal):
    """Not the caller's fault; the log says whose."""

    status = 500
    error = "server_error"


class PingAway(Refusal):
    """Ping did not answer, so nothing is known of the token."""

    status = 503
    error = "temporarily_unavailable"

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": "5"}


def quoted(word: object) -> str:
    """A word of an unverified token, short and harmless in a log."""
    return ascii(word)[:48]
