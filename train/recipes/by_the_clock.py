"""Trains a net for so many seconds, with which the learning rate's course ends: for a GPU lent by the minute.

    python train/recipes/by_the_clock.py train/recipes/quality-2.json pictures.zip 420 runs/quality-3

pictures.zip: of `packed.py`. Of the config all counts but its lists of pictures, `steps`, and `rounded_steps`, of which
the share is kept. model.safetensors is written every 250 steps, so that what is there can be taken before the end.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from time import monotonic

import torch
from packed import unpacked

from rtseg_train.checkpoint import TrainState, save_state, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import batches
from rtseg_train.starting import starting_net
from rtseg_train.step import choose_device, initial_state, train_step

SAVE, SAY, FIRST_GUESSES = 250, 100, (20, 50)  # steps
MANY = 10**7  # steps, before it is known how many there will be


def train(config: TrainConfig, pictures: Path, seconds: float, folder: Path) -> None:
    """Train into `folder`."""
    end = monotonic() + seconds
    device, rounded = choose_device(config), config.rounded_steps / config.steps
    torch.manual_seed(config.seed)
    state = initial_state(starting_net(config), config, device)
    steps, seen, begun = MANY, 0, None
    for batch in batches(unpacked(replace(config, steps=MANY), pictures), 0):
        begun = begun or monotonic()
        course = replace(config, steps=steps, rounded_steps=0 if steps == MANY else round(rounded * steps))
        losses = train_step(course, state, batch)
        seen, now = seen + len(batch.frame_bgr), monotonic()
        if state.step in FIRST_GUESSES or state.step % SAY == 0:
            steps = state.step + max(1, round((end - now) * state.step / (now - begun)))
            each_second = round(seen / (now - begun))
            print(
                f"step {state.step} of {steps}, {seen} pictures, {each_second} a second, loss {losses.loss:.4f}",
                flush=True,
            )
        if state.step % SAVE == 0:
            save(config, state, folder)
        if now >= end or state.step >= steps:
            break
    save(config, state, folder)
    save_state(state, folder / "state.safetensors")


def save(config: TrainConfig, state: TrainState, folder: Path) -> None:
    """The averaged weights."""
    info: dict[str, object] = {"name": config.model_name, "arch": config.arch, "area": config.preferred_area}
    save_weights(state.ema, folder / "model.safetensors", info | {"step": state.step, "scores": {}})


if __name__ == "__main__":
    recipe, file, time, out = sys.argv[1:]
    Path(out).mkdir(parents=True, exist_ok=True)
    train(TrainConfig.load(Path(recipe)), Path(file), float(time), Path(out))
