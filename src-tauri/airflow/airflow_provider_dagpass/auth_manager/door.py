"""The routes in front of the auth manager's own: `POST /token`, `POST /token/cli`, `GET /dagpass/roles`.

Decides by the grant what is ours. Any other request goes on byte for byte, to whatever the auth
manager does with it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse

from airflow_provider_dagpass.auth_manager.refusal import Failed, InvalidRequest, InvalidToken, Refusal

log = logging.getLogger(__name__)

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: How much of a request is read before it is somebody else's, in bytes?
LONGEST_BODY = 256 * 1024
#: RFC 6749 §5.1: nobody between may keep an answer with a token.
_NOT_KEPT = {"Cache-Control": "no-store", "Pragma": "no-cache"}

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Desk(Protocol):
    """Who answers behind the door."""

    async def granted(self, assertion: str, *, cli: bool) -> dict[str, Any]: ...

    async def roles_for(self, bearer: str) -> dict[str, Any]: ...


class Door:
    def __init__(self, app: Any, desk: Desk) -> None:
        self._app = app
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = f"{scope.get('method')} {_route(scope)}" if scope["type"] == "http" else ""
        reply: Any = self._app
        if wanted in ("POST /token", "POST /token/cli"):
            receive, ask = await _read(scope, receive)
            if ask.get("grant_type") == GRANT:
                reply = await _answered(201, self._grant(ask, cli=wanted.endswith("/cli")))
        elif wanted == "GET /dagpass/roles":
            reply = await _answered(200, self._roles(_header(scope, b"authorization")))
        await reply(scope, receive, send)

    async def _grant(self, ask: dict[str, Any], *, cli: bool) -> dict[str, Any]:
        assertion = ask.get("assertion")
        if not isinstance(assertion, str) or not assertion:
            raise InvalidRequest("`assertion` is missing")
        return await self._desk.granted(assertion, cli=cli)

    async def _roles(self, authorization: str) -> dict[str, Any]:
        scheme, _, bearer = authorization.partition(" ")
        if scheme.lower() != "bearer" or not bearer.strip():
            raise InvalidToken("a bearer token is needed")
        return await self._desk.roles_for(bearer.strip())


async def _answered(status: int, work: Awaitable[dict[str, Any]]) -> JSONResponse:
    try:
        return JSONResponse(await work, status, _NOT_KEPT)
    except Refusal as refused:
        refusal = refused
    except Exception:
        log.exception("a request to sign in by Ping failed")
        refusal = Failed("this Airflow could not answer; its log says why")
    return JSONResponse(refusal.body, refusal.status, {**_NOT_KEPT, **refusal.headers})


def _route(scope: Scope) -> str:
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/"))


def _header(scope: Scope, name: bytes) -> str:
    found = [value for key, value in scope["headers"] if key.lower() == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""


async def _read(scope: Scope, receive: Receive) -> tuple[Receive, dict[str, Any]]:
    """What is asked, and a ``receive`` that gives all of it once more."""
    messages: list[Message] = []
    body = b""
    while len(body) <= LONGEST_BODY:
        message = await receive()
        messages.append(message)
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    again = iter(messages)

    async def once_more() -> Message:
        for message in again:
            return message
        return await receive()

    return once_more, _parsed(_header(scope, b"content-type"), body)


def _parsed(kind: str, body: bytes) -> dict[str, Any]:
    try:
        if kind.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode("ascii"), strict_parsing=True))
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
