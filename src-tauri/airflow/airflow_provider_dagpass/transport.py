"""A connection to the agent: Unix socket where it works, else TCP loopback.

Decides whether the listener is ours before any capability is sent. Knows no route.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import socket
import struct
import sys
from typing import Any

from airflow_provider_dagpass import place
from airflow_provider_dagpass.errors import AgentAway, DagpassError

LOOPBACK = "127.0.0.1"
# It goes into a header.
_BASE64URL = re.compile(r"[A-Za-z0-9_=-]{1,256}")


def connect(socket_paths: list[str], deadline: Deadline) -> Wire:
    """A new connection to the first place where somebody listens, or ``AgentAway``."""
    door = place.tcp_door()
    if door is not None:
        return _to_door(door, deadline, socket_paths[0])
    tried = []
    if os.environ.get("DAGPASS_TCP") != "1":
        for path in socket_paths:
            try:
                sock = _over_socket(path, deadline)
                beside = place.mounted_capability(path)
                return Wire(sock, path, capability=place.read_mounted(beside) if beside else None)
            except TimeoutError:
                raise
            except OSError as error:
                tried.append(f"{path}: {error.strerror or error}")
    for path in socket_paths:
        endpoint = place.tcp_endpoint(path)
        if endpoint is None:
            continue
        try:
            sock = _over_tcp(endpoint[0], deadline)
            return Wire(sock, path, (LOOPBACK, endpoint[0]), endpoint[1])
        except TimeoutError:
            raise
        except OSError as error:
            tried.append(f"{LOOPBACK}:{endpoint[0]}: {error.strerror or error}")
    raise AgentAway("; ".join(tried) or f"no endpoint.json beside {socket_paths[0]}")


class Deadline:
    """Seconds left of one question, on a clock that no test freezes.

    ``freezegun`` and its like replace ``time.monotonic`` in every module; they leave the
    process's own count of elapsed ticks alone.
    """

    def __init__(self, seconds: float) -> None:
        self._end = os.times().elapsed + seconds

    def left(self) -> float:
        left = self._end - os.times().elapsed
        if left <= 0:
            raise TimeoutError
        return left

    def has_left(self, seconds: float) -> bool:
        """With as much again for the question itself: its answer is not to come too late."""
        return self._end - os.times().elapsed > seconds + 1.0


class Wire:
    """One HTTP/1.1 connection, kept between questions."""

    def __init__(
        self,
        sock: socket.socket,
        socket_path: str,
        tcp: tuple[str, int] | None = None,
        capability: str | None = None,
    ) -> None:
        self.socket_path = socket_path
        self._capability = capability
        self._sock = _TimedSocket(sock)
        # `Host` is what the agent's guard takes: `localhost` on the socket.
        self._http = http.client.HTTPConnection(*(tcp or ("localhost",)))
        # Left to itself, http.client would dial localhost:80 where a connection was closed.
        self._http.auto_open = 0
        self._http.sock = self._sock

    def request(self, path: str, body: bytes, deadline: Deadline) -> http.client.HTTPResponse:
        self._sock.deadline = deadline
        headers = {"Sec-Dagpass": "1", "Content-Type": "application/json"}
        # A capability given by `dagpass run` says who asks; it goes before the machine's own.
        capability = os.environ.get("DAGPASS_CAPABILITY") or self._capability
        if capability:
            if not _BASE64URL.fullmatch(capability):
                raise DagpassError("invalid_token", "the capability is no base64url text")
            headers["Authorization"] = f"Bearer {capability}"
        self._http.request("POST", path, body, headers)
        return self._http.getresponse()

    def close(self) -> None:
        self._http.close()
        self._sock.close()


class _TimedSocket:
    """What ``http.client`` needs of a socket, each step within the question's deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.deadline: Deadline | None = None

    def sendall(self, data: Any) -> None:
        self._limit()
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self))

    def receive_into(self, buffer: Any) -> int:
        self._limit()
        return self._sock.recv_into(buffer)

    def close(self) -> None:
        self._sock.close()

    def _limit(self) -> None:
        if self.deadline is not None:
            self._sock.settimeout(self.deadline.left())


class _Incoming(io.RawIOBase):
    """The reading side; closing it leaves the connection open."""

    def __init__(self, sock: _TimedSocket) -> None:
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._sock.receive_into(buffer)


def _over_socket(path: str, deadline: Deadline) -> socket.socket:
    why = place.distrust(path)
    if why is not None:
        raise DagpassError("access_denied", f"{path} is not to be trusted: {why}")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Blocking with the kernel's limit: a non-blocking connect gives up at once on a full queue.
        left = deadline.left()
        limit = struct.pack("@ll", int(left), int(left % 1 * 1_000_000))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        try:
            sock.connect(path)
        except BlockingIOError:
            raise TimeoutError from None
    except BaseException:
        sock.close()
        raise
    return sock


def _to_door(door: tuple[str, int], deadline: Deadline, socket_path: str) -> Wire:
    # The name was given by whoever started the container: there is nothing to check it by.
    try:
        sock = socket.create_connection(door, deadline.left())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except TimeoutError:
        raise
    except OSError as error:
        raise AgentAway(f"{door[0]}:{door[1]}: {error.strerror or error}") from None
    return Wire(sock, socket_path, door, place.read_mounted(f"{place.MOUNT}/capability"))


def _over_tcp(port: int, deadline: Deadline) -> socket.socket:
    if sys.platform == "linux" and not _listener_is_ours(port):
        raise ConnectionRefusedError("no listener of yours")
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.settimeout(deadline.left())
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect((LOOPBACK, port))
    except BaseException:
        sock.close()
        raise
    return sock


def _listener_is_ours(port: int) -> bool:
    """By the kernel's table: a port that was freed may since belong to another person."""
    # Columns: sl, local_address (hexadecimal, host byte order), rem_address, st (0A = listening),
    # queues, timers, retransmits, uid.
    address = struct.unpack("=I", socket.inet_aton(LOOPBACK))[0]
    local = f"{address:08X}:{port:04X}"
    try:
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [line.split() for line in table]
    except OSError:
        return False
    owners = {row[7] for row in rows if row[1:2] == [local] and row[3] == "0A"}
    return owners == {str(os.geteuid())}
