"""What went over the wire: one entry a call of an endpoint, with fingerprints in place of tokens, and
beside it the secrets themselves for the tests' scan."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import parse_qs, urlsplit

SECRET_IN_FORM = ("code", "code_verifier", "device_code", "refresh_token", "token")
SECRET_IN_ANSWER = ("access_token", "refresh_token", "id_token", "device_code")
#: Shorter than this nothing is a secret that a scan could look for.
SHORTEST = 12


class Record:
    def __init__(self) -> None:
        self.calls: list[dict] = []
        self.secrets: dict[str, str] = {}

    def keep(self, request, response) -> None:
        form = request.POST if request.method == "POST" else {}
        answer = answered(response)
        for name in SECRET_IN_FORM:
            self.secret(f"sent {name}", form.get(name))
        for name in SECRET_IN_ANSWER:
            self.secret(name, answer.get(name))
        location = response.get("Location", "")
        self.secret("authorization code", *parse_qs(urlsplit(location).query).get("code", []))
        presented = form.get("refresh_token") or form.get("token")
        self.calls.append(
            {
                "path": request.path,
                "method": request.method,
                "grant": form.get("grant_type", "").split(":")[-1],
                "client": form.get("client_id"),
                "scope": form.get("scope"),
                "pkce": "code_verifier" in form,
                "presented": presented and fingerprint(presented),
                "issued": answer.get("refresh_token") and fingerprint(answer["refresh_token"]),
                "status": response.status_code,
                "error": answer.get("error"),
            }
        )

    def secret(self, kind: str, *values: str | None) -> None:
        for value in values:
            if isinstance(value, str) and len(value) >= SHORTEST:
                self.secrets[value] = kind


def fingerprint(text: str) -> str:
    """The first 16 hex digits of a SHA-256: enough to tell tokens apart, useless to anyone else."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def answered(response) -> dict:
    if "json" not in response.get("Content-Type", ""):
        return {}
    body = json.loads(response.content or "{}")
    return body if isinstance(body, dict) else {}
