"""What `rtseg doctor` looks at, one function each: the machine and the software. Nothing heavy is imported before it is
looked at, so that a broken package is a finding and not the end.
"""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import rtseg

Status = Literal["ok", "note", "problem"]
ONNXRUNTIMES = (
    *("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm"),
    *("onnxruntime-migraphx", "onnxruntime-qnn", "onnxruntime-silicon", "onnxruntime-training", "ort-nightly"),
)
OPENCVS = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
PACKAGES = {
    "onnxruntime": "onnxruntime",
    "OpenCV": "cv2",
    "numpy": "numpy",
    "numba": "numba",
    "PyAV": "av",
    "Pillow": "PIL",
}
WHEELS = {"cv2": "opencv-python", "PIL": "pillow"}  # where they are called otherwise
FROM_SOURCE = "pip install --force-reinstall . (in rtseg's own folder, where its pyproject.toml is)"
CACHED = 2**20  # bytes, about what is kept in all
LITTLE_SPACE = 2**30  # bytes: some minutes of recording


@dataclass(frozen=True)
class Check:
    """One line of the doctor. A problem stands against `rtseg cam`; a note only against something optional."""

    name: str
    status: Status
    found: str
    cure: str | None = None


def check_machine() -> Check:
    from rtseg.commands.bench import cpu_name
    from rtseg.models.session import default_threads

    cores = f"{os.cpu_count()} cores, of which the network takes {default_threads()}"
    return Check("machine", "ok", f"{platform.system()} {platform.machine()}, {cpu_name()}, {cores}")


def check_python() -> Check:
    return Check("Python", "ok", f"{platform.python_version()} ({sys.executable})")


def check_rtseg() -> Check:
    where = Path(rtseg.__file__).parent
    try:
        return Check("rtseg", "ok", f"{metadata.version('rtseg')} ({where})")
    except metadata.PackageNotFoundError:
        return Check("rtseg", "note", f"not installed, run from its source ({where})", "pip install .")


def check_import(name: str, module: str) -> Check:
    """Whether a package that rtseg can't do without loads."""
    try:
        version = importlib.import_module(module).__version__
    except Exception as e:  # whatever a broken package raises
        text = str(e) or type(e).__name__
        if isinstance(e, ModuleNotFoundError):
            return Check(name, "problem", f"not installed ({text})", FROM_SOURCE)
        if module == "cv2" and ".so" in text:
            return Check(name, "problem", text, "apt-get install libgl1 libglib2.0-0")
        return Check(name, "problem", text, f"pip install --force-reinstall {WHEELS.get(module, module)}")
    return Check(name, "ok", str(version))


def check_packages() -> list[Check]:
    return [check_import(name, module) for name, module in PACKAGES.items()]


def installed(names: tuple[str, ...], path: list[str] | None = None) -> dict[str, str]:
    """name -> version of those that are installed. path: where to look; None for sys.path."""
    found = metadata.distributions() if path is None else metadata.distributions(path=path)
    versions = {(d.metadata["Name"] or "").lower().replace("_", "-"): d.version for d in found}
    return {name: versions[name] for name in names if name in versions}


def check_onnxruntimes(path: list[str] | None = None) -> Check:
    """Several onnxruntimes write into one folder: the last one installed wins, and CUDA is gone without a word."""
    has_gpu_wheel = sys.platform == "win32" or (sys.platform == "linux" and platform.machine() == "x86_64")
    return only_one("onnxruntime packages", ONNXRUNTIMES, "onnxruntime-gpu" if has_gpu_wheel else "onnxruntime", path)


def check_opencvs(path: list[str] | None = None) -> Check:
    """Several OpenCVs write into one folder too; the headless ones have no window."""
    check = only_one("OpenCV packages", OPENCVS, "opencv-python", path)
    if check.status == "ok" and "headless" in check.found:
        cure = f"pip uninstall -y {check.found.split()[0]} && pip install opencv-python"
        return Check(check.name, "note", f"{check.found}: it has no window", cure)
    return check


def only_one(name: str, rivals: tuple[str, ...], keep: str, path: list[str] | None) -> Check:
    found = installed(rivals, path)
    listed = ", ".join(f"{package} {version}" for package, version in found.items()) or "none"
    if len(found) < 2:
        return Check(name, "ok", listed)
    cure = f"pip uninstall -y {' '.join(found)} && pip install {keep}"
    return Check(name, "problem", f"{listed}: they overwrite each other's files", cure)


def check_cache() -> Check:
    """Where compiled code is kept between two starts: without a place everything is compiled each time.

    Runs after the model, and says what came of that.
    """
    from rtseg.pixels import cache

    cure = "make room there, or set NUMBA_CACHE_DIR to a folder that you can write"
    try:
        place = cache.Kept(cache.no_place).cache_path
        with tempfile.TemporaryFile(dir=place) as f:
            f.write(b"x" * CACHED)
            f.flush()
    except RuntimeError:
        return Check("compiled code", "note", "can't be kept: every start takes some seconds longer", cure)
    except OSError as e:
        return Check("compiled code", "note", cache.no_place(place, e), cure)
    if found := cache.troubles():
        return Check("compiled code", "note", "; ".join(found))
    return Check("compiled code", "ok", f"kept in {place}")


def check_folder(folder: Path | None = None) -> Check:
    """Where recordings go when nothing else is said. folder: None for the working directory."""
    folder = folder or Path.cwd()
    if not os.access(folder, os.W_OK):
        return Check("working folder", "note", f"no permission to write in {folder}", "give `--out` another folder")
    free = shutil.disk_usage(folder).free
    found = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < LITTLE_SPACE:
        return Check("working folder", "note", found, "recordings will fill it; give `--out` another folder")
    return Check("working folder", "ok", found)
