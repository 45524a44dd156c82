"""What `rtseg doctor` looks at for a GPU: card, driver, CUDA's libraries, onnxruntime's build."""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rtseg.commands.doctor.checks.software import Check

MAPS = Path("/proc/self/maps")
NO_DEVICE, SYSTEM_MISMATCH = 100, 803  # CUresult
INSTALL_DRIVER = "install NVIDIA's driver (https://www.nvidia.com/drivers); rtseg runs on the CPU until then"


def check_driver(load: Callable[[str], Any] = ctypes.CDLL, pci: Path | None = None) -> Check:
    """NVIDIA's driver, asked by its own library. Without one there is nothing wrong: the CPU does it."""
    from rtseg.models.providers import DRIVER, PCI, built_for, has_card

    try:
        cuda = load(DRIVER)
    except OSError:
        if has_card(pci or PCI):
            return Check("NVIDIA driver", "note", f"none ({DRIVER}), though an NVIDIA card is here", INSTALL_DRIVER)
        return Check("NVIDIA driver", "note", f"none ({DRIVER}), and no NVIDIA card seen: the CPU does it all")
    code = cuda.cuInit(0)
    if code:
        return refused(cuda, code)
    number = _int(cuda.cuDriverGetVersion)
    devices = [device_line(cuda, index) for index in range(_int(cuda.cuDeviceGetCount))]
    found = f"for CUDA {number // 1000}.{number % 1000 // 10} and older; {', '.join(devices)}"
    if number // 1000 < built_for():
        cure = f"update the driver to one for CUDA {built_for()}, or use --provider cpu"
        return Check("NVIDIA driver", "problem", f"{found}; onnxruntime needs CUDA {built_for()}", cure)
    return Check("NVIDIA driver", "ok", found)


def refused(cuda: Any, code: int) -> Check:
    """What cuInit's error code means."""
    text = ctypes.c_char_p()
    known = cuda.cuGetErrorString(code, ctypes.byref(text)) == 0 and text.value
    words = text.value.decode() if known and text.value else "unknown error"
    found = f"it answers with error {code} ({words})"
    if code == NO_DEVICE:
        cure = "look at CUDA_VISIBLE_DEVICES, and at `nvidia-smi`; in Docker: --gpus all"
        return Check("NVIDIA driver", "note", f"{found}: it sees no GPU", cure)
    cure = "restart: the driver was updated" if code == SYSTEM_MISMATCH else "look at `nvidia-smi`; restart"
    return Check("NVIDIA driver", "problem", found, f"{cure}; or use --provider cpu")


def device_line(cuda: Any, index: int) -> str:
    """`NVIDIA H100 80GB HBM3, 79.2 GiB`."""
    device, name, size = ctypes.c_int(), ctypes.create_string_buffer(128), ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(device), index)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    return f"{name.value.decode('utf-8', 'replace')} ({size.value / 2**30:.1f} GiB)"


def _int(function: Any) -> int:
    value = ctypes.c_int()
    function(ctypes.byref(value))
    return value.value


def check_build(usable: bool) -> Check:
    """usable: whether a driver and a GPU are there."""
    import onnxruntime

    from rtseg.models.providers import built_for, has_cuda

    name = "onnxruntime's build"
    if has_cuda():
        return Check(name, "ok", f"with CUDA {built_for() or '(of unknown version)'}")
    found = f"onnxruntime {onnxruntime.__version__} without CUDA"
    if not usable:
        return Check(name, "ok", found)
    return Check(
        name, "problem", found, "pip uninstall -y onnxruntime && pip install --force-reinstall onnxruntime-gpu"
    )


def check_libraries(usable: bool) -> list[Check]:
    """Every library of CUDA and cuDNN that is needed. What is missing is a problem only where a GPU could be used."""
    from rtseg.models.providers import has_cuda, needed_libraries, prepare_cuda

    if not has_cuda() or sys.platform not in ("linux", "win32"):
        return []
    prepare_cuda()
    return [check_library(name, usable) for name in needed_libraries()]


def check_library(name: str, usable: bool) -> Check:
    from rtseg.models.providers import CURE, load_problem

    problem = load_problem(name)
    if problem is None:
        return Check(name, "ok", ", ".join(filter(None, (library_version(name), loaded_from(name)))) or "found")
    absent = problem.startswith(name) and "No such file" in problem  # else the file of another library is missing
    missing = "missing" if absent else f"unusable: {problem}"
    if usable:
        return Check(name, "problem", missing, CURE)
    return Check(name, "note", f"{missing} (only matters with a GPU)", CURE)


def library_version(name: str) -> str | None:
    """Its own answer, or None: cudart has a call of its own, most others share a pattern."""
    library = ctypes.CDLL(name)
    stem = re.sub(r"(64_|\.).*", "", name).removeprefix("lib")
    try:
        if stem == "cudart":
            number = _int(library.cudaRuntimeGetVersion)
            return f"{number // 1000}.{number % 1000 // 10}"
        ask, parts = getattr(library, f"{stem}GetProperty"), []
    except AttributeError:
        return None
    for part in range(3):  # libraryPropertyType: major, minor, patch
        value = ctypes.c_int()
        if ask(part, ctypes.byref(value)):
            return None
        parts.append(str(value.value))
    return ".".join(parts)


def loaded_from(name: str, maps: Path = MAPS) -> str | None:
    """The file that a loaded library came from (Linux), or None."""
    try:
        lines = maps.read_text().splitlines()
    except OSError:
        return None
    paths = (line.split(maxsplit=5)[-1] for line in lines if "/" in line)
    return next((path for path in paths if Path(path).name.startswith(name)), None)


def check_cuda() -> list[Check]:
    """All of it."""
    driver = check_driver()
    usable = driver.status == "ok"
    return [driver, check_build(usable), *check_libraries(usable)]
