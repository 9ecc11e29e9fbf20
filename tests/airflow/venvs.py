"""What a run of real Airflow stands on, made once and kept: environments, the package, a database.

Everything lies under `$DAGPASS_CACHE` (else `dagpass` in the person's cache folder), each thing
under a name that carries the hash of what it was made from. Knows no DAG and no agent.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCKS = HERE / "locks"
PACKAGE = HERE.parents[1] / "src-tauri" / "airflow"
DAGS = HERE / "dags"
VERSIONS = ("3.3", "2.11")
#: Airflow as a shared deployment has it: with FAB, its OAuth, and `airflowctl`.
WITH_FAB = "3.3-fab"
#: With the providers and clients that take a token from us; of their dependencies, what those hooks need.
WITH_CLIENTS = "3.3-clients"


def python(version: str) -> Path:
    """The interpreter of an environment that holds exactly what the lock file of `version` says."""
    return interpreter(version, LOCKS / f"airflow-{version}.txt")


def interpreter(name: str, lock: Path) -> Path:
    """The same for any lock file; `name` is the environment's in the cache."""
    folder = _kept(f"venv-{name}-readable", [lock, LOCKS / "uv.txt"], lambda made: _make_venv(made, lock))
    return folder / "bin" / "python"


def lint_tools() -> Path:
    """The folder of the programs that check Python sources."""
    lock = LOCKS / "lint.txt"
    return _kept("lint", [lock, LOCKS / "uv.txt"], lambda made: _make_venv(made, lock)) / "bin"


def package() -> Path:
    """The built package with its entry points, unpacked: a folder for `PYTHONPATH`."""
    sources = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".toml", ".md", ".typed"}]
    return _kept("package", sources, _make_package)


def airflow_home(version: str, home: Path) -> Path:
    """`home`, with a migrated SQLite database of its own."""
    interpreter = python(version)
    lock = LOCKS / f"airflow-{version}.txt"
    template = _kept(f"home-{version}", [lock], lambda made: _make_home(made, interpreter))
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(template / "airflow.db", home / "airflow.db")
    return home


def environment(home: Path) -> dict[str, str]:
    """Airflow's settings for a hermetic run: nothing of the caller's own Airflow, only loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    return kept | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DO_NOT_TRACK": "1",
        "SCARF_NO_ANALYTICS": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def cache() -> Path:
    named = os.environ.get("DAGPASS_CACHE")
    if named:
        return Path(named).resolve() / "airflow"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "dagpass" / "airflow"


def _kept(name: str, made_from: list[Path], make: Callable[[Path], None]) -> Path:
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(made_from):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache() / f"{name}-{digest.hexdigest()[:12]}"
    mark = folder / ".complete"
    if mark.exists():
        return folder
    with _locked(cache() / f"{name}.lock"):
        if not mark.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            mark.touch()
    return folder


def _make_venv(folder: Path, lock: Path) -> None:
    _say(f"installing {lock.stem} from PyPI into {folder}: tests run on it")
    _uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
    install = ["pip", "install", "--quiet", "--no-deps", "--python", str(folder), "--requirement", str(lock)]
    # Once, here: otherwise each start of Airflow would read the sources anew.
    _uv(*install, "--compile-bytecode")


def _make_package(folder: Path) -> None:
    _say("building airflow-provider-dagpass")
    with tempfile.TemporaryDirectory() as scratch:
        # A copy: a build must not write into the sources.
        source = shutil.copytree(PACKAGE, Path(scratch) / "source")
        _uv(
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--python",
            sys.executable,
            "--target",
            str(folder),
            str(source),
        )


def _make_home(folder: Path, interpreter: Path) -> None:
    _say("migrating an Airflow database, once for all runs")
    command = [str(interpreter), "-m", "airflow", "db", "migrate"]
    done = subprocess.run(
        command, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stdout)
        raise SystemExit(f"error: `airflow db migrate` ended with {done.returncode}")


def _uv(*arguments: str) -> None:
    env = os.environ | {
        "UV_CACHE_DIR": str(cache() / "uv"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_CONFIG": "1",
    }
    # Another user's Airflow reads them too, and asks first what it may.
    subprocess.run([str(_uv_program()), *arguments], env=env, check=True, umask=0o022)


def uv_folder() -> Path:
    """The folder of the `uv` that the environments are made with."""
    return _uv_program().parent


def _uv_program() -> Path:
    return _kept("uv", [LOCKS / "uv.txt"], _make_uv) / "bin" / "uv"


def _make_uv(folder: Path) -> None:
    _say("installing uv from PyPI: it builds the Airflow environments in seconds")
    pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
        str(LOCKS / "uv.txt"),
    ]
    venv = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True, check=False)
    if venv.returncode == 0:
        subprocess.run([str(folder / "bin" / "python"), *pip], check=True)
        return
    # Debian's Python comes without ensurepip; its pip is a package of its own.
    done = subprocess.run([sys.executable, *pip, "--target", str(folder)], check=False)
    if done.returncode != 0:
        raise SystemExit(
            "error: this Python has neither venv nor pip\n  hint: run `apt-get install python3-venv`"
        )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(text: str) -> None:
    print(f"airflow tests: {text}", file=sys.stderr, flush=True)
