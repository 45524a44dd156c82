"""Which source a text means: a camera, a video file, a named pipe, a stream or the demo clip."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from rtseg.errors import SourceError
from rtseg.files import DEMO_CLIP
from rtseg.frames import Source
from rtseg.links import without_scheme
from rtseg.messages import without_any, without_secrets
from rtseg.sources.camera import Camera
from rtseg.sources.cameras import find_camera, list_cameras, listed
from rtseg.sources.video import Video


def open_source(text: str, *, size: tuple[int, int] | None = None, fps: float | None = None) -> Source:
    """Open what `--source` names: `demo`, a camera's number, name or /dev path, a file, a named pipe or a URL.

    A part of a camera's name will do when no other camera has it, and when there is no file of that name.

    Size and fps are asked of cameras only. Raises SourceError.
    """
    if text == "demo":
        return Video(str(DEMO_CLIP), name="demo")
    if re.fullmatch(r"\d{1,3}", text):
        return Camera(int(text), size=size, fps=fps)
    if re.match(r"file://", text, re.IGNORECASE):  # not opened as an address: what these lead to must be no file here
        text = without_scheme(text)
    elif re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        return Video(text, name=without_secrets(text))
    try:
        mode = os.stat(text).st_mode
    except (OSError, ValueError) as e:
        if (number := find_camera(text)) is not None:
            return Camera(int(number), size=size, fps=fps)
        reason = e.strerror if isinstance(e, OSError) else e
        raise SourceError(
            f"source {without_any(text)}: {reason}. Give a camera's number or name, a file, a pipe, a URL, "
            f"or `demo` for the bundled clip; cameras here: {listed()}"
        ) from e
    if stat.S_ISCHR(mode):
        return Camera(text, size=size, fps=fps)
    if stat.S_ISDIR(mode):
        raise SourceError(f"source {text} is a folder; use `rtseg apply {text} --out DIR` for folders")
    if stat.S_ISREG(mode) and not os.path.getsize(text):
        raise SourceError(f"source {text} is an empty file")
    return Video(text, name=Path(text).name, pipe=stat.S_ISFIFO(mode))


def default_camera() -> str | None:
    """The source to try when none was asked for: the first camera, or None where there is none."""
    cameras = list_cameras()
    return str(cameras[0].index) if cameras else None
