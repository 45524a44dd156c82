"""One time for a file whose timestamps begin anew on the way, as after `cat part1.ts part2.ts > whole.ts`."""

from __future__ import annotations

from typing import Any

BACKWARD = 0.2  # seconds; steps back that are smaller are slips of whoever wrote the file


class Timestamps:
    """Moves packets so that what follows a jump back begins where the longest stream had ended.

    Each stream comes to the jump in its own time, and the first one there says how far all are moved: sound and
    picture stay together.
    """

    def __init__(self) -> None:
        self.end = 0.0  # seconds, the furthest that any packet has reached
        self._moves = [0.0]  # seconds by which packets are moved, after as many jumps
        self._jumps: dict[int, int] = {}  # by stream: how many it has come to
        self._last: dict[int, float] = {}  # by stream: seconds of its last packet, as written in the file

    @property
    def jumps(self) -> int:
        """How often the file's time has jumped back."""
        return len(self._moves) - 1

    def straighten(self, packet: Any, usual: float) -> None:
        """Move a packet's timestamps in place. usual: seconds it lasts if it does not say."""
        base, stream = packet.time_base, packet.stream.index
        if base is None or packet.dts is None:
            return
        now, shown = float(packet.dts * base), float((packet.dts if packet.pts is None else packet.pts) * base)
        if now < self._last.get(stream, now) - BACKWARD:
            if self._jumps.get(stream, 0) == self.jumps:
                self._moves.append(self.end - shown)
            self._jumps[stream] = self.jumps
        self._last[stream] = now
        move = self._moves[self._jumps.get(stream, 0)]
        if packet.stream.type in ("video", "audio"):
            self.end = max(self.end, shown + move + (float(packet.duration * base) if packet.duration else usual))
        if move:
            ticks = round(move / base)
            packet.dts += ticks
            packet.pts = None if packet.pts is None else packet.pts + ticks
