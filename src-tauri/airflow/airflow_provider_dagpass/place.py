"""Where the agent listens and which files it leaves for its clients.

Decides places; opens nothing but the small files it names. The Rust client passes the same
table, ``tests/cases/socket_places.json``.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Env = Mapping[str, str]

#: Where a container has the agent's folder mounted: the one place whose files may be another user's.
#: It lies in a folder of root's, so nobody else in the container can have made it.
MOUNT = "/run/dagpass"


def agent_sockets() -> list[str]:
    """Where to connect, in order: the environment's place alone, or where the running agent's own record
    says and then the table's (another shell may see other folders). What another machine's agent wrote
    comes last: this may be a container on the same machine, and connecting tells."""
    here, elsewhere = ([], []) if os.environ.get("DAGPASS_SOCKET") else _recorded_sockets()
    try:
        here = [*here, socket_place(current_system(), os.environ, Facts.of_this_machine())]
    except PlaceError:
        if not here and not elsewhere:
            raise
    return list(dict.fromkeys([*here, *elsewhere]))


def socket_place(system: str, env: Env, facts: Facts) -> str:
    """The table of places, pure. ``system`` is ``linux`` or ``macos``."""
    named = env.get("DAGPASS_SOCKET")
    if named:
        if not named.startswith("/"):
            raise PlaceError("not_absolute", f"`{named}` is no absolute socket path")
        return _within_limit(system, named)
    if system == "macos":
        home = _home(env, facts)
        return _within_limit(system, f"{home}/Library/Application Support/dagpass/agent.sock")
    return _within_limit(system, _linux_path(env, facts))


def mounted_capability(socket_path: str) -> str | None:
    """The file with what a container presents, where this is the socket mounted there."""
    return f"{MOUNT}/capability" if socket_path == f"{MOUNT}/agent.sock" else None


def read_mounted(path: str) -> str | None:
    """A small file of the mounted folder, whosever it is; ``None`` where there is none to trust."""
    try:
        return _read(path, mounted=True).decode("ascii")
    except (OSError, ValueError):
        return None


def state_dir() -> str:
    """The folder of the agent's files: ``connections.json`` lies here."""
    lock, old = lock_folders(current_system(), os.environ)
    used = {folder: _last_use(folder) for folder in (lock, old)}
    return chosen_state(lock, old, _noted(lock), used)


def lock_folders(system: str, env: Env) -> tuple[str, str]:
    """Where the agent's lock and record lie, whatever the shell's variables say, and where they have had
    the last release put them."""
    home = _home(env, None)
    if system == "macos":
        one = f"{home}/Library/Application Support/dagpass"
        return one, one
    lock = f"{home}/.local/state/dagpass"
    state_home = env.get("XDG_STATE_HOME", "")
    return lock, f"{state_home.rstrip('/')}/dagpass" if state_home.startswith("/") else lock


def chosen_state(lock: str, old: str, noted: str | None, used: Mapping[str, int]) -> str:
    """Where the files lie: what the agent noted, else where one wrote last, else beside the lock."""
    return noted or (old if used.get(old, 0) > used.get(lock, 0) else lock)


def known_connections() -> frozenset[str] | None:
    """The conn_ids the agent answers for, as it last wrote them; ``None`` where it never did."""
    try:
        if mounted_capability(os.environ.get("DAGPASS_SOCKET", "")) or tcp_door():
            record = json.loads(_read(f"{MOUNT}/connections.json", mounted=True))
        else:
            record = _read_json(os.path.join(state_dir(), "connections.json"))
        return frozenset(str(conn_id) for conn_id in record["connections"])
    except (OSError, ValueError, KeyError, TypeError, PlaceError):
        return None


def distrust(socket_path: str) -> str | None:
    """Why a socket may be another person's; ``None`` where it is ours. Raises where none is there."""
    about = os.lstat(socket_path)
    folder = os.stat(os.path.dirname(socket_path))
    uid = os.geteuid()
    if not stat.S_ISSOCK(about.st_mode):
        return "it is no socket"
    mounted = mounted_capability(socket_path) is not None
    if mounted and folder.st_mode & 0o022 == 0 and folder.st_uid == about.st_uid:
        # Its owner has another number inside a container than outside.
        return None
    for what, owner in (("it", about.st_uid), ("its folder", folder.st_uid)):
        if owner != uid:
            return f"{what} belongs to uid {owner}, we are {uid}"
    if folder.st_mode & 0o022:
        return f"others may write to its folder (mode {stat.S_IMODE(folder.st_mode):o})"
    return None


def tcp_door() -> tuple[str, int] | None:
    """``DAGPASS_TCP=HOST:PORT``: a door for containers, where no socket can be mounted."""
    host, _, port = os.environ.get("DAGPASS_TCP", "").rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None


def tcp_endpoint(socket_path: str) -> tuple[int, str] | None:
    """Port and capability from ``endpoint.json`` beside the socket.

    ``None`` where there is no such file, or one that anybody else can read or has written.
    """
    path = os.path.join(os.path.dirname(socket_path), "endpoint.json")
    try:
        record = _read_json(path, private=True)
        return int(record["port"]), str(record["capability"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Facts:
    """What only the system knows."""

    uid: int
    hostname: str
    #: ``/run/user/UID`` is a folder and belongs to ``uid``.
    run_user_dir_ours: bool
    #: By the user database, for where ``HOME`` is not set.
    home: str | None = None

    @classmethod
    def of_this_machine(cls) -> Facts:
        uid = os.geteuid()
        home = None if os.environ.get("HOME") else _pw_home(uid)
        return cls(uid, socket.gethostname(), _is_our_folder(f"/run/user/{uid}", uid), home)


class PlaceError(Exception):
    """There is no place: ``not_absolute``, ``path_too_long`` or ``no_home``."""

    def __init__(self, code: str, text: str, *, length: int = 0, limit: int = 0) -> None:
        super().__init__(text)
        self.code = code
        self.length = length
        self.limit = limit


def current_system() -> str:
    return "macos" if sys.platform == "darwin" else "linux"


def _linux_path(env: Env, facts: Facts) -> str:
    runtime = env.get("XDG_RUNTIME_DIR", "")
    if runtime.startswith("/"):
        return f"{runtime.rstrip('/')}/dagpass/agent.sock"
    if facts.run_user_dir_ours:
        return f"/run/user/{facts.uid}/dagpass/agent.sock"
    host = facts.hostname
    # A home folder may be shared by several machines; a name is never a path.
    folder = "localhost" if host in ("", ".", "..") else host.replace("/", "_")
    return f"{_home(env, facts)}/.local/state/dagpass/{folder}/agent.sock"


def _within_limit(system: str, path: str) -> str:
    # `sun_path` has 108 bytes (macOS 104) and the last one is the terminating zero.
    limit = 103 if system == "macos" else 107
    length = len(os.fsencode(path))
    if length > limit:
        text = f"the socket's path has {length} bytes and this system takes {limit}: {path}"
        raise PlaceError("path_too_long", text, length=length, limit=limit)
    return path


def _home(env: Env, facts: Facts | None) -> str:
    # The user database may be a slow directory server: asked only where HOME is not set.
    home = env.get("HOME") or (facts.home if facts else _pw_home(os.geteuid()))
    if not home:
        raise PlaceError("no_home", "the home folder is not known: HOME is not set")
    return home.rstrip("/")


def _recorded_sockets() -> tuple[list[str], list[str]]:
    """Of agents of this machine and of others, as their records say. They may be stale."""
    here: list[str] = []
    elsewhere: list[str] = []
    try:
        folders = lock_folders(current_system(), os.environ)
    except PlaceError:
        return here, elsewhere
    for folder in folders:
        try:
            record = _read_json(f"{folder}/agent.lock")
            recorded, host = str(record["socket"]), str(record.get("host", ""))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        if recorded.startswith("/"):
            (elsewhere if host and host != socket.gethostname() else here).append(recorded)
    return here, elsewhere


def _noted(lock: str) -> str | None:
    try:
        noted = os.fsdecode(_read(f"{lock}/state-folder")).rstrip("\n")
    except (OSError, ValueError):
        return None
    return noted if noted.startswith("/") and os.path.isdir(noted) else None


def _last_use(folder: str) -> int:
    def written(name: str) -> int:
        try:
            return os.stat(f"{folder}/{name}").st_mtime_ns
        except OSError:
            return 0

    return max(map(written, ("ledger.jsonl", "connections.json")))


def _read_json(path: str, *, private: bool = False) -> Any:
    return json.loads(_read(path, private=private))


def _read(path: str, *, private: bool = False, mounted: bool = False) -> bytes:
    # Non-blocking, so that a fifo put in the place of a file cannot hold a lookup up.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or (about.st_uid != os.geteuid() and not mounted):
            raise ValueError(f"{path} is not a file of ours")
        if about.st_mode & (0o077 if private else 0o022 if mounted else 0):
            raise ValueError(f"{path} is open to others")
        return file.read()


def _is_our_folder(path: str, uid: int) -> bool:
    try:
        about = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == uid


def _pw_home(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_dir or None
    except KeyError:
        return None
