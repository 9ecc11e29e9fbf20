#!/usr/bin/env python3
"""Real Airflow for the tests, a verb a part: see `--help`. Standard library only.

`dag` runs one of `dags/` under `airflow dags test` against the agent that the caller's
environment names (`DAGPASS_SOCKET`, `XDG_RUNTIME_DIR`, `XDG_STATE_HOME`, `HOME`). It starts no
agent, and its exit code is Airflow's. `rehearse` does the same against a stand-in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent))

import venvs

BACKEND = "airflow_provider_dagpass.secrets.DagpassBackend"
DAGS = ("dagpass_operator", "dagpass_hook", "dagpass_session")


def main() -> int:
    args = _arguments()
    if args.airflow == "all":
        return _side_by_side(args.command.__name__, sys.argv[2:])
    return args.command(args.airflow, args)


def _side_by_side(verb: str, words: list[str]) -> int:
    """Every version at once, each in a process of its own: half of what they do is to wait."""
    if "--airflow" in words:
        at = words.index("--airflow")
        words = words[:at] + words[at + 2 :]
    words = [word for word in words if not word.startswith("--airflow=")]
    programs = {}
    for version in venvs.VERSIONS:
        command = [sys.executable, __file__, verb, "--airflow", version, *words]
        programs[version] = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    tellers = [Thread(target=_tell, args=each) for each in programs.items()]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join()
    # One that was killed ends with less than nothing.
    return max(abs(program.wait()) for program in programs.values())


def _tell(version: str, program: subprocess.Popen[str]) -> None:
    """Line by line as they come, each by its version."""
    for line in program.stdout or ():
        print(f"{version:>4} | {line}", end="", flush=True)


def prepare(version: str, _args: argparse.Namespace) -> int:
    """Make what the other commands need, and check that Airflow sees the provider."""
    with tempfile.TemporaryDirectory(prefix="dagpass-airflow-") as scratch:
        home = venvs.airflow_home(version, Path(scratch))
        env = wired(home)
        listed = _airflow(version, env, "providers", "list", "--output", "plain", capture=True)
        if "airflow-provider-dagpass" not in (listed.stdout or ""):
            print(listed.stdout, "error: Airflow does not list the provider", file=sys.stderr)
            return 1
    return 0


def unit(version: str, args: argparse.Namespace) -> int:
    """The provider's own tests, beside this Airflow's classes."""
    with tempfile.TemporaryDirectory(prefix="dagpass-airflow-") as scratch:
        env = venvs.environment(Path(scratch)) | {
            "PYTHONPATH": str(venvs.package()),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        where = [str(venvs.HERE / "unit"), "--ignore", str(venvs.HERE / "unit" / "clients")]
        if version == venvs.WITH_CLIENTS:
            where = [str(venvs.HERE / "unit" / "clients")]
        return _pytest(version, env, *where, *args.rest)


def clients(version: str, args: argparse.Namespace) -> int:
    """The programs that take our tokens: other providers' hooks, librdkafka, `airflowctl`'s keyring."""
    return unit(version, args)


def lint(_version: str, _args: argparse.Namespace) -> int:
    """Formatting, lints and types of the provider, of these tests and of what else tests have in Python."""
    tools = venvs.lint_tools()
    config = str(venvs.PACKAGE / "pyproject.toml")
    sources = [str(venvs.PACKAGE), str(venvs.HERE), str(venvs.HERE.parent / "idp" / "django")]
    commands = [
        [
            "ruff",
            "format",
            "--quiet",
            "--check",
            "--no-cache",
            "--config",
            config,
            "--exclude",
            "*.md",
            *sources,
        ],
        ["ruff", "check", "--quiet", "--no-cache", "--config", config, *sources],
        ["mypy", "--no-error-summary", "--cache-dir", os.devnull, "--config-file", config, sources[0]],
    ]
    return max(subprocess.run([tools / name, *rest], check=False).returncode for name, *rest in commands)


def dag(version: str, args: argparse.Namespace) -> int:
    """Run one DAG against the agent of this environment."""
    with tempfile.TemporaryDirectory(prefix="dagpass-airflow-") as scratch:
        env = wired(venvs.airflow_home(version, Path(scratch))) | asked(args)
        started = time.monotonic()
        code = _airflow(version, env, "dags", "test", args.name).returncode
        took = time.monotonic() - started
        print(
            f"airflow {version}: {args.name} ended with {code} after {took:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        return code


def long(version: str, args: argparse.Namespace) -> int:
    """A job that outlives many tokens, against this environment's agent and the issuer's own count."""
    import long

    return long.long(version, args)


def live(version: str, args: argparse.Namespace) -> int:
    """What only the real agent of this environment can show; with `--figures` what it costs, alone."""
    with tempfile.TemporaryDirectory(prefix="dagpass-live-") as scratch:
        env = venvs.environment(Path(scratch)) | {
            "DAGPASS_CACHE": str(venvs.cache().parent),
            "DAGPASS_TEST_AIRFLOW": version,
            "DAGPASS_TEST_API": args.api,
            "DAGPASS_TEST_CONTROL": args.control,
            "PYTHONPATH": str(venvs.package()),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        folder, figures = venvs.HERE / "live", venvs.HERE / "live" / "test_figures.py"
        chosen = [str(figures)] if args.figures else [str(folder), "--ignore", str(figures)]
        where = ["-rP", "--basetemp", f"{scratch}/tests", *chosen]
        return _pytest(version, env, *where, *args.rest)


def rehearse(version: str, args: argparse.Namespace) -> int:
    """Every DAG against a stand-in for agent and API, and what a person is told when it refuses."""
    import rehearsal

    return rehearsal.rehearse(version, args)


def container(version: str, _args: argparse.Namespace) -> int:
    """Airflow as another uid without a network, by a door for containers: needs `DAGPASS_PROGRAM`."""
    import container as inside

    return inside.run(version)


def told(version: str, _args: argparse.Namespace) -> int:
    """What Airflow tells the agent of its runs and parses, and what it does without an agent."""
    import told

    return told.told(version)


def page(version: str, _args: argparse.Namespace) -> int:
    """`docs/five-minutes.md` as it stands, in a bare root: needs `DAGPASS_PROGRAM`."""
    import page as stands

    return stands.run(version)


def server(_version: str, args: argparse.Namespace) -> int:
    """The shared deployment's side: a real API server and the independent provider."""
    with tempfile.TemporaryDirectory(prefix="dagpass-server-") as scratch:
        env = venvs.environment(Path(scratch)) | {
            "HOME": scratch,
            "DAGPASS_CACHE": str(venvs.cache().parent),
            "PYTHONPATH": str(venvs.package()),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        where = ["--basetemp", f"{scratch}/homes", str(venvs.HERE / "server")]
        return _pytest(venvs.WITH_FAB, env, *where, *args.rest)


def layouts(version: str, args: argparse.Namespace) -> int:
    """`dagpass airflow setup` for each place where Airflow runs, on real Airflow."""
    if version == venvs.VERSIONS[0]:
        print("not run: the Astro CLI, Visual Studio Code, Docker", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="dagpass-layouts-") as scratch:
        env = venvs.environment(Path(scratch)) | {
            "DAGPASS_CACHE": str(venvs.cache().parent),
            "DAGPASS_TEST_AIRFLOW": version,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{venvs.uv_folder()}:{os.environ['PATH']}",
        }
        where = ["--basetemp", f"{scratch}/homes", str(venvs.HERE / "layouts")]
        if version != venvs.VERSIONS[0]:
            # What is written is the same: only how that Airflow takes it can differ.
            folder = where.pop()
            where += [f"{folder}/{name}.py" for name in ("test_local", "test_import")]
            where += ["-m", "each_airflow"]
        return _pytest(version, env, *where, *args.rest)


def _pytest(version: str, env: dict[str, str], *arguments: str) -> int:
    # What was said before a test hangs is seen (`-u`), and so is the line that it hangs at.
    command = [str(venvs.python(version)), "-u", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    options = ["-o", "faulthandler_timeout=180"]
    return subprocess.run([*command, *options, *arguments], env=env, check=False).returncode


def asked(args: argparse.Namespace) -> dict[str, str]:
    """What the DAGs read of their environment."""
    return {
        "DAGPASS_TEST_CONNECTION": args.connection,
        "DAGPASS_TEST_ENDPOINT": urlsplit(args.api).path or "/",
        "DAGPASS_TEST_SECONDS": str(args.seconds),
        "DAGPASS_TEST_TOKENS": str(args.tokens),
    }


def wired(home: Path) -> dict[str, str]:
    return venvs.environment(home) | {
        "AIRFLOW__SECRETS__BACKEND": BACKEND,
        "PYTHONPATH": str(venvs.package()),
    }


def _airflow(
    version: str, env: dict[str, str], *arguments: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    command = [str(venvs.python(version)), "-m", "airflow", *arguments]
    return subprocess.run(
        command,
        env=env,
        text=True,
        check=False,
        stdout=subprocess.PIPE if capture else None,
        stderr=subprocess.STDOUT if capture else None,
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True)
    verbs = (
        *(prepare, unit, clients, lint, dag, long, live),
        *(rehearse, container, server, layouts, told, page),
    )
    for command in verbs:
        sub = commands.add_parser(command.__name__, help=command.__doc__, allow_abbrev=False)
        sub.set_defaults(command=command, rest=[])
        if command is server:
            sub.set_defaults(airflow=venvs.WITH_FAB)
            sub.add_argument("rest", nargs="*", help="for pytest, after `--`")
            continue
        if command is clients:
            sub.set_defaults(airflow=venvs.WITH_CLIENTS)
            sub.add_argument("rest", nargs="*", help="for pytest, after `--`")
            continue
        if command in (lint, page):
            sub.set_defaults(airflow="3.3")
            continue
        sub.add_argument(
            "--airflow",
            choices=[*venvs.VERSIONS, "all"],
            default="3.3" if command in (dag, long, live) else "all",
        )
        if command in (unit, layouts):
            sub.add_argument("rest", nargs="*", help="for pytest, after `--`")
        if command in (dag, long, rehearse):
            sub.add_argument("--seconds", type=float, default=16, help="how long the long tasks call")
            sub.add_argument("--tokens", type=int, default=3, help="how many tokens they must have seen")
        if command is dag:
            sub.add_argument("name", choices=DAGS)
        if command is long:
            sub.add_argument("way", choices=("both", "plain"))
            sub.add_argument("--lifetime", type=float, required=True, help="seconds that a token lives")
        if command is live:
            sub.add_argument("--figures", action="store_true", help="what it costs, and nothing else")
            sub.add_argument("rest", nargs="*", help="for pytest, after `--`")
        if command in (long, live):
            sub.add_argument("--control", required=True, help="URL of the sandbox's control routes")
        if command in (dag, long, live):
            sub.add_argument(
                "--api",
                required=True,
                help="URL of the protected API; its path is called at the connection's host",
            )
            sub.add_argument(
                "--connection", default="sandbox_api", help="the conn_id that only dagpass knows"
            )
    return parser.parse_args()


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
