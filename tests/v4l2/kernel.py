"""Kernel, busybox and modules of the guest (see guest.py), out of Debian's packages, which are not installed.

Debian's own kernel and vivid, unpacked from its package; v4l2loopback built from Debian's source package.
"""

from __future__ import annotations

import hashlib
import importlib.util
import lzma
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "make": "make", "apt-get": "apt", "dpkg": "dpkg"}
# Loaded with all that they depend on. Feed: a clip goes in. rtseg: what we write to. Empty: nobody feeds it.
MODULES = {
    "virtio_pci": "",
    "9pnet_virtio": "",
    "9p": "",
    "vivid": "n_devs=1 node_types=0x1 num_inputs=1 input_types=0 vid_cap_nr=50",
    "v4l2loopback": "devices=4 video_nr=40,41,42,43 card_label=feed,rtseg,empty,plain exclusive_caps=1,1,1,0",
}


class Unavailable(Exception):
    """The guest can't be had on this machine; the text says why."""


def build() -> Path:
    """The folder with kernel, busybox and modules, made on first use. Raises Unavailable."""
    check_host()
    packages = package_names()
    addresses = apt("download", "--print-uris", *packages)
    key = hashlib.sha256((addresses + repr(MODULES)).encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rtseg-v4l2-guest"
    folder = cache / key
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        root, made = Path(scratch) / "root", Path(scratch) / "made"
        made.mkdir()
        apt("download", *packages, cwd=scratch)
        for package in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, root], check=True)
        shutil.copy(next((root / "boot").glob("vmlinuz-*")), made / "vmlinuz")
        shutil.copy(next(root.glob("**/bin/busybox")), made / "busybox")
        build_loopback(root)
        collect_modules(root, made / "modules")
        for old in cache.glob("[0-9a-f]" * 16):
            shutil.rmtree(old)
        made.rename(folder)
    return folder


def check_host() -> None:
    """Raise Unavailable where the guest can't run."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Unavailable(f"the guest is for Linux on x86_64, this is {sys.platform} on {platform.machine()}")
    missing = [package for tool, package in TOOLS.items() if not shutil.which(tool)]
    if missing:
        raise Unavailable(f"missing: sudo apt install {' '.join(missing)}")
    if not importlib.util.find_spec("pyvirtualcam"):
        raise Unavailable("missing: pip install pyvirtualcam")


def package_names() -> list[str]:
    """Debian's present kernel, its headers, and the rest. Raises Unavailable."""
    found = []
    for meta in ("linux-image-amd64", "linux-headers-amd64"):
        found += dependencies(meta, "linux-image-", "linux-headers-")
    headers = [name for name in found if name.startswith("linux-headers-")]
    for name in headers:
        found += dependencies(name, "linux-headers-", "linux-kbuild-")
    if not any("linux-kbuild" in name for name in found):
        raise Unavailable("apt knows no Debian kernel; sudo apt-get update")
    return [*dict.fromkeys(found), "busybox-static", "v4l2loopback-dkms"]


def dependencies(package: str, *beginnings: str) -> list[str]:
    """What a package depends on, of the names that begin so."""
    done = subprocess.run(["apt-cache", "depends", package], capture_output=True, text=True, check=False)
    names = [line.split()[-1] for line in done.stdout.splitlines() if line.strip().startswith("Depends:")]
    return [name for name in names if name.startswith(beginnings)]


def apt(*arguments: str, cwd: str | None = None) -> str:
    """Output of apt-get. Raises Unavailable when it fails."""
    done = subprocess.run(["apt-get", "-q", *arguments], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"apt-get {arguments[0]}: {done.stderr.strip().splitlines()[-1:]}; sudo apt-get update")
    return done.stdout


def build_loopback(root: Path) -> None:
    """Compile v4l2loopback against the unpacked headers. Raises Unavailable."""
    headers = next((root / "usr/src").glob("linux-headers-*-amd64"))
    makefile = headers / "Makefile"  # names the other half of the headers by its installed path
    makefile.write_text(makefile.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    source = next((root / "usr/src").glob("v4l2loopback-*"))
    done = subprocess.run(
        ["make", "-C", headers, f"M={source}", "modules"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"v4l2loopback can't be compiled: {done.stderr[-500:]}")


def collect_modules(root: Path, out: Path) -> None:
    """Copy the modules that are needed, unpacked, and write the order in which they must be loaded."""
    files = {p.name.split(".ko")[0].replace("-", "_"): p for p in root.rglob("*.ko*")}
    order: dict[str, bytes] = {}

    def visit(name: str) -> None:
        if name in order:
            return
        data = files[name].read_bytes()
        data = lzma.decompress(data) if files[name].suffix == ".xz" else data
        for other in module_dependencies(data):
            visit(other)
        order[name] = data

    for name in MODULES:
        visit(name)
    out.mkdir()
    for name, data in order.items():
        (out / f"{name}.ko").write_bytes(data)
    (out / "order").write_text("".join(f"{name} {MODULES.get(name, '')}\n" for name in order))


def module_dependencies(data: bytes) -> list[str]:
    """The names that a kernel module's own description lists."""
    text = data.partition(b"\0depends=")[2].partition(b"\0")[0].decode()
    return [name.replace("-", "_") for name in text.split(",") if name]
