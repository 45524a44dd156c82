"""Which part of the frame the network looks at: a box around the people of the last frames, in steps. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np

from rtseg.arrays import F32
from rtseg.pixels.view import CELL, Extent, View, closest, nearest, outside, people, union, with_margin

BETTER = 1.12  # pixels along a side, over the view's now, that a closer one must give
HOLD = 45  # frames that people have kept to a smaller box before the view becomes one
SELDOM = 4  # frames between two thoughts about it
NEAR = 0.03  # of the box's side: who is nearer to its edge is given more room
BEYOND = 0.003  # of the frame: people outside the box, in a scan, that count
RHYTHM = 6  # frames between scans of the whole frame where nothing moves outside the box,
SEARCH = 5  # and where something does,
EVERY = 2  # which is looked for as often
MOVING = 0.03  # motion (see matte.py) outside the box from which one looks there
SHAKEN = 0.35  # of the frame that moves: the camera does


class Follower:
    """Chooses the view of each frame.

    Args:
        frame: its (width, height).
        plain, small: the network's sizes for all of it, as without following and for a scan.
        area: pixels that the network may be given.
    """

    def __init__(self, frame: tuple[int, int], plain: tuple[int, int], small: tuple[int, int], area: int) -> None:
        self._frame, self._plain, self._small, self._area = frame, plain, small, area
        self._now = 0
        self._recent: deque[tuple[int, Extent]] = deque()
        self.restart()

    def restart(self) -> None:
        """Nothing is known: the next look is at the whole frame, and at once another one closer."""
        self.view = View.whole(self._plain)
        self._first = True
        self._before: View | None = None  # the view before somebody was seen outside it
        self._vain = 0  # times that this was nobody, in a row; at most 2
        self._forget()

    def _forget(self) -> None:
        self._recent.clear()
        self._since = self._scanned = self._now
        self._searched = self._now - SEARCH

    def tick(self) -> None:
        """Another frame has come."""
        self._now += 1

    @property
    def looks_around(self) -> bool:
        """Whether what moved in the whole frame is to be told for this one."""
        return self._now % EVERY == 0

    def scan(self, moved: F32) -> tuple[int, int] | None:
        """At what size (w, h) to look at the whole frame too, if at all; moved: in it, float32 hxw, see matte.py.

        Small on a rhythm, in full where something moves outside the box. A camera that moves makes the view the whole
        frame.
        """
        if np.count_nonzero(moved > MOVING) > SHAKEN * moved.size:
            self.view = View.whole(self._plain)
            self._forget()
        if self.view.is_whole:
            return None
        if self._now - self._searched >= SEARCH and float(outside(moved, self.view, 2).max()) > MOVING:
            self._searched = self._scanned = self._now
            return self._plain
        if self._now - self._scanned >= RHYTHM << self._vain:
            self._scanned = self._now
            return self._small
        return None

    def scanned(self, alpha: F32) -> None:
        """Take the alpha of the whole frame, float32 hxw at any size: who is outside the box comes into it."""
        beyond = outside(alpha, self.view, 2) > 0.5
        if np.count_nonzero(beyond) < BEYOND * alpha.size:
            return
        whole = View.whole((alpha.shape[1], alpha.shape[0]))
        found = [e for e in people(alpha, whole) if nearest(e, self.view) < 0]
        if found:
            self._before = self.view
            self.view = self._fit([*found, *self._kept])

    def again(self, found: Sequence[Extent]) -> bool:
        """Whether this frame needs another look, with the view as it is then; found: the people in the view's box.

        So it is for the first frame, for people whom the box's edge cuts, and after a scan that was wrong.
        """
        first, self._first = self._first, False
        tried, before = self.view, self._before
        self._before = None
        if before and (not found or nearest(union(found), before) >= 0):
            self.view, self._vain = before, min(self._vain + 1, 2)
        elif found and (first or nearest(union(found), self.view) * min(self.view.box[2:]) < CELL):
            self.view, self._since = self._fit([self._beyond(union(found)), *self._kept]), self._now
        if before and self.view != before:
            self._vain, self._since = 0, self._now
        return self.view != tried

    def settle(self, found: Sequence[Extent]) -> None:
        """Choose the view of the next frame; found: the people in this frame's view's box."""
        if not found:
            self.view = View.whole(self._plain)
            self._forget()
            return
        extent = union(found)
        self._recent.append((self._now, extent))
        while self._now - self._recent[0][0] > HOLD:
            self._recent.popleft()
        near = nearest(extent, self.view) < NEAR
        if near or (self._now - self._since >= HOLD and self._now % SELDOM == 0):
            wanted = self._fit(self._kept)
            if near or wanted.grid[0] * wanted.grid[1] >= BETTER**2 * self.view.grid[0] * self.view.grid[1]:
                self.view, self._since = wanted, self._now

    @property
    def _kept(self) -> list[Extent]:
        return [extent for _, extent in self._recent]

    def _fit(self, extents: Iterable[Extent]) -> View:
        return closest(with_margin(union(extents)), self._frame, self._plain, self._area)

    def _beyond(self, extent: Extent) -> Extent:
        """Larger by a tenth of the frame where the box's edge cuts it: nobody knows how far it goes on."""
        (gw, gh), (x, y, w, h) = self.view.grid, self.view.box
        left, top, right, bottom = extent
        cell_x, cell_y = CELL / gw, CELL / gh
        return (
            left - 0.1 * (x > 0 and left < x / gw + cell_x),
            top - 0.1 * (y > 0 and top < y / gh + cell_y),
            right + 0.1 * (x + w < gw and right > (x + w) / gw - cell_x),
            bottom + 0.1 * (y + h < gh and bottom > (y + h) / gh - cell_y),
        )
