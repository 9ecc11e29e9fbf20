"""The example DAGs as Airflow loads them, with and without what they show."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import venvs

#: Loads a folder by Airflow's own DagBag: first as if the http provider were not there.
LOAD = """
import sys

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

class Gone:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("airflow.providers.http"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def load():
    found = DagBag(sys.argv[1])
    assert not found.import_errors, found.import_errors
    print("loaded", *sorted(found.dags))

gone = Gone()
sys.meta_path.insert(0, gone)
load()
sys.meta_path.remove(gone)
load()
"""
EXAMPLES = str(resources.files("airflow_provider_dagpass") / "example_dags")
ALL = sorted(path.stem for path in Path(EXAMPLES).glob("example_*.py"))
WITH_HTTP = {"example_dagpass_connection", "example_dagpass_deferrable", "example_dagpass_http_type"}


def test_examples_load_or_are_empty_and_never_an_error(tmp_path: Path) -> None:
    env = venvs.environment(tmp_path) | {"PYTHONPATH": os.environ["PYTHONPATH"]}
    command = [sys.executable, "-c", LOAD, EXAMPLES]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    told = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("loaded")]
    assert told == [[name for name in ALL if name not in WITH_HTTP], ALL]
