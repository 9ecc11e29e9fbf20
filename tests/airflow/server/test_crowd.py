"""What three workers at once make of one person and of one assertion."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from pathlib import Path

import jwt

import stage
import venvs

FIRST_LOGINS = 8


def test_of_workers_that_share_nothing_but_the_database_one_makes_the_account_and_one_lets_in(
    server: stage.ApiServer, mint: stage.Mint
) -> None:
    command = [str(venvs.python(stage.AIRFLOW)), str(Path(__file__).with_name("crowd.py"))]
    assertions = [mint.token(sub="crowd", email="crowd@corp.example") for _ in range(FIRST_LOGINS)]
    done = subprocess.run(
        [*command, *assertions], env=server.env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"firsts"')]
    assert [sum(firsts) for firsts in zip(*(one["firsts"] for one in told), strict=True)] == [1] * 40
    sessions = [
        jwt.decode(token, options={"verify_signature": False}) for one in told for token in one["tokens"]
    ]
    assert len({session["jti"] for session in sessions}) == FIRST_LOGINS
    with sqlite3.connect(server.home / "airflow.db", timeout=20) as database:
        rows = database.execute("select id, email from ab_user where username like 'crowd%'").fetchall()
    assert {(int(session["sub"]), "crowd@corp.example") for session in sessions} == set(rows)
    for one in told:
        for token in one["tokens"]:
            assert server.trigger(token) == 200
