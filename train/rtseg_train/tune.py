"""Adapt a model to one person and one room from a minute of video: label it, train on it, keep what is better."""

from __future__ import annotations

import csv
import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

import cv2
import numpy as np
from torch import nn

from rtseg.arrays import F32, U8, u8
from rtseg.console import Messages
from rtseg.errors import DataError
from rtseg.files import ASSETS, write_json
from rtseg.frames import Source
from rtseg.inputs import model_inputs, refuse_inputs, source_inputs
from rtseg.pixels.geometry import limited
from rtseg.progress import every_minute, progress_bar
from rtseg.sources.opening import open_source
from rtseg.sources.pictures import read_picture
from rtseg_train.checkpoint import load_weights, save_weights
from rtseg_train.config import TrainConfig
from rtseg_train.data import KEPT_SIDE
from rtseg_train.evaluate import torch_predictor
from rtseg_train.loop import fit
from rtseg_train.memory import batch_bytes
from rtseg_train.metrics import score, summary
from rtseg_train.run_folder import writing
from rtseg_train.selflabel import Room, find_room, label, opinions
from rtseg_train.starting import SHIPPED
from rtseg_train.workers import shared_memory_lacks

FRAMES = 96  # taken from the clip, evenly
HELD_BACK = 0.2  # of the frames, the last ones: what decides whether the new model is better
LEAST = 20  # frames with somebody in them
KEEP_IOU = 0.1  # percent of IoU that may be lost where the edge gains
RESULTS = ("verdict.json", "model.safetensors", "model.json")
FULL_ROOM = 0.98  # share of the room's pixels that must be known to train on it as an empty picture


@dataclass(frozen=True)
class Verdict:
    """Scores on the held-back frames, percent: IoU, boundary IoU, false alarm on the empty room (None without)."""

    old: dict[str, float]
    new: dict[str, float]

    @property
    def better(self) -> bool:
        """A better edge, no worse IoU, and the room no less empty."""
        return (
            self.new["boundary_iou"] > self.old["boundary_iou"]
            and self.new["iou"] > self.old["iou"] - KEEP_IOU
            and self.new.get("false_alarm", 0) <= self.old.get("false_alarm", 0) + 0.01
        )


def tune(source: str, model: str, folder: Path, *, plate: Path | None, seconds: float, steps: int) -> Verdict:
    """Train `model` (a shipped name or a .safetensors) on the clip or camera `source`; results in `folder`.

    `folder/model.safetensors` exists afterwards only if the new model is better. Raises DataError when the
    clip shows nobody, SourceError when it can't be read.
    """
    start = SHIPPED / f"{model}.safetensors" if Path(model).name == model and "." not in model else Path(model)
    inputs = [*source_inputs(source), *model_inputs(start), *([("the plate", plate)] if plate else [])]
    refuse_inputs([folder / name for name in RESULTS] + list((folder / "data").rglob("*.*")), inputs)
    if found := next((name for name in ("run", "data", *RESULTS) if os.path.lexists(folder / name)), None):
        raise DataError(f"{folder} holds {found} already, of a tuning or of yours; give another --out")
    net, notes = load_weights(start)
    area = int(str(notes["area"]))
    with every_minute(Messages(), f"taking frames of {source}"):
        frames = sample_frames(source, seconds)
    with progress_bar() as progress:
        seen = list(progress.track(opinions(net, area, frames), total=len(frames), description="labelling"))
    empty = plate_at(read_picture(plate, DataError), frames[0].shape) if plate else None
    room = find_room(frames, [o.alpha for o in seen], empty)
    labels = [label(f, o, room) for f, o in zip(frames, seen, strict=True)]
    if sum((alpha > 0.5).mean() > 0.005 for alpha in labels) < LEAST:
        raise DataError(f"{source}: fewer than {LEAST} of {len(frames)} frames show a person; record a longer clip")
    split = round(len(frames) * (1 - HELD_BACK))
    try:
        data = write_data(folder / "data", frames[:split], labels[:split], room)
    except OSError as e:
        raise DataError(f"cannot write the labelled frames to {folder / 'data'}: {e}") from e
    config = settings(data, str(notes["arch"]), start, area, steps)
    tuned, _ = load_weights(fit(config, folder / "run"))
    held = list(zip(frames[split:], labels[split:], strict=True))
    verdict = Verdict(*(scores(n, area, held, room) for n in (net, tuned)))
    write_json(folder / "verdict.json", dataclasses.asdict(verdict))
    if verdict.better:
        with writing(folder):
            save_weights(tuned, folder / "model.safetensors", notes | {"name": f"{notes['name']}-tuned", "scores": {}})
    return verdict


def settings(data: Path, arch: str, start: Path, area: int, steps: int) -> TrainConfig:
    """Of the training; with no process for its batches where the shared memory is too small, as in Docker."""
    config = TrainConfig(
        train=str(data / "train.csv"),
        val="none",
        backgrounds=str(data / "backgrounds"),
        arch=arch,
        init=str(start),
        area=area,
        max_area=2 * area,
        steps=steps,
        frozen_steps=0,
        batch=8,
        lr=5e-5,
        encoder_lr=2e-5,
        warmup=20,
        composite=0.3,
        ema=0.98,
        eval_every=steps,
    )
    return replace(config, workers=0) if shared_memory_lacks(batch_bytes(config), config.workers) else config


def sample_frames(source: str, seconds: float) -> list[U8]:
    """FRAMES frames spread over a file, or over so many seconds of a live source; uint8 HxWx3 BGR."""
    with open_source(source) as opened:
        if opened.live:
            return list(live_frames(opened, seconds))
        frames: list[U8] = []
        stride = max(1, (opened.count or 0) // FRAMES)
        for number, frame in enumerate(opened):
            if number % stride == 0:
                frames.append(limited(frame.image, KEPT_SIDE).copy())
            if len(frames) == 2 * FRAMES:  # a container that does not know its length: thin out and go on
                frames, stride = frames[::2], 2 * stride
        return frames


def live_frames(camera: Source, seconds: float) -> Iterator[U8]:
    """A frame every seconds / FRAMES of a live source."""
    due = start = monotonic()
    for frame in camera:
        now = monotonic()
        if now >= due:
            due += seconds / FRAMES
            yield limited(frame.image, KEPT_SIDE).copy()
        if now - start > seconds:
            return


def plate_at(plate: U8, shape: tuple[int, ...]) -> U8:
    """The plate at the frames' size; raises DataError when its shape is another camera's."""
    h, w = shape[:2]
    if abs(plate.shape[1] / plate.shape[0] / (w / h) - 1) > 0.02:
        raise DataError(f"the plate is {plate.shape[1]}x{plate.shape[0]}, the clip {w}x{h}: not the same camera")
    return u8(cv2.resize(plate, (w, h), interpolation=cv2.INTER_AREA))


def write_data(folder: Path, frames: Sequence[U8], labels: Sequence[F32], room: Room | None) -> Path:
    """The labelled frames as pictures and a list, the room and the shipped backgrounds; returns the folder."""
    for name in ("images", "masks", "backgrounds"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    rows = [("source", "image", "mask")]
    for number, (frame, alpha) in enumerate(zip(frames, labels, strict=True)):
        row = ("clip", f"images/{number:03}.jpg", f"masks/{number:03}.png")
        write_picture(folder / row[1], frame)
        write_picture(folder / row[2], np.rint(alpha * 255).astype(np.uint8))
        rows.append(row)
    for picture in (ASSETS / "backgrounds").glob("*.jpg"):
        shutil.copy(picture, folder / "backgrounds")
    if room is not None and room.known.mean() > FULL_ROOM:
        for number in range(3):  # one in three of the backgrounds
            write_picture(folder / "backgrounds" / f"own-room-{number}.png", room.image)
    with (folder / "train.csv").open("w", newline="", encoding="utf-8") as f:
        csv.writer(f).writerows(rows)
    return folder


def write_picture(path: Path, image: U8) -> None:
    """Encode by the name's ending; raises OSError, where OpenCV's own writer says nothing of a full disk."""
    _, data = cv2.imencode(path.suffix, image)
    path.write_bytes(data.tobytes())


def scores(net: nn.Module, area: int, held: Sequence[tuple[U8, F32]], room: Room | None) -> dict[str, float]:
    """How well the net, as the camera would run it, agrees with the held-back labels."""
    predict = torch_predictor(net, area)
    results = [score("clip", predict(frame), np.rint(alpha * 255).astype(np.uint8)) for frame, alpha in held]
    if room is not None and room.known.mean() > FULL_ROOM:
        results.append(score("room", predict(room.image), np.zeros(room.image.shape[:2], np.uint8)))
    table = summary(results)
    wanted = {**table.get("ALL", {}), **table.get("EMPTY", {})}
    return {k: round(v, 3) for k, v in wanted.items() if k in ("iou", "boundary_iou", "false_alarm")}
