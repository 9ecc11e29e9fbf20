"""An API that takes one token, and keeps what it was sent."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Api(ThreadingHTTPServer):
    """Takes one token; `/away` redirects to another host."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.good = "one"
        self.seen: list[tuple[str, str | None, bytes]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Api
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization")
        self.server.seen.append((self.path, token, body))
        if self.path == "/away":
            self._answer(307, Location=f"http://localhost:{self.server.server_port}/there")
        else:
            self._answer(200 if token == f"Bearer {self.server.good}" else 401)

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the test's own output."""
