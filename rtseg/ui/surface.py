"""The session's side of the control page: the newest moment, kept for who asks, and the orders that came in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from rtseg.arrays import U8
from rtseg.live.overlay import Shown
from rtseg.live.settings import Settings
from rtseg.live.surface import News, Order

MOST_ORDERS = 64  # that may wait; a session takes them many times a second
MOST_LINES = 20  # told, kept until all pages have them


@dataclass(frozen=True)
class Moment:
    """What was shown last. Pictures are uint8 HxWx3 BGR, not to be written to."""

    number: int
    image: U8  # what goes to the outputs
    room: U8 | None  # the camera's own picture, kept only while a page may see it
    settings: Settings
    news: News


class OnPage:
    """A surface whose pictures wait to be fetched: the loop swaps a reference under a lock, and never waits for a page.

    Of the room nothing is kept but while a page may see it, which ends by the clock whatever the server does.
    """

    hint: str | None = None

    def __init__(self) -> None:
        self.pages = 0  # that are open
        self._room_until = float("-inf")  # monotonic seconds
        self._lock = Lock()
        self._number = 0
        self._moment: Moment | None = None
        self._orders: deque[Order] = deque()
        self._lines: deque[tuple[int, str]] = deque(maxlen=MOST_LINES)
        self.told = 0  # lines, so far

    @property
    def watched(self) -> bool:
        return self.pages > 0

    def show(self, shown: Shown, settings: Settings, news: News) -> None:
        self._number += 1
        room = shown.frame_bgr if time.monotonic() < self._room_until and not settings.paused else None
        moment = Moment(self._number, shown.image, room, settings, news)
        with self._lock:
            self._moment = moment

    def orders(self) -> Iterable[Order]:
        if not self._orders:
            return ()
        with self._lock:
            waiting, self._orders = self._orders, deque()
        return waiting

    def tell(self, text: str) -> None:
        with self._lock:
            self.told += 1
            self._lines.append((self.told, text))

    def ask(self, order: Order) -> bool:
        """Leave an order; False when too many wait. May be called from any thread, as all below."""
        with self._lock:
            if len(self._orders) >= MOST_ORDERS:
                return False
            self._orders.append(order)
            return True

    def show_room(self, until: float) -> None:
        """Keep the camera's own picture of each moment until then, in monotonic seconds."""
        self._room_until = max(self._room_until, until)

    @property
    def moment(self) -> Moment | None:
        """The newest one."""
        with self._lock:
            return self._moment

    def lines_after(self, number: int) -> list[tuple[int, str]]:
        """What was told since line `number`."""
        with self._lock:
            return [line for line in self._lines if line[0] > number]
