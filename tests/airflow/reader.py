"""Who reads a page: a user of their own in a bare root, one shell of a login, and nothing installed but what
the page says must be there. The root is made of this machine's programs by mounts that end with it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from login import USER_CODE

import venvs

NAME = "ada"
UID = 1000
#: How long may one command take?
COMMAND_SECONDS = 120

# $1 the root, $2 where Python comes from, $3 the kept packages; then the reader's shell. The kept packages
# are their owner's alone, hence the one privilege, to read.
INSIDE = f"""set -e
root=$1 base=$2 packages=$3; shift 3
mount --rbind /usr "$root/usr"; mount --rbind /dev "$root/dev"; mount -t proc proc "$root/proc"
if [ "$base" != /usr ]; then mkdir -p "$root$base"; mount --bind "$base" "$root$base"; fi
mount --bind "$packages" "$root/opt/airflow"
exec /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid {UID} --regid {UID} --clear-groups \\
    --inh-caps=+dac_read_search --ambient-caps=+dac_read_search -- "$@"
"""

#: The reader's machine before the page: a store without a keychain, and an environment with Airflow.
BEFORE = """
mkdir -p ~/.config/dagpass; head -c 32 /dev/urandom > ~/.config/dagpass/key
chmod 600 ~/.config/dagpass/key
printf '[store]\\nkind = "key-file"\\nkey-file = "key"\\n' > ~/.config/dagpass/config.toml
python3 -m venv --without-pip ~/venv && . ~/venv/bin/activate && cd ~/project
echo "$AIRFLOW_PACKAGES" > "$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/airflow.pth"
printf "#!$HOME/venv/bin/python\\nfrom airflow.__main__ import main\\nmain()\\n" > ~/venv/bin/airflow
chmod +x ~/venv/bin/airflow; unset AIRFLOW_PACKAGES
"""


@dataclass(frozen=True)
class Root:
    """What there is of a system. `folder` is its root, or merely holds the home where nobody may make one."""

    folder: Path
    is_bare: bool
    enter: list[str]
    packages: str

    @classmethod
    def made(cls, version: str, folder: Path) -> Root:
        ask = "import sys, sysconfig; print(sys.base_prefix); print(sysconfig.get_path('purelib'))"
        found = subprocess.check_output([str(venvs.python(version)), "-c", ask], text=True)
        base, packages = found.split()
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        is_bare = os.geteuid() == 0 and subprocess.run([*unshare, "true"], check=False).returncode == 0
        enter = [*unshare, "sh", "-c", INSIDE, "sh", str(folder), base, packages]
        root = cls(folder, is_bare, enter if is_bare else [], "/opt/airflow" if is_bare else packages)
        root._furnish()
        root._move_in(version)
        return root

    def inside(self, path: str) -> str:
        """How the reader calls it."""
        return f"/{path}" if self.is_bare else f"{self.folder}/{path}"

    def own(self, path: Path) -> None:
        if self.is_bare:
            os.chown(path, UID, UID)

    def _furnish(self) -> None:
        self.folder.chmod(0o755)
        for name in ("usr", "dev", "proc", "etc", "tmp", "opt/airflow", "opt/dagpass", "home"):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name).chmod(0o1777 if name == "tmp" else 0o755)
        (self.folder / "opt").chmod(0o755)
        for name in ("bin", "sbin", "lib", "lib64"):
            (self.folder / name).symlink_to(f"usr/{name}")
        for name in ("ld.so.cache", "hosts"):
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self.folder / "etc" / name)
        # Links into the system's own certificates, by which every program trusts.
        shutil.copytree("/etc/ssl/certs", self.folder / "etc/ssl/certs", symlinks=True)
        people = f"root:x:0:0::/root:/bin/sh\n{NAME}:x:{UID}:{UID}::/home/{NAME}:/bin/bash\n"
        (self.folder / "etc/passwd").write_text(people)
        (self.folder / "etc/group").write_text(f"root:x:0:\n{NAME}:x:{UID}:\n")
        for file in (self.folder / "etc").iterdir():
            file.chmod(0o755 if file.is_dir() else 0o644)
        (self.folder / "etc/ssl/certs").chmod(0o755)
        programs = Path(os.environ["DAGPASS_PROGRAM"]).resolve().parent
        for name in ("dagpass", "dagpass-agent"):
            shutil.copy(programs / name, self.folder / "opt/dagpass" / name)
            (self.folder / "opt/dagpass" / name).chmod(0o755)

    def _move_in(self, version: str) -> None:
        home = self.folder / "home" / NAME
        run = self.folder / "run"
        folders = (run, home, home / "airflow", home / "airflow/dags", home / "project")
        for folder in folders:
            folder.mkdir(mode=0o700)
            self.own(folder)
        # What `airflow db migrate` has made.
        venvs.airflow_home(version, home / "airflow")
        self.own(home / "airflow/airflow.db")


class Reader:
    """One shell, in which everything is typed. ``approve`` is told the code of a sign-in."""

    def __init__(self, root: Root, approve: Callable[[str], None]) -> None:
        self._root, self._approve = root, approve
        self._home = root.folder / "home" / NAME
        env = {
            "HOME": root.inside(f"home/{NAME}"),
            "USER": NAME,
            "PATH": f"{root.inside('opt/dagpass')}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": root.inside("run"),
            "AIRFLOW_PACKAGES": root.packages,
            "DO_NOT_TRACK": "1",
            "SCARF_NO_ANALYTICS": "true",
            "COLUMNS": "200",
        }
        self._shell = subprocess.Popen(
            [*root.enter, "/bin/bash", "--noprofile", "--norc"],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for line in BEFORE.strip().splitlines():
            code, printed = self.types(line)
            assert code == 0, f"`{line}` ended with {code}: {printed}"

    def types(self, command: str) -> tuple[int, str]:
        """The command's end and all that it printed; a sign-in that is asked for is done meanwhile."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        end = f"-- ended {os.urandom(8).hex()}"
        self._shell.stdin.write(f"{{ {command}\n}} < /dev/null\ncode=$?; echo; echo '{end}' $code\n")
        self._shell.stdin.flush()
        # What hangs holds the output too: the shell alone would leave it there.
        watch = threading.Timer(COMMAND_SECONDS, os.killpg, (self._shell.pid, signal.SIGKILL))
        watch.start()
        said: list[str] = []
        try:
            for line in self._shell.stdout:
                if line.startswith(end):
                    return int(line.removeprefix(end)), "".join(said)
                said.append(line)
                # A log's own ids look like a code too: only what one is asked to enter is one.
                if line.startswith("and enter") and (code := USER_CODE.search(line)):
                    self._approve(code[0])
        finally:
            watch.cancel()
        return -1, "".join(said)

    def adds(self, name: str, text: str) -> None:
        """By an editor: to the end of a file in the home, which is made where there is none."""
        path = self._home / name
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{text}" if file.tell() else text)
        self._root.own(path)

    def leaves(self) -> None:
        # What they started ends with the root; where there is none, by this.
        if self._shell.poll() is None:
            self.types("dagpass agent stop")
        assert self._shell.stdin is not None
        self._shell.stdin.close()
        self._shell.wait(timeout=30)
