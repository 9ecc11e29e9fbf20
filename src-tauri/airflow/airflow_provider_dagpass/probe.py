"""What an interpreter has: its version, Airflow, this package, and whether the backend can be imported.

`dagpass airflow setup` runs this file's text in the target interpreter before it writes anything there:
a backend that cannot be imported breaks every `airflow` command. Standard library only, and nothing of
this package, which may not be there.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import sys
from importlib import metadata

PACKAGE = "airflow-provider-dagpass"
FOLDER = "airflow_provider_dagpass/"
BACKEND = "airflow_provider_dagpass.secrets"


def look() -> dict[str, object]:
    return {
        "executable": sys.executable,
        "python": sys.version.split()[0],
        "airflow": _version("apache-airflow") or _version("apache-airflow-core"),
        "provider": _version(PACKAGE),
        "content": _content(),
        "editable": _editable(),
        "backend_error": _import_error(),
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _content() -> str | None:
    """SHA-256 of the package's lines in RECORD, without what Python compiled since."""
    try:
        record = metadata.distribution(PACKAGE).read_text("RECORD") or ""
    except metadata.PackageNotFoundError:
        return None
    ours = [line for line in record.splitlines() if line.startswith(FOLDER) and ".pyc" not in line]
    ours.sort(key=lambda line: line.split(",")[0])
    return hashlib.sha256("".join(f"{line}\n" for line in ours).encode()).hexdigest()


def _editable() -> bool:
    try:
        text = metadata.distribution(PACKAGE).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return False
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))


def _import_error() -> str | None:
    try:
        importlib.import_module(BACKEND)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    if sys.path[:1] == [""]:
        # `airflow` itself never sees the folder it is called in.
        del sys.path[0]
    found = look()
    # Airflow may have printed while it was imported: ours is the last line.
    print("\n" + json.dumps(found))
