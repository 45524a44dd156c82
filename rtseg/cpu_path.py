"""A frame's way to its composite on the CPU: resize, infer, fit the edge, blend."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from time import perf_counter

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.errors import ModelError
from rtseg.models.foreign import ForeignModel
from rtseg.models.model import Model, Network
from rtseg.pixels.blur import blurred_room
from rtseg.pixels.colours import apart, rim_step
from rtseg.pixels.composite import blend, full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.follow import Follower
from rtseg.pixels.geometry import scaled
from rtseg.pixels.matte import fit_coefficients, grey_of, motion, remembered, steadied
from rtseg.pixels.shrink import shrink
from rtseg.pixels.specks import without_specks
from rtseg.pixels.view import View, people

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
Memory = tuple[F32, F32]  # alpha and grey of the last frame, hxw at network size
STAGES = ("resize", "infer", "matte", "room", "blend")
# Motion (see matte.py) below which the last answer of the network is as good as a new one, and for how many frames at
# most: well above a sensor's noise, well below what a hand or a face does.
QUIET, LONGEST_REST = 0.012, 30
SCAN, LEAST_SCAN = 0.25, 6144  # of the network's pixels that a look at the whole frame takes beside the box, at least
SMALLEST = 8  # pixels: side of a network's picture below which the filters have nothing to work on


@dataclass
class State:
    """What lasts from frame to frame of one size; W and H are the view's grid, w and h its box: see view.py."""

    view: View
    alpha: F32  # hxw, the network's last answer
    a: F32  # HxW, see matte.py and composite.py
    b: F32
    grey: F32 | None = None  # hxw, the last frame
    coarse: F32 | None = None  # the whole frame, when it was last looked at for what moves in it; None in a whole view
    seen: U8 | None = None  # HxWx3, the last frame that the network saw
    rested: int = 0  # frames since then
    blur: float | None = None  # strength that was blurred by then; None before a background
    controls: Edge = PLAIN  # of the edge by then
    gone: U8 | None = None  # hxw, see specks.py
    step: U8 | None = None  # nxWx3, see colours.py
    room: U8 | None = None  # nxWx3, the blurred room


@dataclass
class Sight:
    """A frame as one view shows it."""

    view: View
    small: U8  # HxWx3, the whole frame
    inside: U8  # hxwx3, the box in it
    grey: F32  # hxw, of the box
    moved: F32 | None  # hxw, since the last frame; None where that does not count
    alpha: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # hxw, of the network


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
        self._plain = size
        self._state = State(view=View.whole(size), alpha=nothing, a=nothing, b=nothing)
        # Only our own files of free size: another's net may keep states of one size, or know whole frames alone.
        can_follow = isinstance(model, Model) and model.static is None
        scan = model.size_for(width, height, max(round(area * SCAN), LEAST_SCAN))
        self._follower = Follower((width, height), size, scan, area) if can_follow else None
        self.follow = False  # give the network a box around the person of the last frames

    def composite(self, frame_bgr: U8, background: U8 | None, blur: float, out: U8, controls: Edge = PLAIN) -> None:
        """Write to `out` the person before the background or, where that is None, before the blurred room.

        frame_bgr, background, out: uint8 HxWx3 BGR, contiguous. Raises ModelError when there is no good alpha.
        """
        state = self._state
        marks = [perf_counter()]
        if self._follower:
            self._follower.tick()
        small = shrink(frame_bgr, state.view.grid)
        strength = blur if background is None else None
        same = strength == state.blur and controls == state.controls
        self.skipped = self.save_power and same and self._quiet(small)
        if self.skipped:
            state.rested += 1
            marks += [perf_counter()] * (len(STAGES) - 1)
        else:
            marks += self._look(small, frame_bgr, strength, controls)
        room = state.room if background is None else background
        assert room is not None
        blend(frame_bgr, room, state.a, state.b, out, state.step)
        marks.append(perf_counter())
        self.timings = {s: 1e3 * (t1 - t0) for s, t0, t1 in zip(STAGES, marks, marks[1:], strict=False)}

    def _quiet(self, small: U8) -> bool:
        """Whether what the network said of the last frame that it saw still holds."""
        state = self._state
        if state.seen is None or state.grey is None or state.rested >= LONGEST_REST:
            return False
        grey = grey_of(small)
        if not is_still(grey, grey_of(state.seen), QUIET):
            return False
        # Blue and red, which are noisier: who is as bright as the wall would else leave it bare.
        if not all(is_still(plane(small, c), plane(state.seen, c), 2 * QUIET) for c in (0, 2)):
            return False
        state.grey = state.view.of(grey)
        return True

    def _look(self, small: U8, frame_bgr: U8, blur: float | None, controls: Edge) -> list[float]:
        """Infer and fit the edge, and blur the room if asked; the times at which resize, infer, matte, room ended."""
        state, width = self._state, frame_bgr.shape[1]
        inside = state.view.of(small)
        grey = grey_of(inside)
        moved = None if state.grey is None else motion(grey, state.grey)
        marks = [perf_counter()]
        now = Sight(state.view, small, inside, grey, moved)
        if self.follow and self._follower:
            sight = self._followed(self._follower, frame_bgr, now)
        else:
            sight = self._seen_from(View.whole(self._plain), frame_bgr, now)
        marks.append(perf_counter())
        view, alpha = sight.view, sight.alpha
        shown, gone = alpha, None
        if controls.specks:
            same = controls == state.controls and view == state.view and sight.moved is not None
            kept, gone = without_specks(view.on_grid(alpha), controls.specks, state.gone if same else None)
            shown = view.of(kept)
        self._fit(sight, shown, controls)
        if blur is None:
            person, room = apart(sight.inside, shown)
            state.step = widened(view.on_grid_of_quarters(rim_step(person, room)), width, state.step)
        marks.append(perf_counter())
        if blur is not None:
            # Behind a soft edge stands nearly the room's own colour: to put the person's in its place would glow.
            state.step = None
            _, room = apart(*self._at_plain_size(sight, shown))
            state.room = widened(blurred_room(room, blur), width, state.room)
        marks.append(perf_counter())
        state.view, state.alpha, state.grey = view, alpha, sight.grey
        state.seen, state.rested, state.gone = sight.small, 0, gone
        if view.is_whole:
            state.coarse = None
        state.blur, state.controls = blur, controls
        return marks

    def _infer(self, sight: Sight, before: F32) -> Sight:
        """Fill in its alpha, steadied; before: the last frame's alpha in the same box, hxw."""
        if sight.moved is None:
            self.model.reset()
            alpha = self.model.run(sight.inside, np.zeros_like(sight.grey))
            sight.alpha = np.ascontiguousarray(alpha)
        else:
            alpha = self.model.run(sight.inside, remembered(before, sight.moved))
            # A net with states of its own finds its people by and by, also where nothing moves: it may change its mind.
            own_memory = isinstance(self.model, ForeignModel) and self.model.signature.states
            sight.alpha = np.ascontiguousarray(alpha) if own_memory else steadied(alpha, before, sight.moved)
        return sight

    def _followed(self, follower: Follower, frame_bgr: U8, now: Sight) -> Sight:
        """The frame as the view shows it that the follower chooses; now: as the last frame's view does."""
        state = self._state
        first, cut = state.seen is None and state.grey is None, state.grey is not None and now.moved is None
        if not first and not cut and follower.looks_around:
            beyond = not (now.view.is_whole and follower.view.is_whole)
            change = self._change(now.small) if beyond else now.moved
            cut = beyond and change is None
            if change is not None and (size := follower.scan(change)):
                follower.scanned(self.model.run(shrink(now.small, size), np.zeros(size[::-1], np.float32)))
        if first or cut:
            follower.restart()
            now.moved = None
        sight = self._seen_from(follower.view, frame_bgr, now)
        found = people(sight.alpha, sight.view)
        if follower.again(found):
            sight = self._seen_from(follower.view, frame_bgr, now)
            found = people(sight.alpha, sight.view)
        follower.settle(found)
        return sight

    def _seen_from(self, view: View, frame_bgr: U8, now: Sight) -> Sight:
        """The frame in another view, with what is remembered carried over; what was not seen before has all moved."""
        before = self._state.alpha
        if view == now.view:
            return self._infer(replace(now), before)
        small = shrink(frame_bgr, view.grid)
        inside = view.of(small)
        moved = None if now.moved is None else now.view.seen_from(view, now.moved, outside=1.0)
        return self._infer(Sight(view, small, inside, grey_of(inside), moved), now.view.seen_from(view, before))

    def _change(self, small: U8) -> F32 | None:
        """What moved in the whole frame, float32 hxw at half the plain size; None after a cut."""
        state = self._state
        assert state.seen is not None
        size = (self._plain[0] // 2, self._plain[1] // 2)
        before = grey_of(shrink(state.seen, size)) if state.coarse is None else state.coarse
        state.coarse = grey_of(shrink(small, size))
        return motion(state.coarse, before)

    def _fit(self, sight: Sight, shown: F32, controls: Edge) -> None:
        """Put the edge's coefficients in place; outside the box alpha is 0, whatever the grey there."""
        state = self._state
        a, b = fit_coefficients(sight.grey, shown, controls)
        if sight.view.is_whole:
            state.a, state.b = a, b
            return
        if sight.view != state.view:
            nothing = np.zeros(sight.view.grid[::-1], np.float32)
            state.a, state.b = nothing, nothing - 1
        x, y, w, h = sight.view.box
        state.a[y : y + h, x : x + w], state.b[y : y + h, x : x + w] = a, b

    def _at_plain_size(self, sight: Sight, shown: F32) -> tuple[U8, F32]:
        """Frame and alpha as the room is blurred from them: of one size, or a weak blur would change with the view."""
        if sight.view.is_whole:
            return sight.small, shown
        alpha = cv2.resize(sight.view.on_grid(shown), self._plain, interpolation=cv2.INTER_LINEAR)
        return shrink(sight.small, self._plain), np.asarray(alpha, np.float32)

    def forget(self) -> None:
        """Treat the next frame as the first."""
        self._state.grey = None

    @property
    def network_alpha(self) -> F32:
        """float32 HxW of the last frame, of all of it, whatever box in it the network has seen."""
        return self._state.view.on_grid(self._state.alpha)

    @property
    def memory(self) -> Memory | None:
        """What the next frame will be told of the last one, of the whole frame; None before the first."""
        state = self._state
        if state.grey is None or state.view.is_whole or state.seen is None:
            return None if state.grey is None else (state.alpha, state.grey)
        return self.network_alpha, grey_of(state.seen)

    def remember(self, memory: Memory) -> None:
        """Go on from what another path, of any size, knew of the last frame; for a path that has seen none."""
        self._state.alpha, self._state.grey = (scaled(plane, self._state.view.grid) for plane in memory)

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
