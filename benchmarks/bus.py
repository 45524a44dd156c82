"""The card, and how fast arrays of a frame's size get there: by onnxruntime's Python, and from pinned host memory."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort

from rtseg.commands.doctor.checks.cuda import check_driver
from rtseg.paths.pinned import Pinned

REPEATS = 20
ASKED = "name,driver_version,pcie.link.gen.max,pcie.link.width.max"


def card() -> str:
    """Card, driver and bus, as NVIDIA's own tool tells them; else what the driver's library says."""
    try:
        command = ["nvidia-smi", f"--query-gpu={ASKED}", "--format=csv,noheader"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return check_driver().found


def bandwidth(provider: str, nbytes: int) -> dict[str, Any]:
    """GB/s up and down for arrays of `nbytes`, each copy waited for; `pinned`: the same, or why it can't be had.

    On the provider "cpu" these are copies within memory.
    """
    host = np.ones(nbytes, np.uint8)  # zeros would be one page of memory, many times over
    device = ort.OrtValue.ortvalue_from_numpy(np.zeros(nbytes, np.uint8), provider)
    up = rate(nbytes, lambda: device.update_inplace(host))
    # On the CPU numpy() is a view, which nothing is copied for.
    down = rate(nbytes, device.numpy if provider == "cuda" else lambda: device.numpy().copy())
    found: dict[str, Any] = {"bytes": nbytes, "up_gb_s": up, "down_gb_s": down, "pinned": {}}
    if provider == "cuda":
        ways = {"onnxruntime": pinned_by_onnxruntime, "torch": pinned_by_torch, "rtseg": pinned_by_rtseg}
        for name, measure in ways.items():
            try:
                found["pinned"][name] = measure(nbytes)
            except Exception as e:  # a benchmark of what may not be there goes on and says why
                found["pinned"][name] = f"not to be had: {type(e).__name__}: {e}"
    return found


def rate(nbytes: int, copy: Callable[[], object], wait: Callable[[], object] = lambda: None) -> float:
    """GB/s, the median of some copies."""
    times = []
    for _ in range(REPEATS + 3):
        start = time.perf_counter()
        copy()
        wait()
        times.append(time.perf_counter() - start)
    return nbytes / float(np.median(times[3:])) / 1e9


def pinned_by_onnxruntime(nbytes: int) -> dict[str, float]:
    """Through memory of the CUDA provider that the host can reach, where onnxruntime lists such a device."""
    devices = [d for d in ort.get_ep_devices() if d.ep_name == "CUDAExecutionProvider"]
    if not devices:
        raise LookupError("onnxruntime lists no device of its CUDA provider")
    info = devices[0].memory_info(ort.OrtDeviceMemoryType.HOST_ACCESSIBLE)
    pinned = ort.OrtValue.ortvalue_from_shape_and_type([nbytes], np.uint8, memory_info=info)
    device = ort.OrtValue.ortvalue_from_numpy(np.zeros(nbytes, np.uint8), "cuda")
    return {
        "up_gb_s": rate(nbytes, lambda: device.update_inplace(pinned)),
        "down_gb_s": rate(nbytes, lambda: pinned.update_inplace(device)),
    }


def pinned_by_rtseg(nbytes: int) -> dict[str, float]:
    """As composites come back: into pinned memory that is handed out."""
    pinned = Pinned(nbytes)
    device = ort.OrtValue.ortvalue_from_numpy(np.ones(nbytes, np.uint8), "cuda")
    return {"down_gb_s": rate(nbytes, lambda: pinned.download(device.data_ptr()))}


def pinned_by_torch(nbytes: int) -> dict[str, float]:
    """What the bus gives at best; torch is no dependency of the runtime."""
    import torch

    host = torch.ones(nbytes, dtype=torch.uint8).pin_memory()
    device = torch.zeros(nbytes, dtype=torch.uint8, device="cuda")
    return {
        "up_gb_s": rate(nbytes, lambda: device.copy_(host, non_blocking=True), torch.cuda.synchronize),
        "down_gb_s": rate(nbytes, lambda: host.copy_(device, non_blocking=True), torch.cuda.synchronize),
    }
