"""Frame in, composite out: resize, infer, fit the edge, blend. What `cam`, `apply` and `bench` all run."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rtseg.background import DEFAULT_BLUR, check_blur, cover, load_background
from rtseg.cpu_path import CpuPath
from rtseg.errors import BackgroundError, ModelError, SourceError
from rtseg.model import AREA_LIMITS, Model

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
HIDDEN = "#262626"  # stands for a blurred room until there is an alpha to blur by
MAX_SIDE = 16384  # pixels


class Pipeline:
    """Segments frames and puts the person in front of a background.

    Args:
        background: path, name of a shipped picture, "#rrggbb", or uint8 HxWx3 BGR array.
        blur: strength 1..100 instead of a background: sigma in pixels at 720 lines. Without either: 20.
        model: tier name or path of an .onnx file made by `rtseg export`.
        provider: "auto", "cuda" or "cpu".
        threads: CPU threads of the network; None for half the cores, at most 4.
        area: pixels at network size; None for what the model prefers.

    Raises:
        BackgroundError, ModelError, ProviderError: what was asked for can't be had.
    """

    def __init__(
        self,
        *,
        background: str | Path | U8 | None = None,
        blur: float | None = None,
        model: str | Path = "balanced",
        provider: str = "auto",
        threads: int | None = None,
        area: int | None = None,
    ) -> None:
        if background is not None and blur is not None:
            raise BackgroundError("give a background or a blur strength, not both")
        if area is not None and not AREA_LIMITS[0] <= area <= AREA_LIMITS[1]:
            raise ModelError(f"area is {area}; give {AREA_LIMITS[0]} to {AREA_LIMITS[1]} pixels")
        if background is None:
            self.blur: float | None = check_blur(DEFAULT_BLUR if blur is None else blur)
        else:
            self.blur = None
        self._picture = load_background(HIDDEN if background is None else background)
        self.model = Model(model, provider=provider, threads=threads)
        self.area = area or self.model.info.area
        self.timings: dict[str, float] = {}
        self._pool = BufferPool()
        self._path: CpuPath | None = None
        self._room = self._picture  # uint8 HxWx3, of the frames' size
        self._frame: U8 | None = None
        self._alpha: F32 | None = None

    def __call__(self, frame_bgr: U8) -> U8:
        """The composite, uint8 HxWx3 BGR, of a frame of the same type; a new array, never the frame itself.

        Raises ModelError when there is no good alpha (show `hidden(frame_bgr)` then) and SourceError for
        what is not a frame. After either the state is as after `reset()`.
        """
        try:
            return self._process(frame_bgr)
        except Exception:
            self.reset()
            raise

    def _process(self, frame_bgr: U8) -> U8:
        path = self._path_for(frame_bgr)
        frame_bgr = np.ascontiguousarray(frame_bgr)
        out = self._pool.get(frame_bgr.shape)
        path.composite(frame_bgr, None if self.blur else self._room, self.blur or 0.0, out)
        self._frame, self._alpha = frame_bgr, None
        self.timings = path.timings
        return out

    @property
    def alpha(self) -> F32:
        """float32 HxW in 0..1 of the last frame, at its size. Computed when first asked for.

        It is derived from the frame's own pixels: read it before the frame's buffer is used for another.
        Raises ModelError when no frame has been processed.
        """
        if self._frame is None or self._path is None:
            raise ModelError("there is no alpha yet: no frame has been processed since the start or a reset")
        if self._alpha is None:
            self._alpha = self._path.alpha(self._frame)
        return self._alpha

    def hidden(self, width: int, height: int) -> U8:
        """The background alone, uint8 HxWx3 BGR: what may be shown when there is no good alpha."""
        return cover(self._picture, width, height)

    def reset(self) -> None:
        """Forget the frames so far; the next one is treated as the first."""
        self._path = self._frame = self._alpha = None
        self.model.reset()

    def warm_up(self, width: int, height: int, frames: int = 3) -> None:
        """Compile, allocate and settle for frames of this size, then reset."""
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        for _ in range(frames):
            self(noise)
        self.reset()

    def _path_for(self, frame_bgr: U8) -> CpuPath:
        """The path so far, or a fresh one for the first frame and after a change of size."""
        if not isinstance(frame_bgr, np.ndarray) or frame_bgr.dtype != np.uint8 or frame_bgr.ndim != 3:
            raise SourceError(f"frame is {describe(frame_bgr)}, expected uint8 (H, W, 3) BGR")
        height, width, channels = frame_bgr.shape
        if channels != 3 or not 2 <= min(height, width) <= max(height, width) <= MAX_SIDE:
            raise SourceError(f"frame is {describe(frame_bgr)}, expected uint8 (H, W, 3) with sides 2..{MAX_SIDE}")
        if self._path is None or self._room.shape != frame_bgr.shape:
            self._room = self.hidden(width, height)
            self._path = CpuPath(self.model, width, height, self.area)
        return self._path


def describe(value: object) -> str:
    """Type and shape of what should have been a frame."""
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


class BufferPool:
    """Output arrays that are used again once nobody else holds them: no allocation per frame, no surprise."""

    # References to a free buffer while `get` looks at it: the pool's list, the loop, getrefcount's argument.
    FREE = 3

    def __init__(self) -> None:
        self._buffers: list[U8] = []

    def get(self, shape: tuple[int, ...]) -> U8:
        """An array that no caller refers to any more, or a new one."""
        self._buffers = [x for x in self._buffers if x.shape == shape]
        for buffer in self._buffers:
            if sys.getrefcount(buffer) <= self.FREE:
                return buffer
        buffer = np.empty(shape, np.uint8)
        if len(self._buffers) < 4:
            self._buffers.append(buffer)
        return buffer
