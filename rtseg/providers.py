"""Whether CUDA can work here, and if not, what is missing and the line that cures it."""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from functools import lru_cache
from pathlib import Path

import onnxruntime as ort

CURE = "pip install 'rtseg[cuda]'"


@lru_cache(maxsize=1)
def cuda_problem() -> str | None:
    """Why CUDA can't be used, with the cure, or None when nothing stands against it.

    `get_available_providers()` only lists what was compiled in, so the libraries are opened for real.
    """
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        return (
            f"the installed onnxruntime {ort.__version__} has no CUDA in it; remove `onnxruntime`, "
            "then pip install --force-reinstall onnxruntime-gpu"
        )
    driver = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    try:
        ctypes.CDLL(driver)
    except OSError:
        return f"no NVIDIA driver here ({driver} is missing); install the driver, or use --provider cpu"
    prepare_cuda()
    if sys.platform == "win32":
        return None
    folder = Path(ort.__file__).parent / "capi"
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / "libonnxruntime_providers_cuda.so"))
    except OSError as e:
        library = str(e).split(":")[0]
        return f"a CUDA library is missing or unusable: {library}; {CURE}"
    return None


def prepare_cuda() -> None:
    """Load CUDA and cuDNN from pip's packages, where onnxruntime would not look by itself."""
    with contextlib.redirect_stdout(io.StringIO()):  # preload_dlls prints what it can't find
        ort.preload_dlls()
