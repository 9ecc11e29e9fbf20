"""A job that outlives many tokens, against the real agent and an issuer that counts.

`both`: one long-lived session with `AgentAuth` in LocalExecutor and in `airflow dags test`, the two at
once. `plain`: the secrets backend alone. Judged by the protected API's own log (no 401) and by the
issuer's (not more than 1.5 refreshes a token lifetime). Signs in at the independent provider of
`tests/idp`; starts no agent.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from login import USER_CODE, login

import run
import venvs
from executor import ENDED, LocalAirflow

#: How many refreshes may a token lifetime cost at the issuer?
MOST_REFRESHES = 1.5
SESSION, HOOK = "dagpass_session", "dagpass_hook"
#: The executor has its run, or will never have it.
_STARTED = threading.Event()


def long(version: str, args: argparse.Namespace) -> int:
    failures: list[str] = []
    _sign_in(args.control)
    parts = [_in_executor, _in_dags_test] if args.way == "both" else [_plain]
    _at_once(version, args, parts, failures)
    failures += _judge(args)
    for failure in failures:
        print(f"airflow {version}: FAILED: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _sign_in(control: str) -> None:
    with login(os.environ["DAGPASS_PROGRAM"], "--device", USER_CODE, dict(os.environ)) as code:
        approval = json.dumps({"user": "alice", "user_code": code}).encode()
        urllib.request.urlopen(f"{control}/approve", approval, timeout=30).close()


Part = Callable[[str, argparse.Namespace, "list[str]"], None]


def _at_once(version: str, args: argparse.Namespace, parts: list[Part], failures: list[str]) -> None:
    def kept(part: Part) -> None:
        try:
            part(version, args, failures)
        except (Exception, SystemExit) as error:
            failures.append(f"{part.__name__.strip('_')}: {error}")

    threads = [threading.Thread(target=kept, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _in_executor(version: str, args: argparse.Namespace, failures: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="dagpass-executor-") as scratch:
        home = venvs.airflow_home(version, Path(scratch))
        airflow = LocalAirflow(version, home, run.wired(home) | run.asked(args))
        try:
            airflow.wait()
            run_id = airflow.trigger(SESSION)
            _STARTED.set()
            state = airflow.await_state(run_id, ENDED, args.seconds + 120)
            print(f"airflow {version}: {SESSION} in LocalExecutor: {state}", file=sys.stderr, flush=True)
            if state != "success":
                failures.append(f"in LocalExecutor it ended as `{state}`\n{airflow.logs()}")
        finally:
            _STARTED.set()
            airflow.close()


def _in_dags_test(version: str, args: argparse.Namespace, failures: list[str]) -> None:
    _STARTED.wait()
    if run.dag(version, _of(args, SESSION)) != 0:
        failures.append("`airflow dags test` with a session")


def _plain(version: str, args: argparse.Namespace, failures: list[str]) -> None:
    if run.dag(version, _of(args, HOOK)) != 0:
        failures.append("`airflow dags test` with the secrets backend")


def _of(args: argparse.Namespace, name: str) -> argparse.Namespace:
    return argparse.Namespace(**{**vars(args), "name": name})


def _judge(args: argparse.Namespace) -> list[str]:
    calls = _read(f"{args.control}/api-log")
    refused = [call for call in calls if call["status"] != 200]
    times = [call["at"] / 1000 for call in calls]
    seconds = times[-1] - times[0] if times else 0.0
    refreshes = [
        call["at"] / 1000 for call in _read(f"{args.control}/log") if call["grant"] == "refresh_token"
    ]
    during = [at for at in refreshes if times and times[0] <= at <= times[-1]]
    a_lifetime = args.lifetime * (len(during) - 1) / (during[-1] - during[0]) if len(during) > 1 else 0.0
    print(
        f"{args.way}: {len(calls)} calls in {seconds:.0f} s, {len(refused)} refused, "
        f"{len({call['token'] for call in calls})} tokens of {args.lifetime:.0f} s, "
        f"{len(during)} refreshes: {a_lifetime:.2f} a token lifetime",
        flush=True,
    )
    failures = [f"the API refused a call: {call}" for call in refused[:3]]
    if seconds < args.seconds * 0.9:
        failures.append(f"the API was called for {seconds:.0f} s only")
    if not 0 < a_lifetime <= MOST_REFRESHES:
        failures.append(f"{a_lifetime:.2f} refreshes a token lifetime, at most {MOST_REFRESHES}")
    return failures


def _read(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["calls"]
        return found
