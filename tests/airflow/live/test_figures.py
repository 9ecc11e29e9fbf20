"""What the backend costs: a lookup, a command, and Airflow's masker. Printed, and held to a limit where
the issue sets one.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from airflow_provider_dagpass.secrets import DagpassBackend
from airflow_provider_dagpass.tokens import dagpass_token

LOOKUPS = 1000
COMMANDS = 5

#: As a task does it: Airflow's own lookup, its masker included, and the token read.
MASKED = """
import time
from airflow.sdk import Connection
from airflow.sdk.log import redact
started = time.process_time()
for _ in range(150):
    header = Connection.get("sandbox_api").extra_dejson["Authorization"]
took = time.process_time() - started
assert header not in str(redact(f"it was {header}"))
print(len(header), took)
"""


def spread(call: Callable[[], object]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    took = []
    for _ in range(LOOKUPS):
        started = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - started))
    return statistics.median(took), statistics.quantiles(took, n=100)[98]


def test_a_lookup() -> None:
    backend = DagpassBackend()
    backend.get_connection("sandbox_api")
    figures = {
        "get_connection, ours": spread(lambda: backend.get_connection("sandbox_api")),
        "get_connection, foreign id": spread(lambda: backend.get_connection("aws_default")),
        "parsing alone": spread(lambda: backend.deserialize_connection("c", '{"conn_type": "http"}')),
    }
    with dagpass_token(connection="sandbox_api") as token:
        figures["dagpass_token"] = spread(lambda: token.value)
    for what, (median, late) in figures.items():
        print(f"{what}: p50 {median:.2f} ms, p99 {late:.2f} ms")
    assert figures["get_connection, ours"][0] < 50


def test_a_command(airflow_env: dict[str, str]) -> None:
    without = {name: value for name, value in airflow_env.items() if name != "AIRFLOW__SECRETS__BACKEND"}
    took: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(COMMANDS):
        took["with"].append(_cpu_seconds(airflow_env))
        took["without"].append(_cpu_seconds(without))
    best = {name: min(times) for name, times in took.items()}
    print(
        f"`airflow version`: {best['without']:.2f} CPU-seconds without the backend, "
        f"{best['with']:.2f} with it (best of {COMMANDS})"
    )


def _cpu_seconds(env: dict[str, str]) -> float:
    """Not the wall: other programs run on this machine."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "airflow", "version"], env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_hundred_and_fifty_lookups_cost_airflow_s_masker_less_than_a_cpu_second(
    airflow_env: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MASKED], env=airflow_env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    length, seconds = done.stdout.split()[-2:]
    print(f"150 lookups of a token of {length} bytes with Airflow's masker: {float(seconds):.2f} CPU-seconds")
    assert float(seconds) < 1
