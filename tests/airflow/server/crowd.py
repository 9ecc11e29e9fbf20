"""Three workers of one deployment that share nothing but its database. Run by Airflow's own Python; its
arguments are eight first assertions of one person. FAB is started once, and each worker is a fork of it.

One line of JSON a worker: which assertion ids it was the first with, and the JWTs it gave.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

WORKERS = 3


def main(assertions: list[str]) -> None:
    from airflow import settings
    from airflow.api_fastapi.app import init_auth_manager

    manager = init_auth_manager()
    manager.get_fastapi_app()
    settings.Session.remove()
    settings.engine.dispose(close=False)
    wait, go = os.pipe()
    children = []
    for number in range(WORKERS):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.close(go)
                os.read(wait, 1)
                work(manager, assertions[number::WORKERS])
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    # All begin at once: the pipe ends for everybody.
    os.close(go)
    sys.exit(max(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))


def work(manager: Any, assertions: list[str]) -> None:
    from airflow_provider_dagpass.auth_manager.once import is_first

    def granted(assertion: str) -> str:
        answer = asyncio.run(manager.granted(assertion, cli=False))
        return str(answer["access_token"])

    with ThreadPoolExecutor(len(assertions)) as pool:
        tokens = list(pool.map(granted, assertions))
    firsts = [int(is_first("issuer", f"jti-{number}", 4e9)) for number in range(40)]
    line = json.dumps({"firsts": firsts, "tokens": tokens})
    os.write(1, f"\n{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
