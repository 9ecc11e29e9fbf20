"""Puts a pure wheel into the interpreter that runs this, or takes a package out of it again: `place.py put
WHEEL`, `place.py take NAME`. Standard library only; no index, no build, no other package is touched.

As installers do it (the specification "Recording installed projects"): every file stands in RECORD with its
digest, INSTALLER says who it was, and whatever manages packages here can take it out by that.
"""

import base64
import hashlib
import os
import sys
import sysconfig
import zipfile
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

SITE = Path(sysconfig.get_path("purelib"))


def main() -> None:
    verb, what = sys.argv[1:]
    managed = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    if sys.prefix == sys.base_prefix and managed.exists():
        sys.exit("this Python is the system's (EXTERNALLY-MANAGED): give Airflow a virtual environment")
    if verb == "put":
        put(Path(what))
    else:
        take(what)


def put(path: Path) -> None:
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if not name.endswith("/")]
        info = next(name for name in names if name.endswith(".dist-info/METADATA")).rpartition("/")[0]
        if not all(is_inside(name) for name in names):
            sys.exit("the wheel names a file outside of its folder")
        take(path.name.split("-")[0])
        written: list[str] = []
        try:
            for name in names:
                if name != f"{info}/RECORD":
                    write(name, wheel.read(name), written)
            write(f"{info}/INSTALLER", b"dagpass\n", written)
            rows = [*(row(name) for name in written), f"{info}/RECORD,,\n"]
            write(f"{info}/RECORD", "".join(rows).encode(), written)
        except BaseException:
            remove(SITE / name for name in written)
            raise


def take(name: str) -> None:
    """Whoever put it there: by its RECORD, and of that only what lies below this Python's own folder."""
    try:
        found = metadata.distribution(name.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return
    if found.files is None:
        sys.exit(f"{name} was put here without a RECORD: take it out by what put it there")
    paths = [Path(str(found.locate_file(file))) for file in found.files]
    remove(path for path in paths if is_inside(os.path.relpath(path, SITE)))


def remove(paths: Iterable[Path]) -> None:
    folders = set()
    for path in paths:
        caches = [] if path.suffix != ".py" else path.parent.glob(f"__pycache__/{path.stem}.*.pyc")
        for file in (path, *caches):
            file.unlink(missing_ok=True)
            folders.update(folder for folder in file.parents if SITE in folder.parents)
    for folder in sorted(folders, key=lambda folder: -len(folder.parts)):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def write(name: str, content: bytes, written: list[str]) -> None:
    path = SITE / name
    path.parent.mkdir(parents=True, exist_ok=True)
    written.append(name)
    path.write_bytes(content)


def row(name: str) -> str:
    content = (SITE / name).read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def is_inside(name: str) -> bool:
    return not os.path.isabs(name) and ".." not in Path(name).parts


if __name__ == "__main__":
    main()
