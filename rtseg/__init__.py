"""rtseg: real-time person segmentation. `from rtseg import Pipeline` is the library; `rtseg --help` the tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtseg.pipeline import Pipeline

__all__ = ["Pipeline"]


def __getattr__(name: str) -> Any:
    """Import Pipeline when it is used: the command line must answer --help without numba and onnxruntime."""
    if name == "Pipeline":
        from rtseg.pipeline import Pipeline

        return Pipeline
    raise AttributeError(f"module 'rtseg' has no attribute {name!r}")
