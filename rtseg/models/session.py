"""An onnxruntime session on the provider that was asked for, and the truth about which one it got."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

import onnxruntime as ort

from rtseg.errors import ModelError, ProviderError
from rtseg.models.outside import check_outside
from rtseg.models.providers import cuda_problem, prepare_cuda
from rtseg.sources.plain_name import is_plain

PROVIDERS = ("auto", "cuda", "cpu")


@dataclass(frozen=True)
class Session:
    """What `open_session` got."""

    ort: Any  # onnxruntime.InferenceSession
    path: Path
    provider: str  # cuda or cpu
    threads: int  # of the CPU provider
    fallback_reason: str | None  # why `auto` did not take CUDA


@dataclass(frozen=True)
class Tuning:
    """What a session may be told beside its provider."""

    dimensions: Mapping[str, int] = field(default_factory=dict)  # symbolic dimension -> its fixed value
    cuda: Mapping[str, str] = field(default_factory=dict)  # options of onnxruntime's CUDA provider
    profile: Path | None = None  # prefix of a profile to write


def default_threads() -> int:
    """Half the cores this process may use, at most 4: the call and the browser need the others."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(4, cores // 2))


def plain(e: Exception) -> str:
    """onnxruntime's message without its code in front: `[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : text`."""
    return (str(e).strip() or type(e).__name__).splitlines()[0].split(" : ")[-1]


def open_session(path: Path, provider: str, threads: int | None = None, tuning: Tuning | None = None) -> Session:
    """A session of an .onnx file; `auto` tries CUDA and says why it did not get it.

    Raises ProviderError when `cuda` was asked for and does not work here, ModelError when the file is no ONNX model.
    """
    if provider not in PROVIDERS:
        raise ProviderError(f"unknown provider {provider!r}; choose from {', '.join(PROVIDERS)}")
    if threads is not None and not (isinstance(threads, Integral) and 1 <= threads <= 256):
        raise ModelError(f"threads is {threads!r}; give a number, 1 to 256, or leave it out for {default_threads()}")
    threads, tuning = int(threads or default_threads()), tuning or Tuning()
    reason = None
    if provider != "cpu":
        reason = cuda_problem()
        if reason is None:
            prepare_cuda()
            session = start(path, threads, tuning, cuda=True)
            # onnxruntime falls back without an exception: only the session knows what it got.
            if "CUDAExecutionProvider" in session.get_providers():
                return Session(session, path, "cuda", threads, None)
            reason = "onnxruntime could not start CUDA on this machine"
        if provider == "cuda":
            raise ProviderError(f"--provider cuda: {reason}")
    return Session(start(path, threads, tuning, cuda=False), path, "cpu", threads, reason)


def start(path: Path, threads: int, tuning: Tuning, *, cuda: bool) -> Any:
    """The onnxruntime session itself; raises ModelError."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # we raise; onnxruntime need not print as well
    # Spinning threads slow OpenCV and everybody else's program between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in tuning.dimensions.items():
        options.add_free_dimension_override_by_name(name, value)
    if tuning.profile:
        options.enable_profiling, options.profile_file_prefix = True, str(tuning.profile)
    providers: list[Any] = ["CPUExecutionProvider"]
    if cuda:
        providers.insert(0, ("CUDAExecutionProvider", dict(tuning.cuda)))
    try:
        check_outside(path)
        # Its bytes where the name is not text, which onnxruntime does not take.
        return ort.InferenceSession(str(path) if is_plain(path) else path.read_bytes(), options, providers=providers)
    except ModelError:
        raise
    except Exception as e:  # onnxruntime's exceptions have no common base
        raise ModelError(f"{path} is not a readable ONNX model: {plain(e)}") from e
