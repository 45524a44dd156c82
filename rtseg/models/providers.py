"""Whether CUDA can work here, and if not, what is missing and the line that cures it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import re
import sys
from functools import lru_cache
from pathlib import Path

import onnxruntime as ort

CURE = "pip install 'rtseg[cuda]'"
DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
WINDOWS_LIBRARIES = ("cublasLt64_{cuda}.dll", "cublas64_{cuda}.dll", "cudart64_{cuda}.dll", "cudnn64_9.dll")
# cuDNN is not linked since onnxruntime 1.28, but convolutions still want it.
LINUX_LIBRARIES = ("libcublasLt.so.{cuda}", "libcublas.so.{cuda}", "libcudart.so.{cuda}", "libcudnn.so.9")
PCI = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY_CLASSES = "0x10de", ("0x0300", "0x0302")  # PCI vendor; VGA and 3D controllers


@lru_cache(maxsize=1)
def cuda_problem() -> str | None:
    """Why CUDA can't be used, with the cure, or None when nothing stands against it.

    `get_available_providers()` only lists what was compiled in, so the libraries are opened for real.
    """
    if not has_cuda():
        return (
            f"the installed onnxruntime {ort.__version__} has no CUDA in it; remove `onnxruntime`, "
            "then pip install --force-reinstall onnxruntime-gpu"
        )
    if load_problem(DRIVER):
        return f"no NVIDIA driver here ({DRIVER} is missing); install the driver, or use --provider cpu"
    prepare_cuda()
    missing = [name for name in needed_libraries() if load_problem(name)]
    if missing:
        return f"missing or unusable: {', '.join(missing)}; {CURE}"
    if sys.platform == "win32":
        return None
    try:
        ctypes.CDLL(str(folder() / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder() / "libonnxruntime_providers_cuda.so"))
    except OSError as e:
        return f"onnxruntime's CUDA provider can't be loaded: {e}; {CURE}"
    return None


def has_gpu() -> bool:
    """Whether an NVIDIA card or its driver is here; where neither is, nobody expects CUDA."""
    return has_card() or load_problem(DRIVER) is None


def has_card(pci: Path = PCI) -> bool:
    """Whether an NVIDIA GPU is plugged in, found out without its driver (Linux; False where it can't be known)."""
    for device in pci.glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:  # a device that went away
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY_CLASSES):
            return True
    return False


def has_cuda() -> bool:
    """Whether the installed onnxruntime was built with CUDA."""
    return "CUDAExecutionProvider" in ort.get_available_providers()


def folder() -> Path:
    """Where onnxruntime keeps its libraries."""
    return Path(ort.__file__).parent / "capi"


def needed_libraries() -> list[str]:
    """NVIDIA's libraries, without the driver's, that every onnxruntime for this CUDA wants; none when it is unknown.

    Some want one or two more: the provider itself says so when it is loaded.
    """
    names = WINDOWS_LIBRARIES if sys.platform == "win32" else LINUX_LIBRARIES
    return [name.format(cuda=built_for()) for name in names if built_for()]


def built_for() -> int:
    """The major version of CUDA that onnxruntime was built for; 0 when it does not say."""
    match = re.match(r"\d+", getattr(ort, "cuda_version", "") or "")
    return int(match[0]) if match else 0


def load_problem(name: str) -> str | None:
    """Why a library can't be loaded, in the system's words, or None. Call `prepare_cuda` first for CUDA's."""
    try:
        ctypes.CDLL(name)
    except OSError as e:
        return str(e)
    return None


def prepare_cuda() -> None:
    """Load CUDA and cuDNN from pip's packages, where onnxruntime would not look by itself."""
    with contextlib.redirect_stdout(io.StringIO()):  # preload_dlls prints what it can't find
        ort.preload_dlls()
