"""Frame in, composite out: resize, infer, fit the edge, blend. What `cam`, `apply` and `bench` all run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.background import DEFAULT_BLUR, blurred_room, check_blur, cover, load_background
from rtseg.composite import blend, full_alpha, row_weights, widen
from rtseg.errors import BackgroundError, ModelError, SourceError
from rtseg.geometry import network_size
from rtseg.matte import fit_coefficients, motion, remembered, steadied
from rtseg.model import AREA_LIMITS, Model

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
HIDDEN = "#262626"  # stands for a blurred room until there is an alpha to blur by
STAGES = ("resize", "infer", "matte", "room", "blend")
MAX_SIDE = 16384  # pixels


@dataclass
class State:
    """What lasts from frame to frame of one size; h and w are the network's."""

    size: tuple[int, int]  # (w, h)
    alpha: F32  # hxw, the network's last answer
    a: F32  # hxW, see matte.py and composite.py
    b: F32
    rows: tuple[NDArray[np.int32], F32]
    room: U8  # HxWx3, what is blended in
    grey: F32 | None = None  # hxw, the last frame


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
        self._state: State | None = None
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
        state = self._state = self._state_for(frame_bgr)
        frame_bgr = np.ascontiguousarray(frame_bgr)
        width, height = frame_bgr.shape[1::-1]
        marks = [perf_counter()]
        small = shrink(frame_bgr, state.size)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY) * np.float32(1 / 255)
        moved = None if state.grey is None else motion(grey, state.grey)
        previous = np.zeros_like(grey) if moved is None else remembered(state.alpha, moved)
        marks.append(perf_counter())
        alpha = self.model.run(small, previous)
        marks.append(perf_counter())
        if moved is not None:
            alpha = steadied(alpha, state.alpha, moved)
        a, b = fit_coefficients(grey, alpha)
        widen(a, width, state.a)
        widen(b, width, state.b)
        marks.append(perf_counter())
        if self.blur is not None:
            room = blurred_room(small, alpha, self.blur)
            cv2.resize(room, (width, height), dst=state.room, interpolation=cv2.INTER_LINEAR)
        marks.append(perf_counter())
        out = self._pool.get(frame_bgr.shape)
        blend(frame_bgr, state.room, state.a, state.b, *state.rows, out)
        marks.append(perf_counter())
        state.grey, state.alpha = grey, alpha
        self._frame, self._alpha = frame_bgr, None
        self.timings = {s: 1e3 * (t1 - t0) for s, t0, t1 in zip(STAGES, marks, marks[1:], strict=False)}
        return out

    @property
    def alpha(self) -> F32:
        """float32 HxW in 0..1 of the last frame, at its size. Computed when first asked for.

        It is derived from the frame's own pixels: read it before the frame's buffer is used for another.
        Raises ModelError when no frame has been processed.
        """
        if self._frame is None or self._state is None:
            raise ModelError("there is no alpha yet: no frame has been processed since the start or a reset")
        if self._alpha is None:
            self._alpha = np.empty(self._frame.shape[:2], np.float32)
            full_alpha(self._frame, self._state.a, self._state.b, *self._state.rows, self._alpha)
        return self._alpha

    def hidden(self, width: int, height: int) -> U8:
        """The background alone, uint8 HxWx3 BGR: what may be shown when there is no good alpha."""
        return cover(self._picture, width, height)

    def reset(self) -> None:
        """Forget the frames so far; the next one is treated as the first."""
        self._state = self._frame = self._alpha = None

    def warm_up(self, width: int, height: int, frames: int = 3) -> None:
        """Compile, allocate and settle for frames of this size, then reset."""
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        for _ in range(frames):
            self(noise)
        self.reset()

    def _state_for(self, frame_bgr: U8) -> State:
        """The state so far, or a fresh one for the first frame and after a change of size."""
        if not isinstance(frame_bgr, np.ndarray) or frame_bgr.dtype != np.uint8 or frame_bgr.ndim != 3:
            raise SourceError(f"frame is {describe(frame_bgr)}, expected uint8 (H, W, 3) BGR")
        height, width, channels = frame_bgr.shape
        if channels != 3 or not 2 <= min(height, width) <= max(height, width) <= MAX_SIDE:
            raise SourceError(f"frame is {describe(frame_bgr)}, expected uint8 (H, W, 3) with sides 2..{MAX_SIDE}")
        if self._state is not None and self._state.room.shape == frame_bgr.shape:
            return self._state
        size = network_size(width, height, self.area)
        return State(
            size=size,
            alpha=np.zeros(size[::-1], np.float32),
            a=np.empty((size[1], width), np.float32),
            b=np.empty((size[1], width), np.float32),
            rows=row_weights(height, size[1]),
            room=self.hidden(width, height),
        )


def describe(value: object) -> str:
    """Type and shape of what should have been a frame."""
    return f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"


def shrink(frame_bgr: U8, size: tuple[int, int]) -> U8:
    """The frame at network size: halved while that leaves enough, then linear: 8x faster than INTER_AREA at 1080p."""
    h, w = frame_bgr.shape[:2]
    while w >= 2 * size[0] and h >= 2 * size[1]:
        w, h = w // 2, h // 2
        frame_bgr = cv2.resize(frame_bgr, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
    return cv2.resize(frame_bgr, size, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)


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
