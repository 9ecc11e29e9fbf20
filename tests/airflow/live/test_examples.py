"""The example DAGs of the package, each run as it ships."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[3] / "src-tauri/airflow/airflow_provider_dagpass/example_dags"

#: In one process: Airflow takes longer to start than a DAG to run.
RUN_ALL = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    state = import_module(name).dag.test().state
    print("ENDED", name, getattr(state, "value", state))
"""


def test_each_example_runs_as_it_ships(airflow_env: dict[str, str], api: str, control: Any) -> None:
    before = len(control.calls())
    names = sorted(path.stem for path in EXAMPLES.glob("example_*.py"))
    env = airflow_env | {
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES),
        "PYTHONPATH": f"{airflow_env['PYTHONPATH']}:{EXAMPLES}",
        "DAGPASS_EXAMPLE_CONNECTION": "sandbox_api",
        "DAGPASS_EXAMPLE_TYPED": "typed_api",
        "AIRFLOW_CONN_TYPED_API": f"dagpass-http://sandbox@{api.removeprefix('http://').split('/')[0]}",
        "DAGPASS_EXAMPLE_ENDPOINT": airflow_env["DAGPASS_TEST_ENDPOINT"],
        "DAGPASS_EXAMPLE_URL": api,
    }
    command = [sys.executable, "-c", RUN_ALL, *names]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=180)
    ended = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ENDED")]
    assert ended == [[name, "success"] for name in names], (done.stdout + done.stderr)[-6000:]
    calls = control.calls()[before:]
    # Operator and hook, typed, three pages, own client, deferred; the suppliers call nothing.
    assert [call["status"] for call in calls] == [200] * 8
