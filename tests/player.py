"""A program for the window's tests: the demo clip with a made-up alpha through Window and Controls."""

import itertools
import json
import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import typer

from rtseg import cli
from rtseg.live.controls import Controls
from rtseg.live.events import Event
from rtseg.live.overlay import Shown, preview
from rtseg.live.settings import Settings, outgoing
from rtseg.live.steps import choices
from rtseg.options.call import call_of
from rtseg.sinks.window import Window
from rtseg.sources.opening import open_source

COLOUR = "#00ff00"


def controls() -> Controls:
    """As `rtseg cam --bg "#00ff00"` would have them."""
    command = typer.main.get_command(cli.app).commands["cam"]  # type: ignore[attr-defined]
    Path("none.toml").touch()
    with command.make_context("cam", ["--config", "none.toml", "--bg", COLOUR]) as context:
        return Controls(Settings(background=COLOUR), choices(COLOUR), call_of(context))


def play(keys: Controls) -> None:
    """Until it is told to quit; prints a line of JSON whenever something has changed."""
    with open_source("demo") as source:
        frames = [f.image for f in itertools.islice(source, 20)]
    height, width = frames[0].shape[:2]
    alpha = np.zeros((height, width), np.float32)
    cv2.ellipse(alpha, (width // 2, height), (width // 6, height * 3 // 4), 0, 0, 360, 1.0, cv2.FILLED)
    green = np.full_like(frames[0], (0, 255, 0))
    said: dict[str, object] = {}
    with Window(width, height) as window:
        for frame in itertools.cycle(frames):
            composite = np.where(alpha[..., None] > 0, frame, green)
            image = outgoing(keys.settings, composite, frame, green)
            message = keys.message(time.monotonic())
            timings = {"infer": 3.8, "blend": 1.2}
            window.draw(preview(Shown(image, frame, alpha, timings, "30.0 fps  ? help", message), keys.settings))
            event = keys.press(window.key(), time.monotonic())
            state = asdict(keys.settings) | {"message": keys.message(time.monotonic())}
            if event or any(said.get(k) != v for k, v in state.items() if k != "message" or v):
                print(json.dumps(state | {"event": event.name if event else None}), flush=True)
                said = state
            if event is Event.QUIT:
                return
            time.sleep(0.01)


if __name__ == "__main__":
    play(controls())
