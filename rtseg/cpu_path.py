"""A frame's way to its composite on the CPU: resize, infer, fit the edge, blend."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import ModelError
from rtseg.models.model import Network
from rtseg.pixels.blur import blurred_room
from rtseg.pixels.colours import apart, rim_step
from rtseg.pixels.composite import blend, full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.geometry import scaled
from rtseg.pixels.matte import fit_coefficients, grey_of, motion, remembered, steadied, without_specks
from rtseg.pixels.shrink import shrink

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Memory = tuple[F32, F32]  # alpha and grey of the last frame, hxw at network size
STAGES = ("resize", "infer", "matte", "room", "blend")
# Motion (see matte.py) below which the last answer of the network is as good as a new one, and for how many frames at
# most: well above a sensor's noise, well below what a hand or a face does.
QUIET, LONGEST_REST = 0.012, 30
SMALLEST = 8  # pixels: side of a network's picture below which the filters have nothing to work on


@dataclass
class State:
    """What lasts from frame to frame of one size; h and w are the network's."""

    size: tuple[int, int]  # (w, h)
    alpha: F32  # hxw, the network's last answer
    a: F32  # hxw, see matte.py and composite.py
    b: F32
    grey: F32 | None = None  # hxw, the last frame
    seen: U8 | None = None  # hxwx3, the last frame that the network saw
    rested: int = 0  # frames since then
    blur: float | None = None  # strength that was blurred by then; None before a background
    controls: Edge = PLAIN  # of the edge by then
    step: U8 | None = None  # nxWx3, see colours.py
    room: U8 | None = None  # nxWx3, the blurred room


class CpuPath:
    """Frames of one size to composites.

    Args:
        model: the network.
        width, height: of the frames.
        area: pixels at network size.

    Raises ModelError when the network's picture is too small.
    """

    def __init__(self, model: Network, width: int, height: int, area: int) -> None:
        self.model, self.area = model, area
        self.save_power = False  # leave the network out where nothing moves
        self.skipped = False  # it was left out for the last frame
        self.timings: dict[str, float] = {}
        size = model.size_for(width, height, area)
        if min(size) < SMALLEST:
            raise ModelError(
                f"{model.path} works at {size[0]}x{size[1]} pixels; at least {SMALLEST} on each side needed"
            )
        nothing = np.zeros(size[::-1], np.float32)
        self._state = State(size=size, alpha=nothing, a=nothing, b=nothing)

    def composite(self, frame_bgr: U8, background: U8 | None, blur: float, out: U8, controls: Edge = PLAIN) -> None:
        """Write to `out` the person before the background or, where that is None, before the blurred room.

        frame_bgr, background, out: uint8 HxWx3 BGR, contiguous. Raises ModelError when there is no good alpha.
        """
        state = self._state
        marks = [perf_counter()]
        small = shrink(frame_bgr, state.size)
        grey = grey_of(small)
        strength = blur if background is None else None
        same = strength == state.blur and controls == state.controls
        self.skipped = self.save_power and same and self._quiet(small, grey)
        if self.skipped:
            state.rested += 1
            marks += [perf_counter()] * (len(STAGES) - 1)
        else:
            marks += self._look(small, grey, frame_bgr.shape[1], strength, controls)
        room = state.room if background is None else background
        assert room is not None
        blend(frame_bgr, room, state.a, state.b, out, state.step)
        marks.append(perf_counter())
        state.grey = grey
        self.timings = {s: 1e3 * (t1 - t0) for s, t0, t1 in zip(STAGES, marks, marks[1:], strict=False)}

    def _quiet(self, small: U8, grey: F32) -> bool:
        """Whether what the network said of the last frame that it saw still holds."""
        state = self._state
        if state.seen is None or state.grey is None or state.rested >= LONGEST_REST:
            return False
        if not is_still(grey, grey_of(state.seen), QUIET):
            return False
        # Blue and red, which are noisier: who is as bright as the wall would else leave it bare.
        return all(is_still(plane(small, c), plane(state.seen, c), 2 * QUIET) for c in (0, 2))

    def _look(self, small: U8, grey: F32, width: int, blur: float | None, controls: Edge) -> list[float]:
        """Infer and fit the edge, and blur the room if asked; the times at which resize, infer, matte, room ended."""
        state = self._state
        moved = None if state.grey is None else motion(grey, state.grey)
        if moved is None:
            self.model.reset()
        previous = np.zeros_like(grey) if moved is None else remembered(state.alpha, moved)
        marks = [perf_counter()]
        alpha = self.model.run(small, previous)
        marks.append(perf_counter())
        alpha = np.ascontiguousarray(alpha) if moved is None else steadied(alpha, state.alpha, moved)
        shown = without_specks(alpha, controls.specks) if controls.specks else alpha
        state.a, state.b = fit_coefficients(grey, shown, controls)
        person, room = apart(small, shown)
        if blur is None:
            state.step = widened(rim_step(person, room), width, state.step)
        marks.append(perf_counter())
        if blur is not None:
            # Behind a soft edge stands nearly the room's own colour: to put the person's in its place would glow.
            state.step = None
            state.room = widened(blurred_room(room, blur), width, state.room)
        marks.append(perf_counter())
        state.alpha, state.seen, state.rested = alpha, small, 0
        state.blur, state.controls = blur, controls
        return marks

    def forget(self) -> None:
        """Treat the next frame as the first."""
        self._state.grey = None

    @property
    def memory(self) -> Memory | None:
        """What the next frame will be told of the last one; None before the first."""
        return None if self._state.grey is None else (self._state.alpha, self._state.grey)

    def remember(self, memory: Memory) -> None:
        """Go on from what another path, of any size, knew of the last frame."""
        self._state.alpha, self._state.grey = (scaled(plane, self._state.size) for plane in memory)

    def alpha(self, frame_bgr: U8) -> F32:
        """float32 HxW of the last frame, which has to be given again."""
        out = np.empty(frame_bgr.shape[:2], np.float32)
        full_alpha(frame_bgr, self._state.a, self._state.b, out)
        return out


def plane(small_bgr: U8, channel: int) -> F32:
    """One colour, float32 hxw in 0..1."""
    return small_bgr[..., channel] * np.float32(1 / 255)


def is_still(now: F32, before: F32, limit: float) -> bool:
    """Whether nothing moved by `limit` or more between two pictures, float32 hxw in 0..1."""
    moved = motion(now, before)
    return moved is not None and float(moved.max()) < limit


def widened(picture: U8, width: int, out: U8 | None = None) -> U8:
    """hxwx3 to hxwidthx3, linear, in `out` if that fits: the vertical half of the upsampling happens in the blend."""
    size = (width, picture.shape[0])
    return cv2.resize(picture, size, dst=out, interpolation=cv2.INTER_LINEAR).astype(np.uint8, copy=False)
