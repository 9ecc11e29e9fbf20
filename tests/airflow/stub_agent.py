"""A stand-in for the agent that can misbehave on command, over a real Unix socket or TCP port.

For what the real agent never does: half an answer, a dropped connection, silence. It is a stage,
never evidence that the provider works with the agent.
"""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

Answer = Callable[["Ask"], "bytes | Iterator[bytes]"]


class Ask:
    """One request as it came over the wire."""

    def __init__(self, head: str, body: bytes, connection: int) -> None:
        self.line, *rows = head.split("\r\n")
        self.path = self.line.split()[1]
        self.headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in rows)}
        self.json: dict[str, Any] = json.loads(body) if body else {}
        #: From 1, in the order they were accepted.
        self.connection = connection


class StubAgent:
    """``answer`` gives the bytes of a reply; an empty one closes the connection unanswered,
    an iterator is sent part by part, and then the connection is closed.
    """

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        self.answer = answer
        self.asks: list[Ask] = []
        self.accepted = 0
        self._listener = listener
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    def on_socket(cls, path: str, answer: Answer) -> StubAgent:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(64)
        return cls(listener, answer)

    @classmethod
    def on_tcp(cls, answer: Answer) -> StubAgent:
        return cls(socket.create_server(("127.0.0.1", 0)), answer)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        if self._listener.fileno() >= 0:
            # Closing alone would leave the accepting thread its hold on the port.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """What a restart does to whoever kept a connection."""
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock, self.accepted), daemon=True).start()

    def _serve(self, sock: socket.socket, connection: int) -> None:
        with sock, sock.makefile("rb") as incoming:
            while True:
                try:
                    ask = _read(incoming, connection)
                    if ask is None:
                        return
                    self.asks.append(ask)
                    reply = self.answer(ask)
                    if not reply:
                        return
                    for part in reply if isinstance(reply, Iterator) else [reply]:
                        sock.sendall(part)
                    if not isinstance(reply, bytes) or _is_half(reply):
                        return
                except OSError:
                    return


def reply(status: int, body: Any, **headers: str) -> bytes:
    payload = json.dumps(body).encode()
    rows = {"Content-Type": "application/json", "Content-Length": str(len(payload)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in rows.items())
    return f"HTTP/1.1 {status} Stub\r\n{head}\r\n".encode() + payload


NOT_FOUND = reply(404, {"error": "not_found", "error_description": "no such connection"})
LOGIN_REQUIRED = reply(
    401,
    {
        "error": "login_required",
        "error_description": "profile `prod` needs you to sign in again",
        "hint": "run `dagpass login prod`",
    },
)


def http_connection(token: str, host: str = "https://warehouse.example") -> bytes:
    extra = {"Authorization": f"Bearer {token}"}
    return reply(200, {"conn_type": "http", "host": host, "extra": extra})


def _is_half(reply: bytes) -> bool:
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)\r\n", head + b"\r\n")
    return length is None or len(body) < int(length[1])


def _read(incoming: Any, connection: int) -> Ask | None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = incoming.readline()
        if not line:
            return None
        head += line
    text = head.decode().removesuffix("\r\n\r\n")
    length = re.search(r"(?i)^content-length: (\d+)", text, re.MULTILINE)
    return Ask(text, incoming.read(int(length[1]) if length else 0), connection)
