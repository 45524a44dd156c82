"""What can be changed while a session runs, and what of it concerns the outputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtseg.arrays import U8
from rtseg.pixels.edge import SPECKS


@dataclass(frozen=True)
class Settings:
    """What can be changed while it runs. No option, file or page can turn the effect off: only the key can."""

    background: str | None = None  # as --bg takes it; None for the room, out of focus
    blur: float | None = None  # strength 1..100; None for a sharp background, or the room at the default
    mirror: bool = False
    smoothing: bool = True
    edge: float = 0.0  # -1..1, and
    feather: float = 0.0  # 0..1, and
    specks: float = SPECKS  # percent of the picture: see pixels/edge.py
    save_power: bool = False
    target_fps: float | None = None
    model: str = "auto"  # as --model takes it
    source: str | None = None  # as --source takes it
    effect: bool = True  # False shows the real room, in the window and in every output
    paused: bool = False  # nothing but the background
    recording: bool = False
    view: Literal["composite", "mask"] = "composite"
    inset: bool = False
    timings: bool = False
    help: bool = False


def outgoing(settings: Settings, composite: U8, frame_bgr: U8 | None, background: U8) -> U8:
    """Which of three pictures (uint8 HxWx3 BGR) goes to every output: the frame only where the user has asked for it.

    The frame is None where there is none, as in a stall.
    """
    if settings.paused:
        return background
    return composite if settings.effect or frame_bgr is None else frame_bgr
