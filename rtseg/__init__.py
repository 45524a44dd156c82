"""rtseg: real-time person segmentation. `from rtseg import Pipeline` is the library; `rtseg --help` the tool."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtseg.pipeline import Pipeline

__all__ = ["Pipeline"]

# From 1.31 on onnxruntime notes for Microsoft, as it is imported, which model runs on what, under a number kept for
# this machine in ~/.cache/Microsoft. It reads this before it does; switched off later, the files are there already.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """Import Pipeline when it is used: the command line must answer --help without numba and onnxruntime."""
    if name == "Pipeline":
        from rtseg.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module 'rtseg' has no attribute {name!r}")
