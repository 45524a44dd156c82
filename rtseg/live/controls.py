"""What keys and the control page do: they change the settings here, and the loop acts on the events that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from pathlib import Path

from rtseg.backgrounds.background import DEFAULT_BLUR, HIDING_BLUR, shipped_backgrounds
from rtseg.backgrounds.colour import colour
from rtseg.live.settings import Settings
from rtseg.options.call import Call, Value
from rtseg.sources.kinds import pictures_and_videos

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
COLOURS = ("#00ff00", "#ffffff", "#262626")
STRENGTHS = (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100)  # of blur, one key press apart
EDGES = tuple(k / 10 for k in range(-10, 11))
FEATHERS = (0.0, 0.25, 0.5, 0.75, 1.0)
MESSAGE_TIME = 2.0  # seconds
CONFIRM_TIME = 3.0  # seconds within which Enter has to follow e: a key of its own, which no e held down can give
UNCONFIRMED = "your room stays hidden: e needs Enter after it"
QUIET_TIME = 1.0  # seconds without another key before e, for Enter to count
HELD = 0.12  # seconds; what comes again sooner is the keyboard repeating a key that is held down
LONG_HELD = 1.0  # seconds, longer than any keyboard waits before it repeats: for keys that must not undo themselves
NEVER_UNDONE = "b r"  # pause, which would show the person again, and record
REPEATS = "+=-_[],."  # keys that may be held down


class Event(Enum):
    """What the loop has to do; everything else is in the settings that it draws by."""

    QUIT = auto()
    BACKGROUND = auto()  # settings.background or settings.blur changed
    MATTE = auto()  # settings.smoothing, edge, feather, specks or save_power changed
    MODEL = auto()  # settings.model or settings.target_fps changed
    SOURCE = auto()  # settings.source changed
    SNAPSHOT = auto()
    RECORD = auto()  # settings.recording says whether to start or to stop
    VIRTUAL_ON = auto()
    VIRTUAL_OFF = auto()


# What a page may set, and what the loop has to do then.
SET: Mapping[str, Event | None] = {
    **dict.fromkeys(("background", "blur"), Event.BACKGROUND),
    **dict.fromkeys(("smoothing", "edge", "feather", "specks", "save_power"), Event.MATTE),
    **dict.fromkeys(("model", "target_fps"), Event.MODEL),
    "source": Event.SOURCE,
    "mirror": None,
}


def choices(background: str | None) -> list[str]:
    """What `[` and `]` go through: a folder's files; else the given one, the shipped pictures, colours and blur."""
    folder = Path(background) if background else None
    if folder and folder.is_dir():
        return [str(p) for p in pictures_and_videos(folder)]
    return list(dict.fromkeys([background or "blur", *shipped_backgrounds(), *COLOURS, "blur"]))


def next_step(steps: Sequence[float], value: float, by: int) -> float | None:
    """The nearest of the steps (in rising order) above the value, or below it; None at the end."""
    further = [x for x in steps if (x > value if by > 0 else x < value)]
    return (further[0] if by > 0 else further[-1]) if further else None


def is_colour(background: str | None) -> bool:
    """Whether there is nothing in it to blur."""
    return background is not None and (background == "transparent" or colour(background) is not None)


class Controls:
    """Turns keys into changes of `settings`. Pure: no clock, no window, no files.

    Args:
        settings: what it starts with.
        backgrounds: what `[` and `]` go through, see `choices`.
        call: the command as it was given, for the command line that is equivalent in the end.
    """

    def __init__(self, settings: Settings, backgrounds: Sequence[str], call: Call) -> None:
        if not settings.effect:
            raise ValueError("a session starts with the effect on; only the key e turns it off")
        self.settings = self._start = settings
        self._call = call
        self._backgrounds, self._refused = list(backgrounds), set[str]()
        present = settings.background or "blur"
        self._index = self._backgrounds.index(present) if present in self._backgrounds else 0
        self._blurs = {settings.background is None: settings.blur}  # of the room and of pictures, kept apart
        self._message, self._until = "", 0.0
        self._last: tuple[str, float] = ("", 0.0)
        self._quiet = True  # before the key pressed last
        self._asked: float | None = None  # when e was pressed, if no other key was since
        self._keys: dict[str, Callable[[float], Event | None]] = {
            **dict.fromkeys("q\x1b", lambda now: Event.QUIT),
            **dict.fromkeys("+=", lambda now: self._blur(+1, now)),
            **dict.fromkeys("-_", lambda now: self._blur(-1, now)),
            ",": lambda now: self._edge(-1, now),
            ".": lambda now: self._edge(+1, now),
            "f": self._feather,
            "[": lambda now: self._step(-1, now),
            "]": lambda now: self._step(+1, now),
            "e": self._effect,
            **dict.fromkeys("\r\n", self._confirm),
            **dict.fromkeys("b ", self._pause),
            "m": lambda now: self._switch("mirror", not self.settings.mirror, now),
            "v": self._view,
            "i": lambda now: self._switch("inset", not self.settings.inset, now),
            "t": lambda now: self._switch("timings", not self.settings.timings, now),
            "s": self._smoothing,
            "p": lambda now: Event.SNAPSHOT,
            "r": self._record,
            **dict.fromkeys("?h", lambda now: self._change(help=not self.settings.help)),
        }

    def press(self, key: int | None, now: float) -> Event | None:
        """Take a key's code, or None for none, at `now` (monotonic seconds)."""
        if key is None:
            return None
        pressed = chr(key).lower()
        held = pressed == self._last[0] and now - self._last[1] < (LONG_HELD if pressed in NEVER_UNDONE else HELD)
        self._quiet = now - self._last[1] >= QUIET_TIME or (self._quiet and pressed == self._last[0])
        self._last = pressed, now
        if held and pressed not in REPEATS:
            return None
        action = self._keys.get(pressed)
        event = action(now) if action else None
        if pressed != "e":
            self._asked = None
        return event

    def set(self, changes: Mapping[str, object]) -> list[Event]:
        """Take values for some of SET, that have been checked; the events of those that are new.

        With another background its own blur comes back, unless one is given.
        """
        if "background" in changes and "blur" not in changes and changes["background"] != self.settings.background:
            background = changes["background"]
            plain = is_colour(None if background is None else str(background))
            own = None if plain else self._blurs.get(background is None)
            changes = {**changes, "blur": own}
        new = {name: value for name, value in changes.items() if getattr(self.settings, name) != value}
        events = [SET[name] for name in new]  # of nothing else, whoever asks
        self._change(**new)
        if not is_colour(self.settings.background):
            self._blurs[self.settings.background is None] = self.settings.blur
        return list(dict.fromkeys(filter(None, events)))

    def pause(self, on: bool) -> None:
        """Whoever pauses does not want to be seen: the effect is on again afterwards."""
        self._change(paused=on, effect=True)

    def record(self, on: bool) -> list[Event]:
        """Start or stop a recording."""
        if on == self.settings.recording:
            return []
        self._change(recording=on)
        return [Event.RECORD]

    def go_back(self, works: Settings, *names: str) -> None:
        """What was asked for can't be had."""
        self._change(**{name: getattr(works, name) for name in names})

    def say(self, text: str, now: float, seconds: float = MESSAGE_TIME) -> None:
        """Show a text on the screen."""
        self._message, self._until = text, now + seconds

    def message(self, now: float) -> str | None:
        """What is to be shown on the screen now."""
        if self._asked is not None and now - self._asked > CONFIRM_TIME:
            self._asked = None
            self.say(UNCONFIRMED, now)
        return self._message if now < self._until else None

    def refuse_background(self, works: Settings, why: str, now: float) -> None:
        """The background asked for can't be had: go back to that of `works`; `[` and `]` pass it over from now on."""
        if self.settings.background != works.background and self.settings.background is not None:
            self._refused.add(self.settings.background)
        self._change(background=works.background, blur=works.blur)
        self._blurs[works.background is None] = works.blur
        self.say(why, now)

    def stop_recording(self, why: str, now: float) -> None:
        """The recording could not be started or broke off."""
        self._change(recording=False)
        self.say(why, now)

    def call(self) -> Call:
        """The command with what the keys have made of it."""
        s = self.settings
        blur = None if s.background is None and s.blur == DEFAULT_BLUR else s.blur
        values: dict[str, Value | None] = {
            "bg": s.background,
            "blur": blur,
            "mirror": s.mirror,
            "smoothing": s.smoothing,
            "edge": s.edge,
            "feather": s.feather,
        }
        for name in ("specks", "save_power", "target_fps", "model", "source"):
            if (value := getattr(s, name)) != getattr(self._start, name):
                values[name.replace("_", "-")] = value
        return self._call.changed(**values)

    def command_line(self) -> str:
        """What to type to get the present settings from the start."""
        return self.call().command_line()

    def _change(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)  # type: ignore[arg-type]

    def _switch(self, name: str, value: bool, now: float) -> None:
        self._change(**{name: value})
        self.say(f"{name} {'on' if value else 'off'}", now)

    def _view(self, now: float) -> None:
        self._change(view="mask" if self.settings.view == "composite" else "composite")
        self.say(f"view: {self.settings.view}", now)

    def _smoothing(self, now: float) -> Event:
        self._switch("smoothing", not self.settings.smoothing, now)
        return Event.MATTE

    def _record(self, now: float) -> Event:
        self._switch("recording", not self.settings.recording, now)
        return Event.RECORD

    def _pause(self, now: float) -> None:
        self.pause(not self.settings.paused)
        if not self.settings.paused:
            self.say("going on", now)

    def _effect(self, now: float) -> None:
        if self.settings.paused:
            self.say("paused: press b first", now)
        elif not self.settings.effect:
            self._change(effect=True)
            self.say("effect on", now)
        else:
            self._asked = now if self._quiet else None  # who types a word here means another window
            if self._quiet:
                self.say(f"press Enter within {CONFIRM_TIME:g} seconds to show your room", now, CONFIRM_TIME)
            else:
                self.say("press e by itself to show your room", now)

    def _confirm(self, now: float) -> None:
        if self._asked is not None and now - self._asked <= CONFIRM_TIME:
            self._change(effect=False)
            self.say("effect off", now)

    def _blur(self, by: int, now: float) -> Event | None:
        background = self.settings.background
        if is_colour(background):
            self.say("a colour has no blur", now)
            return None
        strength = self.settings.blur or (DEFAULT_BLUR if background is None else 0.0)
        new = next_step(STRENGTHS, strength, by)
        if new is None and (by > 0 or background is None or not strength):
            self.say(f"blur {strength:g}: {'no more' if by > 0 else 'no less'}", now)
            return None
        self._change(blur=None if new is None else float(new))
        self._blurs[background is None] = self.settings.blur
        weak = background is None and new is not None and new < HIDING_BLUR
        self.say("blur off" if new is None else f"blur {new}{', the room can be recognised' * weak}", now)
        return Event.BACKGROUND

    def _edge(self, by: int, now: float) -> Event | None:
        new = next_step(EDGES, self.settings.edge, by)
        if new is None:
            self.say(f"edge {self.settings.edge:g}: {'no more' if by > 0 else 'no less'}", now)
            return None
        self._change(edge=new)
        self.say(f"edge {new:g}", now)
        return Event.MATTE

    def _feather(self, now: float) -> Event:
        new = next_step(FEATHERS, self.settings.feather, +1) or 0.0  # after the softest the sharpest
        self._change(feather=new)
        self.say(f"feather {new:g}" if new else "feather off", now)
        return Event.MATTE

    def _step(self, by: int, now: float) -> Event | None:
        usable = [i for i, name in enumerate(self._backgrounds) if name not in self._refused or i == self._index]
        if len(usable) < 2:
            self.say("no other background", now)
            return None
        self._index = usable[(usable.index(self._index) + by) % len(usable)]
        name = self._backgrounds[self._index]
        background = None if name == "blur" else name
        blur = None if is_colour(background) else self._blurs.get(background is None)
        self._change(background=background, blur=blur)
        self.say(f"background {self._index + 1} of {len(self._backgrounds)}: {Path(name).name}", now)
        return Event.BACKGROUND
