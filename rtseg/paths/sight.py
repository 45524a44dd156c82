"""What the network is shown of a frame, the whole of it or a box around the people, and what is remembered of that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.models.model import Segmenter
from rtseg.pixels.follow import Follower
from rtseg.pixels.geometry import scaled
from rtseg.pixels.light import brightened, gain_for
from rtseg.pixels.matte import grey_of, motion, remembered, steadied
from rtseg.pixels.shrink import shrink
from rtseg.pixels.view import View, people

Memory = tuple[F32, F32]  # alpha and grey of the last frame, hxw at network size
# Motion (see matte.py) below which the last answer of the network is as good as a new one, and for how many frames at
# most: well above a sensor's noise, well below what a hand or a face does.
QUIET, LONGEST_REST = 0.012, 30
SCAN, LEAST_SCAN = 0.25, 6144  # of the network's pixels that a look at the whole frame takes beside the box, at least


@dataclass
class Sight:
    """A frame as one view shows it; W and H are the view's grid, w and h its box: see view.py."""

    view: View
    small: U8  # HxWx3, the whole frame
    inside: U8  # hxwx3, the box in it
    grey: F32  # hxw, of the box
    moved: F32 | None  # hxw, since the last frame; None where that does not count
    alpha: F32 = field(default_factory=lambda: np.zeros((0, 0), np.float32))  # hxw, of the network


class Eye:
    """Looks at frames of one size with a network, each with the last one in mind.

    Args:
        model: the network.
        width, height: of the frames.
        area: pixels at network size.
    """

    def __init__(self, model: Segmenter, width: int, height: int, area: int) -> None:
        self.model = model
        self.plain = model.size_for(width, height, area)  # the network's size for the whole frame
        scan = model.size_for(width, height, max(round(area * SCAN), LEAST_SCAN))
        self._follower = Follower((width, height), self.plain, scan, area) if model.follows else None
        self.view = View.whole(self.plain)  # of the last frame, as all that follows
        self.alpha: F32 = np.zeros(self.plain[::-1], np.float32)  # hxw, the network's last answer
        self._grey: F32 | None = None  # hxw
        self._coarse: F32 | None = None  # all of it, when it was last looked at for what moves; None in a whole view
        self._seen: U8 | None = None  # HxWx3, the last frame that the network saw
        self._rested = 0  # frames since then

    def glimpse(self, frame_bgr: U8) -> U8:
        """A frame, uint8 HxWx3, small as the last one's view has it."""
        if self._follower:
            self._follower.tick()
        return shrink(frame_bgr, self.view.grid)

    def rests(self, small: U8) -> bool:
        """Whether what the network said of the last frame that it saw still holds, for not too long; noted if so."""
        if self._seen is None or self._grey is None or self._rested >= LONGEST_REST:
            return False
        grey = grey_of(small)
        if not is_still(grey, grey_of(self._seen), QUIET):
            return False
        # Blue and red, which are noisier: who is as bright as the wall would else leave it bare.
        if not all(is_still(plane(small, c), plane(self._seen, c), 2 * QUIET) for c in (0, 2)):
            return False
        self._grey = self.view.of(grey)
        self._rested += 1
        return True

    def first_sight(self, small: U8) -> Sight:
        """A frame as the last one's view shows it, before the network has seen it."""
        inside = self.view.of(small)
        grey = grey_of(inside)
        moved = None if self._grey is None else motion(grey, self._grey)
        return Sight(self.view, small, inside, grey, moved)

    def look(self, frame_bgr: U8, now: Sight, follow: bool) -> Sight:
        """With the network's answer; in a box around the people of the last frames if it may `follow` them."""
        if follow and self._follower:
            return self._followed(self._follower, frame_bgr, now)
        return self._seen_from(View.whole(self.plain), frame_bgr, now)

    def keep(self, sight: Sight) -> None:
        """Have this in mind for the next frame."""
        self.view, self.alpha, self._grey = sight.view, sight.alpha, sight.grey
        self._seen, self._rested = sight.small, 0
        if sight.view.is_whole:
            self._coarse = None

    def _followed(self, follower: Follower, frame_bgr: U8, now: Sight) -> Sight:
        """The frame as the view shows it that the follower chooses; now: as the last frame's view does."""
        first, cut = self._seen is None and self._grey is None, self._grey is not None and now.moved is None
        if not first and not cut and follower.looks_around:
            beyond = not (now.view.is_whole and follower.view.is_whole)
            change = self._change(now.small) if beyond else now.moved
            cut = beyond and change is None
            if change is not None and (size := follower.scan(change)):
                seen = brightened(shrink(now.small, size), gain_for(now.small))
                follower.scanned(self.model.run(seen, np.zeros(size[::-1], np.float32)))
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
        if view == now.view:
            return self._infer(replace(now), self.alpha)
        small = shrink(frame_bgr, view.grid)
        inside = view.of(small)
        moved = None if now.moved is None else now.view.seen_from(view, now.moved, outside=1.0)
        return self._infer(Sight(view, small, inside, grey_of(inside), moved), now.view.seen_from(view, self.alpha))

    def _infer(self, sight: Sight, before: F32) -> Sight:
        """Fill in its alpha, steadied; before: the last frame's alpha in the same box, hxw."""
        seen = brightened(sight.inside, gain_for(sight.small))
        if sight.moved is None:
            self.model.reset()
            alpha = self.model.run(seen, np.zeros_like(sight.grey))
            sight.alpha = np.ascontiguousarray(alpha)
        else:
            alpha = self.model.run(seen, remembered(before, sight.moved))
            # A net with states of its own finds its people by and by, also where nothing moves: it may change its mind.
            sight.alpha = np.ascontiguousarray(alpha if self.model.remembers else steadied(alpha, before, sight.moved))
        return sight

    def _change(self, small: U8) -> F32 | None:
        """What moved in the whole frame, float32 hxw at half the plain size; None after a cut."""
        assert self._seen is not None
        size = (self.plain[0] // 2, self.plain[1] // 2)
        before = grey_of(shrink(self._seen, size)) if self._coarse is None else self._coarse
        self._coarse = grey_of(shrink(small, size))
        return motion(self._coarse, before)

    def forget(self) -> None:
        """Treat the next frame as the first."""
        self._grey = None

    @property
    def whole_alpha(self) -> F32:
        """float32 HxW of the last frame, of all of it, whatever box in it the network has seen."""
        return self.view.on_grid(self.alpha)

    @property
    def memory(self) -> Memory | None:
        """What the next frame will be told of the last one, of the whole frame; None before the first."""
        if self._grey is None or self.view.is_whole or self._seen is None:
            return None if self._grey is None else (self.alpha, self._grey)
        return self.whole_alpha, grey_of(self._seen)

    def remember(self, memory: Memory) -> None:
        """Go on from what another eye, of any size, knew of the last frame; for one that has seen none."""
        self.alpha, self._grey = (scaled(plane, self.view.grid) for plane in memory)


def plane(small_bgr: U8, channel: int) -> F32:
    """One colour, float32 hxw in 0..1."""
    return small_bgr[..., channel] * np.float32(1 / 255)


def is_still(now: F32, before: F32, limit: float) -> bool:
    """Whether nothing moved by `limit` or more between two pictures, float32 hxw in 0..1."""
    moved = motion(now, before)
    return moved is not None and float(moved.max()) < limit
