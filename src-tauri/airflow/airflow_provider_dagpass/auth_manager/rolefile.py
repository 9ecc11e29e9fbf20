"""``airflow-roles.json``: which group and which client is which Airflow role. For server and command line.

Decides what a valid file is and when it is read again. Grants nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeGuard

from airflow_provider_dagpass.auth_manager import services

log = logging.getLogger(__name__)

VERSION = 1


class RoleFileError(Exception):
    """What is wrong with the file."""


@dataclass(frozen=True)
class Roles:
    claim: str
    roles: dict[str, tuple[str, ...]]
    clients: tuple[services.Entry, ...]
    #: As they stand in the file, for whoever asks what is in force.
    clients_told: dict[str, Any]
    #: SHA-256 of the content as canonical JSON: the same for the same meaning.
    digest: str

    @property
    def issuers(self) -> frozenset[str]:
        """Those that clients have of their own."""
        return frozenset(entry.issuer for entry in self.clients if entry.issuer)

    def of(self, groups: Iterable[str]) -> list[str]:
        """The roles of a person in these groups, in the file's order."""
        mine = set(groups)
        return list(
            dict.fromkeys(role for group, roles in self.roles.items() if group in mine for role in roles)
        )


def parse(text: str) -> Roles:
    try:
        # RFC 8259 §8.1: a reader may pass over the mark that some editors write.
        content = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_no_name_twice)
    except ValueError as error:
        raise RoleFileError(f"no JSON: {error}") from None
    if not isinstance(content, dict):
        raise RoleFileError("it is no object")
    version, claim, roles = (content.get(key) for key in ("version", "claim", "roles"))
    # `True` and `1.0` are equal to 1, and of another digest.
    if type(version) is not int or version != VERSION:
        raise RoleFileError(f"`version` is not {VERSION}")
    if unknown := sorted(set(content) - {"version", "claim", "roles", "clients"}):
        raise RoleFileError(f"`{unknown[0]}` is not known")
    if not _is_name(claim):
        raise RoleFileError("`claim` is not the name of a claim")
    if not isinstance(roles, dict) or not roles:
        raise RoleFileError("`roles` names no group")
    for group, names in roles.items():
        if not _is_name(group):
            raise RoleFileError(f"group `{group}`: no name, or a space at its end")
        if not isinstance(names, list) or not names or not all(_is_name(name) for name in names):
            raise RoleFileError(f"group `{group}`: give a list of role names")
    try:
        clients = services.entries(content["clients"]) if "clients" in content else ()
    except services.EntryError as error:
        raise RoleFileError(str(error)) from None
    given = {group: tuple(names) for group, names in roles.items()}
    return Roles(claim, given, clients, content.get("clients", {}), digest(content))


def digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


class RoleFile:
    """The file on disk, read again once it changed."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = self._stamp_now()
        self._roles = self._read()

    def current(self) -> Roles:
        with self._lock:
            try:
                stamp = self._stamp_now()
                if stamp != self._stamp:
                    self._roles, self._stamp = self._read(), stamp
            except RoleFileError as error:
                # Half-written or gone: what was true a moment ago goes on, and somebody is told.
                log.error("%s; the mapping read before stays in force", error)
            return self._roles

    def _stamp_now(self) -> tuple[int, int, int]:
        try:
            found = os.stat(self._path)
        except OSError as error:
            raise RoleFileError(f"{self._path}: {error.strerror}") from None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Roles:
        try:
            with open(self._path, encoding="utf-8") as file:
                return parse(file.read())
        except (OSError, UnicodeDecodeError, RoleFileError) as error:
            raise RoleFileError(f"{self._path}: {error}") from None


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _is_name(name: Any) -> TypeGuard[str]:
    return isinstance(name, str) and name == name.strip() != ""
