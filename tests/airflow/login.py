"""`dagpass login` as a person meets it: what it shows to sign in with, and its end. Standard library only."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

USER_CODE = re.compile(r"\b[A-Z0-9]{4}-[A-Z0-9]{4}\b")
URL = re.compile(r"http://\S+(?=\n)")
#: How long may the login take once somebody has approved it?
END_SECONDS = 30


@contextmanager
def login(program: str, way: str, wanted: re.Pattern[str], env: dict[str, str]) -> Iterator[str]:
    """The first text that looks as `wanted`; it has signed in at the end."""
    command = [program, "login", way, "--no-open"]
    running = subprocess.Popen(command, env=env, text=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert running.stderr is not None
    said = ""
    while not (shown := wanted.search(said)):
        line = running.stderr.readline()
        assert line, f"nothing to sign in with came: {said}"
        said += line
    yield shown[0]
    rest = running.stderr.read()
    assert running.wait(timeout=END_SECONDS) == 0, rest
