"""A frame's way to its composite on the CPU: resize, infer, fit the edge, blend."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import cv2
import numpy as np

from rtseg.arrays import F32, U8, u8
from rtseg.errors import ModelError
from rtseg.models.model import Segmenter
from rtseg.paths.sight import Eye, Memory, Sight
from rtseg.pixels.blur import blurred_room
from rtseg.pixels.buffers import BufferPool
from rtseg.pixels.cache import troubles
from rtseg.pixels.colours import apart, rim_step
from rtseg.pixels.composite import blend, full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.guided import CELL
from rtseg.pixels.matte import fit_coefficients
from rtseg.pixels.shrink import shrink
from rtseg.pixels.specks import without_specks

STAGES = ("resize", "infer", "matte", "room", "blend")
SMALLEST = 8  # pixels: side of a network's picture below which the filters have nothing to work on


@dataclass
class Layers:
    """What a frame is blended by, until the network has looked again; W and H are the view's grid: see view.py."""

    fit: F32  # 4 x H/2 x W/2, see matte.py and composite.py
    blur: float | None = None  # strength that was blurred by; None before a background
    controls: Edge = PLAIN  # of the edge
    gone: U8 | None = None  # hxw, see specks.py
    step: U8 | None = None  # nxWx3, see colours.py
    room: U8 | None = None  # nxWx3, the blurred room


class CpuPath:
    """Frames of one size to composites; a `FramePath`, see path.py.

    Args:
        model: the network.
        width, height: of the frames.
        area: pixels at network size.

    Raises ModelError when the network's picture is too small.
    """

    def __init__(self, model: Segmenter, width: int, height: int, area: int) -> None:
        self.model, self.area = model, area
        self.save_power = self.follow = self.skipped = False
        self.timings: dict[str, float] = {}
        self._frame = width, height
        self._pool = BufferPool()
        size = model.size_for(width, height, area)
        if min(size) < SMALLEST:
            raise ModelError(
                f"{model.path} works at {size[0]}x{size[1]} pixels; at least {SMALLEST} on each side needed"
            )
        self._begin()

    def _begin(self) -> None:
        self._eye = Eye(self.model, *self._frame, self.area)
        self._layers = Layers(fit=np.zeros((4, 2, 2), np.float32))

    def composite(self, frame_bgr: U8, background: U8 | None, blur: float, controls: Edge = PLAIN) -> U8:
        """The person before the background or, where that is None, before the blurred room.

        frame_bgr, background and the result: uint8 HxWx3 BGR, contiguous. Raises ModelError without a good alpha.
        """
        eye, layers = self._eye, self._layers
        marks = [perf_counter()]
        small = eye.glimpse(frame_bgr)
        strength = blur if background is None else None
        same = strength == layers.blur and controls == layers.controls
        self.skipped = self.save_power and same and eye.rests(small)
        if self.skipped:
            marks += [perf_counter()] * (len(STAGES) - 1)
        else:
            marks += self._look(small, frame_bgr, strength, controls)
        room = layers.room if background is None else background
        assert room is not None
        out = self._pool.get(frame_bgr.shape)
        blend(frame_bgr, room, layers.fit, out, layers.step)
        marks.append(perf_counter())
        self.timings = {s: 1e3 * (t1 - t0) for s, t0, t1 in zip(STAGES, marks, marks[1:], strict=False)}
        return out

    def _look(self, small: U8, frame_bgr: U8, blur: float | None, controls: Edge) -> list[float]:
        """Infer and fit the edge, and blur the room if asked; the times at which resize, infer, matte, room ended."""
        eye, layers, width = self._eye, self._layers, frame_bgr.shape[1]
        now = eye.first_sight(small)
        marks = [perf_counter()]
        sight = eye.look(frame_bgr, now, self.follow)
        marks.append(perf_counter())
        view, shown, gone = sight.view, sight.alpha, None
        if controls.specks:
            same = controls == layers.controls and view == eye.view and sight.moved is not None
            kept, gone = without_specks(view.on_grid(sight.alpha), controls.specks, layers.gone if same else None)
            shown = view.of(kept)
        self._fit(sight, shown, controls)
        if blur is None:
            person, room = apart(sight.inside, shown)
            layers.step = widened(view.on_grid_of_quarters(rim_step(person, room)), width, layers.step)
        marks.append(perf_counter())
        if blur is not None:
            # Behind a soft edge stands nearly the room's own colour: to put the person's in its place would glow.
            layers.step = None
            _, room = apart(*self._at_plain_size(sight, shown))
            layers.room = widened(blurred_room(room, blur), width, layers.room)
        marks.append(perf_counter())
        eye.keep(sight)
        layers.blur, layers.controls, layers.gone = blur, controls, gone
        return marks

    def _fit(self, sight: Sight, shown: F32, controls: Edge) -> None:
        """Put the edge's coefficients in place; outside the box alpha is 0, whatever the colour there."""
        layers, (x, y, w, h) = self._layers, (v // CELL for v in sight.view.box)
        fit = fit_coefficients(sight.inside, shown, controls)
        if sight.view.is_whole:
            layers.fit = fit
            return
        if sight.view != self._eye.view:
            width, height = (v // CELL for v in sight.view.grid)
            layers.fit = np.zeros((4, height, width), np.float32)
            layers.fit[3] = -1
        layers.fit[:, y : y + h, x : x + w] = fit

    def _at_plain_size(self, sight: Sight, shown: F32) -> tuple[U8, F32]:
        """Frame and alpha as the room is blurred from them: of one size, or a weak blur would change with the view."""
        if sight.view.is_whole:
            return sight.small, shown
        plain = self._eye.plain
        alpha = cv2.resize(sight.view.on_grid(shown), plain, interpolation=cv2.INTER_LINEAR)
        return shrink(sight.small, plain), np.asarray(alpha, np.float32)

    def alpha(self, frame_bgr: U8) -> F32:
        """float32 HxW of the last frame, which has to be given again."""
        out = np.empty(frame_bgr.shape[:2], np.float32)
        full_alpha(frame_bgr, self._layers.fit, out)
        return out

    @property
    def network_alpha(self) -> F32:
        """float32 HxW of the last frame, of all of it, whatever box in it the network has seen."""
        return self._eye.whole_alpha

    @property
    def memory(self) -> Memory | None:
        """What the next frame will be told of the last one, of the whole frame; None before the first."""
        return self._eye.memory

    def remember(self, memory: Memory) -> None:
        """Go on from what another path, of any size, knew of the last frame; for a path that has seen none."""
        self._eye.remember(memory)

    def forget(self) -> None:
        """Tell the next frame nothing of the last one."""
        self._eye.forget()

    def reset(self) -> None:
        """Begin anew: nothing of the frames so far is kept."""
        self.model.reset()
        self._begin()

    @property
    def remark(self) -> str | None:
        """Compiled code that can't be kept."""
        return "; ".join(troubles()) or None


def widened(picture: U8, width: int, out: U8 | None = None) -> U8:
    """hxwx3 to hxwidthx3, linear, in `out` if that fits: the vertical half of the upsampling happens in the blend."""
    size = (width, picture.shape[0])
    return u8(cv2.resize(picture, size, dst=out, interpolation=cv2.INTER_LINEAR))
