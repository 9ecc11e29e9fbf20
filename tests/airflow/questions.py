"""One Airflow that answers many questions, each in a fork of it: a start takes two seconds of a core, and
most tests are not about it.

Run by Airflow's interpreter it is the process that is asked: it imports the command line once, then answers
whoever connects to its socket. :class:`Airflow` is how a test asks. What a question brings in its
environment is seen by whatever Airflow reads when it is asked; its home is that of the start, and so is its
database, unless the question brings one of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: What names Airflow's database.
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"

#: How long may Airflow take to start on a busy machine?
START_SECONDS = 120
#: And one answer?
ANSWER_SECONDS = 180


class Airflow:
    """Begun at once and ended with :meth:`close`; several questions may be open at a time."""

    def __init__(self, python: Path, env: dict[str, str], *, runs: bool = False) -> None:
        """``runs``: what a run of a DAG leans on is made ready too, for whoever asks for several."""
        self._scratch = tempfile.TemporaryDirectory(prefix="dagpass-asked-")
        self._socket = str(Path(self._scratch.name) / "socket")
        self._log = Path(self._scratch.name) / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [str(python), __file__, self._socket, *(["runs"] if runs else [])],
                env=env,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Airflow:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        """`airflow WORDS`, with more in its environment; both its outputs, apart."""
        with self._connected() as asking:
            asking.sendall(json.dumps({"words": words, "env": env}).encode() + b"\n")
            asking.settimeout(ANSWER_SECONDS)
            with asking.makefile("rb") as answer:
                text = answer.read()
        if not text:
            raise AssertionError(f"airflow {' '.join(words)}: no answer\n{self._log.read_text()}")
        ended = json.loads(text)
        return subprocess.CompletedProcess(words, ended["code"], ended["out"], ended["err"])

    def close(self) -> None:
        """It ends with its standard input, and so with us, however we end."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait()
        # An answer that nobody waits for any more.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._scratch.cleanup()

    def _connected(self) -> socket.socket:
        end = time.monotonic() + START_SECONDS
        while True:
            asking = socket.socket(socket.AF_UNIX)
            try:
                asking.connect(self._socket)
                return asking
            except OSError:
                asking.close()
                if self._process.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"Airflow did not start\n{self._log.read_text()}") from None
                time.sleep(0.05)


def serve(path: str, *, runs: bool) -> None:
    """Answers until standard input ends."""
    # The questions are of the command line: what it leans on is read once.
    import airflow.cli.cli_parser
    import airflow.models

    airflow.cli.cli_parser.get_parser()
    if runs:
        _ready_for_runs()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(64)
    server = os.getpid()
    if os.fork() == 0:
        # Whoever waits for the end of those who ask holds nothing else.
        listening.close()
        sys.stdin.buffer.read()
        if os.getppid() == server:
            os.kill(server, signal.SIGTERM)
        os._exit(0)
    while True:
        asking, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _answer(asking)
            os._exit(0)
        asking.close()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _ready_for_runs() -> None:
    """Airflow 3 serves the tasks of `dags test` by an API within the process, which is seven of its eight
    seconds: its routes are made with the application, and with the first request that they are asked for.
    That one knows no such path, and so touches no database; whatever has a thread is made by each run."""
    importlib.import_module("airflow.cli.commands.dag_command")
    if importlib.util.find_spec("airflow.sdk") is None:
        return
    importlib.import_module("airflow.sdk.execution_time.task_runner")
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    api = httpx.ASGITransport(in_process_api_server().app)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=api, base_url="http://within") as asking:
            return await asking.get("/nothing-of-this-name")

    answer = asyncio.run(ask())
    if answer.status_code != httpx.codes.NOT_FOUND:
        raise AssertionError(f"the API of the tasks has an answer to everything: {answer.status_code}")


def _answer(asking: socket.socket) -> None:
    with asking.makefile("rb") as question:
        asked = json.loads(question.readline())
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _run(asked["words"], asked["env"], (out.fileno(), err.fileno()))
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        said = {}
        for name, file in {"out": out, "err": err}.items():
            file.seek(0)
            said[name] = file.read().decode(errors="replace")
    asking.sendall(json.dumps({"code": code, **said}).encode())


def _run(words: list[str], env: dict[str, str], outputs: tuple[int, int]) -> None:
    """`airflow WORDS`, as its own program does it; never returns."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for place, file in enumerate((nothing, *outputs)):
        os.dup2(file, place)
    os.environ.update(env)
    sys.argv = ["airflow", *words]
    code = 1
    try:
        if DATABASE in env:
            from airflow import settings

            settings.configure_vars()
            settings.configure_orm()
        from airflow.__main__ import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import atexit

        # As at the end of any program; and nothing of the one we were forked from.
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1], runs="runs" in sys.argv[2:])
