"""The keys by name, and how a keyboard tells of them: it repeats what is held down."""

from __future__ import annotations

HELP = (
    ("q Esc", "quit"),
    ("m", "mirror the preview"),
    ("+ -", "more or less blur"),
    (", .", "less or more is kept at the edge"),
    ("f", "feather: a softer edge"),
    ("[ ]", "previous or next background"),
    ("b space", "pause: only the background"),
    ("e Enter", "effect off, which shows your room"),
    ("v", "view the mask"),
    ("i", "inset: the camera's picture"),
    ("t", "timings"),
    ("s", "smoothing"),
    ("p", "save a picture"),
    ("r", "record, stop recording"),
    ("? h", "this help"),
)
KEYS = "keys in the window: q quits, b pauses, [ ] other backgrounds, + - blur, r records; ? shows all of them"
FEW_KEYS = "? shows the keys, q quits"
QUIET_TIME = 1.0  # seconds without another key before e, for Enter to count
HELD = 0.12  # seconds; what comes again sooner is the keyboard repeating a key that is held down
LONG_HELD = 1.0  # seconds, longer than any keyboard waits before it repeats: for keys that must not undo themselves
NEVER_UNDONE = "b r"  # pause, which would show the person again, and record
REPEATS = "+=-_[],."  # keys that may be held down


class Keyboard:
    """What keys have been pressed lately. Pure: no clock, no window."""

    def __init__(self) -> None:
        self._last: tuple[str, float] = ("", 0.0)
        self.quiet = True  # before the key pressed last

    def take(self, key: int, now: float) -> str | None:
        """The key as a small letter; None while it is only held down, unless it is one of those that may be.

        key: its code. now: monotonic seconds.
        """
        pressed = chr(key).lower()
        held = pressed == self._last[0] and now - self._last[1] < (LONG_HELD if pressed in NEVER_UNDONE else HELD)
        self.quiet = now - self._last[1] >= QUIET_TIME or (self.quiet and pressed == self._last[0])
        self._last = pressed, now
        return None if held and pressed not in REPEATS else pressed
