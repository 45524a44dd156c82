"""A small Linux guest with real video devices, for machines that have none and let nobody load modules.

Debian's kernel and modules (see kernel.py), with busybox as the first process. The host's root is shared read-only, so
that the guest runs the very Python environment that runs the tests. Software emulation is enough: it shows function,
never timing.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kernel import Unavailable, build

HERE = Path(__file__).parent
MEMORY = "2048"  # MiB
CONSOLE, RESULTS, ERRORS = "console.log", "results.jsonl", "qemu.log"  # what the guest writes and what qemu says
STOP, ENDED, UNAVAILABLE = "stop", "ended", "unavailable"  # wishes and news of it, files in its folder
COMMON = {
    "PYTHONPATH": os.pathsep.join(str(p) for p in (HERE.parent.parent, HERE)),
    "NUMBA_CPU_NAME": "generic",
    "NUMBA_CPU_FEATURES": "",
    "OMP_NUM_THREADS": "1",
}


def initramfs(folder: Path, job: str, scratch: Path) -> Path:
    """The archive that the kernel starts from: first process, busybox, modules, and the job, a shell script."""
    tree = scratch / "tree"
    for name in ("bin", "proc", "sys", "dev", "host"):
        (tree / name).mkdir(parents=True)
    shutil.copytree(folder / "modules", tree / "modules")
    shutil.copy(folder / "busybox", tree / "bin/busybox")
    shutil.copy(HERE / "init", tree / "init")
    (tree / "init").chmod(0o755)
    (tree / "job").write_text(job)
    names = "\n".join(str(p.relative_to(tree)) for p in sorted(tree.rglob("*")))
    archive = subprocess.run(
        [folder / "busybox", "cpio", "-o", "-H", "newc"],
        cwd=tree,
        input=names.encode(),
        capture_output=True,
        check=True,
    )
    path = scratch / "initramfs.gz"
    path.write_bytes(gzip.compress(archive.stdout, 1))
    shutil.rmtree(tree)
    return path


def compile_for_guest(cache: Path) -> Path:
    """What numba compiles, for any x86-64 processor, made anew when the code changes: in the guest it takes minutes."""
    code = b"".join(p.read_bytes() for p in sorted((HERE.parent.parent / "rtseg").rglob("*.py")))
    folder = cache / f"numba-{hashlib.sha256(code).hexdigest()[:16]}"
    for old in cache.glob("numba-*"):
        if old != folder:
            shutil.rmtree(old)
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, **COMMON, "NUMBA_CACHE_DIR": str(folder)}
    subprocess.run([sys.executable, "-P", "-c", "import stage; stage.warm()"], env=environment, check=True)
    return folder


def run(script: Path, folder: Path, user: int) -> None:
    """Start a guest that runs a Python script with this very interpreter, until it, or the process `user`, ends.

    The script finds the file to write JSON lines to in RTSEG_RESULTS. Raises Unavailable.
    """
    made = build()
    job = (
        exports(compile_for_guest(made.parent)) + f"exec {shlex.quote(sys.executable)} -u {shlex.quote(str(script))}\n"
    )
    # fmt: off
    command = [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", MEMORY,
        "-kernel", str(made / "vmlinuz"), "-initrd", str(initramfs(made, job, folder)),
        "-append", "console=ttyS0 panic=-1 quiet cryptomgr.notests",
        "-serial", f"file:{folder / CONSOLE}", "-serial", f"file:{folder / RESULTS}",
        "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
        "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
    ]
    # fmt: on
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        while process.poll() is None and Path(f"/proc/{user}").exists() and not (folder / STOP).exists():
            time.sleep(0.2)
        process.kill()


class Guest:
    """A guest that a process of its own starts and runs: what its script has written so far.

    folder: empty, or of a guest that somebody else has begun, which is joined. user: the process without which it ends.
    """

    def __init__(self, script: Path, folder: Path, user: int) -> None:
        self.log, self._folder = folder / CONSOLE, folder
        try:
            (folder / RESULTS).touch(exist_ok=False)
        except FileExistsError:
            return
        with (folder / ERRORS).open("w") as errors:
            command = [sys.executable, __file__, str(script), str(folder), str(user)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors)

    @property
    def unavailable(self) -> str:
        """Why there is none, once that is known; else empty."""
        reason = self._folder / UNAVAILABLE
        return reason.read_text() if reason.exists() else ""

    def line(self, job: str, seconds: float) -> dict[str, Any] | None:
        """What the job wrote, once it has; None when the guest ends without it, which it must do in so many seconds."""
        end = time.monotonic() + seconds
        while True:
            late = time.monotonic() > end
            if late:
                self.close()  # it hangs: no later job need be waited for
            ended = late or any((self._folder / name).exists() for name in (ENDED, STOP))
            written = (self._folder / RESULTS).read_text().splitlines(keepends=True)
            for line in (json.loads(text) for text in written if text.endswith("\n") and text.strip()):
                if line["job"] == job:
                    return dict(line)
            if ended:
                return None
            time.sleep(0.2)

    def end_of_log(self) -> str:
        """Its last words, and qemu's own."""
        files = (self.log, self._folder / ERRORS)
        return "".join(p.read_text(errors="replace")[-2000:] for p in files if p.exists())

    def close(self) -> None:
        """Switch it off."""
        (self._folder / STOP).touch()


def exports(compiled: Path) -> str:
    """The lines of the job, a shell script, that give the script its surroundings."""
    environment = COMMON | {
        "PATH": os.environ["PATH"],
        "NUMBA_CACHE_DIR": "/run/numba",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": "/run",
        "TMPDIR": "/run",
        "XDG_CACHE_HOME": "/run/cache",
        "RTSEG_RESULTS": "/dev/ttyS1",
    }
    lines = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return f"{lines}cp -r {shlex.quote(str(compiled))} /run/numba\ncd /run\n"


def main(script: Path, folder: Path, user: int) -> None:
    """Run a guest, and say in the folder when it has ended and why there is none."""
    try:
        run(script, folder, user)
    except Unavailable as e:
        (folder / UNAVAILABLE).write_text(str(e))
    finally:
        if folder.exists():
            (folder / ENDED).touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
