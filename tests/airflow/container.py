"""Real Airflow as its images run it: uid 50000, group 0, the project's door mounted read-only at
`/run/dagpass`, and no network at all. Sandbox, agent and command line are the real programs beside
`$DAGPASS_PROGRAM`. Takes root and Linux namespaces; where they cannot be had, says so and passes.

It is no container engine: images, users and mounts are the kernel's own, by `unshare` and `setpriv`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import venvs

AIRFLOW_UID = 50000
STRANGER = 50001
CONNECTION = "sandbox_api"

# $1 the door, $2 what the environment was made from, $3 its packages, $4 our package, $5 Airflow's
# home, $6 the uid; then the program. All lie where another uid may not go, hence the mounts;
# and the kept packages are their owner's alone, hence the one privilege, to read. What the modes of the
# door's own folder let through is shown by the end-to-end tests, without it.
INSIDE = """set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/dagpass /run/python /run/packages /run/package /run/home
mount --bind "$1" /run/dagpass; mount -o remount,bind,ro /run/dagpass
mount --bind "$2" /run/python; mount --bind "$3" /run/packages
mount --bind "$4" /run/package; mount --bind "$5" /run/home
uid=$6; shift 6; cd /
exec setpriv --reuid "$uid" --regid 0 --clear-groups \
    --inh-caps=+dac_read_search --ambient-caps=+dac_read_search -- "$@"
"""


def run(version: str) -> int:
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "--mount", "true"], check=False).returncode:
        print("not run: another uid and namespaces of its own take root")
        return 0
    # `HOME` changes below, and the kept environments are found by it.
    os.environ["DAGPASS_CACHE"] = str(venvs.cache().parent)
    failures = []
    with tempfile.TemporaryDirectory(prefix="dagpass-container-") as scratch:
        root = Path(scratch)
        with _agent(root) as (dagpass, ledger):
            door = _up(dagpass)
            found = _connection(version, root, door, AIRFLOW_UID)
            if '"conn_id": "sandbox_api"' not in found or '"Authorization": "Bearer ' not in found.replace(
                '\\"', '"'
            ):
                failures.append(f"airflow connections get as {AIRFLOW_UID}: {_tail(found)}")
            refused = _connection(version, root, door, STRANGER)
            # 2.11's command switches every log off, and with it the reason.
            told = "agent" in refused or (version == "2.11" and "Connection not found" in refused)
            if "Bearer " in refused or not told:
                failures.append(f"airflow connections get as {STRANGER}: {_tail(refused)}")
            lines = [json.loads(line) for line in ledger.read_text().splitlines()]
        served = [line["caller"] for line in lines if line["event"] == "issue"]
        turned_away = {line["caller"]["uid"] for line in lines if line["event"] == "refused"}
        for caller in served:
            if caller["uid"] != AIRFLOW_UID or not caller["capability"].startswith("container-etl-"):
                failures.append(f"on the ledger: {caller}")
        if not served or turned_away != {STRANGER}:
            failures.append(f"on the ledger: {len(served)} served, turned away: {turned_away}")
    for failure in failures:
        print(f"airflow {version}: FAILED: {failure}")
    if not failures:
        print(f"airflow {version}: connections get as uid {AIRFLOW_UID} without a network, by the door")
    return 1 if failures else 0


@contextmanager
def _agent(root: Path) -> Iterator[tuple[list[str], Path]]:
    """A sandbox, an agent that is signed in, and a project; how to call `dagpass`, and the ledger."""
    programs = Path(os.environ["DAGPASS_PROGRAM"]).resolve().parent
    for folder in ("run", "home", "etl"):
        (root / folder).mkdir(mode=0o700)
    # It would serve for good; it ends with us.
    sandbox = subprocess.Popen(
        [str(programs / "dagpass-sandbox"), "--auto-approve", "alice"], stdout=subprocess.PIPE, text=True
    )
    assert sandbox.stdout is not None
    about = json.loads(sandbox.stdout.readline())
    (root / "store.key").write_bytes(os.urandom(32))
    (root / "store.key").chmod(0o600)
    (root / "config.toml").write_text(
        f'[store]\nkind = "key-file"\nkey-file = "{root}/store.key"\n\n'
        f'[profile.sandbox]\nissuer = "{about["issuer"]}"\nclient-id = "{about["client_id"]}"\n'
        f'scopes = ["openid", "profile"]\n\n'
        f'[connection.{CONNECTION}]\nprofile = "sandbox"\nconn-type = "http"\nhost = "https://api.example"\n'
    )
    os.environ.update(
        HOME=str(root / "home"),
        XDG_RUNTIME_DIR=str(root / "run"),
        XDG_STATE_HOME=str(root / "home/state"),
        DAGPASS_CONFIG=str(root / "config.toml"),
        DAGPASS_SOCKET=str(root / "run/agent.sock"),
    )
    dagpass = [str(programs / "dagpass")]
    try:
        subprocess.run([*dagpass, "login", "--device", "--no-open"], check=True, capture_output=True)
        yield [*dagpass, "container"], root / "home/.local/state/dagpass/ledger.jsonl"
    finally:
        subprocess.run([*dagpass, "agent", "stop"], check=False, capture_output=True)
        sandbox.kill()
        sandbox.wait()


def _up(container: list[str]) -> Path:
    root = Path(os.environ["DAGPASS_CONFIG"]).parent
    words = ["up", "--project", str(root / "etl"), "--uid", str(AIRFLOW_UID), "--connection", CONNECTION]
    said = subprocess.run([*container, *words], check=True, capture_output=True, text=True)
    return Path(said.stdout.strip())


def _connection(version: str, root: Path, door: Path, uid: int) -> str:
    """What `airflow connections get` says as this user, in there."""
    interpreter = venvs.python(version)
    # Where the environment has its packages, and which Python it was made from.
    ask = "import sys, sysconfig; print(sys.base_prefix); print(sysconfig.get_path('purelib'))"
    base, packages = subprocess.check_output([str(interpreter), "-c", ask], text=True).split()
    home = venvs.airflow_home(version, root / f"airflow-{uid}")
    for path in (home, *home.iterdir()):
        shutil.chown(path, uid, 0)
    env = _environment()
    name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    airflow = [f"/run/python/bin/{name}", "-m", "airflow", "connections", "get", CONNECTION, "-o", "json"]
    command = ["unshare", "--net", "--mount", "sh", "-c", INSIDE, "sh"]
    command += [str(door), base, packages, str(venvs.package()), str(home), str(uid), *airflow]
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.stdout


def _environment() -> dict[str, Any]:
    """An image's own variables and those of the compose override; nothing of ours."""
    there = Path("/run/home")
    settings = venvs.environment(there)
    names = ("PATH", "LANG", "DO_NOT_TRACK", "SCARF_NO_ANALYTICS")
    kept = {name: value for name, value in settings.items() if name.startswith("AIRFLOW") or name in names}
    return kept | {
        "HOME": str(there),
        "AIRFLOW__CORE__DAGS_FOLDER": "/run/home",
        "AIRFLOW__SECRETS__BACKEND": "airflow_provider_dagpass.secrets.DagpassBackend",
        "DAGPASS_SOCKET": "/run/dagpass/agent.sock",
        "PYTHONPATH": "/run/package:/run/packages",
        "LD_LIBRARY_PATH": "/run/python/lib",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _tail(text: str) -> str:
    # Never the token: what is shown of a failure is its last lines without one.
    return "\n".join(line for line in text.splitlines()[-8:] if "Bearer" not in line)
