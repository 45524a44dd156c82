"""What keys and the control page do: they change the settings here, and the loop acts on the events that come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from rtseg.backgrounds.background import DEFAULT_BLUR, HIDING_BLUR
from rtseg.backgrounds.colour import is_plain
from rtseg.live.events import SET, Event
from rtseg.live.keys import Keyboard
from rtseg.live.settings import Settings
from rtseg.live.steps import EDGES, FEATHERS, STRENGTHS, next_step
from rtseg.options.call import Call, Value

MESSAGE_TIME = 2.0  # seconds
CONFIRM_TIME = 3.0  # seconds within which Enter has to follow e: a key of its own, which no e held down can give
UNCONFIRMED = "your room stays hidden: e needs Enter after it"


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
        self._keyboard = Keyboard()
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
        pressed = self._keyboard.take(key, now)
        if pressed is None:
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
            plain = is_plain(None if background is None else str(background))
            own = None if plain else self._blurs.get(background is None)
            changes = {**changes, "blur": own}
        new = {name: value for name, value in changes.items() if getattr(self.settings, name) != value}
        events = [SET[name] for name in new]  # of nothing else, whoever asks
        self._change(**new)
        if not is_plain(self.settings.background):
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
            self._asked = now if self._keyboard.quiet else None  # who types a word here means another window
            if self._keyboard.quiet:
                self.say(f"press Enter within {CONFIRM_TIME:g} seconds to show your room", now, CONFIRM_TIME)
            else:
                self.say("press e by itself to show your room", now)

    def _confirm(self, now: float) -> None:
        if self._asked is not None and now - self._asked <= CONFIRM_TIME:
            self._change(effect=False)
            self.say("effect off", now)

    def _blur(self, by: int, now: float) -> Event | None:
        background = self.settings.background
        if is_plain(background):
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
        blur = None if is_plain(background) else self._blurs.get(background is None)
        self._change(background=background, blur=blur)
        self.say(f"background {self._index + 1} of {len(self._backgrounds)}: {Path(name).name}", now)
        return Event.BACKGROUND
