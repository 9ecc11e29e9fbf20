"""A page is run as it stands: what a reader would type, in its order, in a bare root with an empty home.

Of its fenced blocks `console` has commands after `$ ` and below each what it prints, `…` for what is not
said; `toml` goes into dagpass's config, `dotenv` into `.env` of the folder that the reader stands in,
`python` into the file that its first line names. The reader is a user of their own, with the system's
programs, dagpass, and real Airflow in a virtual environment; they sign in at the independent provider.
Without root it is the same in an empty folder. Standard library only.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import venvs
from reader import Reader, Root

PAGE = venvs.PACKAGE / "docs" / "five-minutes.md"
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
#: What is not said of a line, or of lines.
ANY = "…"


@dataclass(frozen=True)
class Block:
    """One fence of the page, and the line that it begins at."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    text: str
    line: int
    printed: list[str] = field(default_factory=list)


def run(version: str) -> int:
    """Every command of the page ends with 0 and prints what the page says."""
    os.environ["DAGPASS_CACHE"] = str(venvs.cache().parent)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dagpass-page-") as scratch, Provider() as provider:
        root = Root.made(version, Path(scratch))
        reader = Reader(root, provider.approve)
        try:
            fault = follow(blocks(PAGE.read_text(encoding="utf-8")), reader, provider)
        finally:
            reader.leaves()
        statuses = [call["status"] for call in provider.control("api-log")["calls"]]
    if fault is None and set(statuses) != {200}:
        fault = f"the API answered {statuses}"
    where = "a bare root" if root.is_bare else "an empty folder (a root takes root's rights)"
    end = "holds" if fault is None else f"FAILED: {fault}"
    took = time.monotonic() - started
    print(f"airflow {version}: {PAGE.name}, in {where}, after {took:.0f} s: {end}", file=sys.stderr)
    return 0 if fault is None else 1


def follow(page: list[Block], reader: Reader, provider: Provider) -> str | None:
    """Why it does not hold."""
    for block in page:
        text = provider.named(block.text)
        if block.kind == "console":
            fault = next(filter(None, (typed(one, reader) for one in commands(text, block.line))), None)
            if fault:
                return provider.without_secrets(fault)
        elif block.kind == "toml":
            reader.adds(".config/dagpass/config.toml", text)
        elif block.kind == "dotenv":
            reader.adds("project/.env", text)
        elif block.kind == "python":
            reader.adds(text.splitlines()[0].removeprefix("# ~/"), text)
        else:
            return f"line {block.line}: nobody knows how to run a block of `{block.kind}`"
    return None


def typed(command: Command, reader: Reader) -> str | None:
    code, printed = reader.types(command.text)
    missing = unsaid(command.printed, printed)
    if code == 0 and missing is None:
        return None
    what = f"ended with {code}" if code else f"did not print `{missing}`"
    return f"line {command.line}: `{command.text}` {what}:\n{printed}"


def blocks(page: str) -> list[Block]:
    """In their order; a fence inside a list is moved to the margin."""
    found = []
    for match in BLOCK.finditer(page):
        lines = match[3].splitlines(keepends=True)
        text = "".join(line[len(match[1]) :] or "\n" for line in lines)
        found.append(Block(match[2], text, page.count("\n", 0, match.start()) + 2))
    return found


def commands(text: str, first: int) -> list[Command]:
    found: list[Command] = []
    for number, line in enumerate(text.splitlines(), first):
        if line.startswith("$ "):
            found.append(Command(line[2:], number))
        else:
            found[-1].printed.append(line)
    return found


def unsaid(wanted: list[str], printed: str) -> str | None:
    """The first line of the page that was not printed, in its order; blanks of any number are one."""
    lines = iter([_plain(line) for line in printed.splitlines()])
    for line in wanted:
        parts = [part.strip() for part in _plain(line).split(ANY)]
        pattern = re.compile(".*".join(re.escape(part) for part in parts))
        if any(parts) and not any(pattern.fullmatch(one) for one in lines):
            return line
    return None


def _plain(line: str) -> str:
    return " ".join(line.split())


class Provider:
    """The independent provider of `tests/idp`: who signs people in, and the API that takes its tokens."""

    def __enter__(self) -> Provider:
        command = ["node", str(venvs.HERE.parent / "idp" / "provider.mjs"), "--family", "pingone"]
        # It ends when its standard input does: no test can leave it behind.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self._about: dict[str, Any] = json.loads(self._process.stdout.readline())
        now = int(time.time())
        claims = {"iss": self._about["issuer"], "iat": now - 9 * 86_400, "exp": now + 86_400}
        parts = (json.dumps(part).encode() for part in ({"alg": "RS256"}, claims, "of nobody"))
        self._pasted = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def named(self, text: str) -> str:
        """The page's words that are the reader's own, as this reader has them."""
        own = {
            "CLIENT-ID": self._about["client_id"],
            "ISSUER": self._about["issuer"],
            "PASTED-TOKEN": self._pasted,
            "https://warehouse.corp.example": str(self._about["api"]).split("/api/")[0],
        }
        for word, value in own.items():
            text = text.replace(word, value)
        return text

    def without_secrets(self, text: str) -> str:
        """The last lines, none that a token begins in, and nothing that was handed out."""
        told = "\n".join(
            line for line in text.splitlines()[:1] + text.splitlines()[1:][-40:] if "earer" not in line
        )
        for secret in (self._pasted, *(one["value"] for one in self.control("secrets")["secrets"])):
            told = told.replace(secret, ANY)
        return told

    def approve(self, user_code: str) -> None:
        """Somebody signs in, on whichever device, and lets the laptop in."""
        self.control("approve", {"user_code": user_code})

    def control(self, what: str, ask: dict[str, Any] | None = None) -> dict[str, Any]:
        body = None if ask is None else json.dumps(ask).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._about['control']}/{what}", body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, Any] = json.load(answer)
        return told
