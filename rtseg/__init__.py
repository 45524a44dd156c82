"""rtseg: real-time person segmentation. `from rtseg import Pipeline` is the library; `rtseg --help` the tool."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # to type checkers it is true; typing itself takes as long to import as all before it

if TYPE_CHECKING:
    from typing import Any

    from rtseg.errors import (
        BackgroundError,
        DataError,
        ExportError,
        ModelError,
        OutputError,
        ProviderError,
        RtsegError,
        SourceError,
    )
    from rtseg.frames import Frame
    from rtseg.pipeline import Pipeline
    from rtseg.sinks.video_file import VideoFile
    from rtseg.sources.video import Video
    from rtseg.still import cutout
    from rtseg.stream import Result

    __version__: str

__all__ = [
    "BackgroundError",
    "DataError",
    "ExportError",
    "Frame",
    "ModelError",
    "OutputError",
    "Pipeline",
    "ProviderError",
    "Result",
    "RtsegError",
    "SourceError",
    "Video",
    "VideoFile",
    "__version__",
    "cutout",
]

# Where the names are: imported when they are used, for the command line must answer --help without numba and
# onnxruntime. What is not here is an error.
HOMES = {
    "Frame": "rtseg.frames",
    "Pipeline": "rtseg.pipeline",
    "Result": "rtseg.stream",
    "Video": "rtseg.sources.video",
    "VideoFile": "rtseg.sinks.video_file",
    "cutout": "rtseg.still",
}

# From 1.31 on onnxruntime notes for Microsoft, as it is imported, which model runs on what, under a number kept for
# this machine in ~/.cache/Microsoft. It reads this before it does; switched off later, the files are there already.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """One of the library's names, imported now."""
    import importlib  # not at every start, for Ctrl-C is not ready before this file is

    if name == "__version__":
        from importlib.metadata import version

        return version("rtseg")
    home = HOMES.get(name) or ("rtseg.errors" if name in __all__ else None)
    if home is None:
        raise AttributeError(f"module 'rtseg' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """For Tab in a shell: what is imported later too."""
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING", "annotations", "os", "HOMES"})
