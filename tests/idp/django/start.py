#!/usr/bin/env python3
"""Starts `provider.py` in the environment that the lock file beside it names, made first where it is
missing; `--prepare` only makes it. Standard library only: whatever Python runs the tests runs this."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    sys.path.insert(0, str(HERE.parents[1] / "airflow"))
    import venvs

    interpreter = str(venvs.interpreter("django-provider", HERE / "django-oauth-toolkit.txt"))
    if sys.argv[1:] != ["--prepare"]:
        # In place of this process: whoever started it ends the provider by its id.
        os.execv(interpreter, [interpreter, "-B", str(HERE / "provider.py"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
