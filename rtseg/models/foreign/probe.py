"""A foreign model's first pictures, at load: a wrong adapter is found out before it shows a wrong picture.

Plain and noisy frames show whether the numbers are right: finite, and in 0..1 after the activation. Whether the
net *sees* can't be told from those, as a good net finds nobody in them; the bundled clip has a person, whom any
segmenter of persons finds when it is fed rightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, U8, u8
from rtseg.errors import ModelError
from rtseg.models.foreign.adapter import Adapter, Triple
from rtseg.models.foreign.model import ForeignModel
from rtseg.models.model import SLACK, Model

# Overlap (IoU) of the foreign net's person with ours. MediaPipe's selfie net has 99 % when fed 0..1 as it should
# be, and still 78 % when fed 0..255.
FOUND = 0.85
HALF: Triple = (0.5, 0.5, 0.5)
NORMALISATIONS: tuple[tuple[str, float, Triple, Triple], ...] = (
    ('scale = "1/255", mean = 0, std = 1', 1 / 255, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ('scale = "1/255", mean = 0.5, std = 0.5', 1 / 255, HALF, HALF),
    (
        'scale = "1/255", mean = [0.485, 0.456, 0.406], std = [0.229, 0.224, 0.225]',
        1 / 255,
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    ),
    ("scale = 1, mean = 0, std = 1", 1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
)


def probe(model: ForeignModel) -> None:
    """Run a new model on a few frames; raises ModelError that says what in its adapter is wrong."""
    demo_frame = first_demo_frame()
    width, height = model.size_for(demo_frame.shape[1], demo_frame.shape[0], model.info.area)
    nothing = np.zeros((height, width), np.float32)
    seen = []
    for frame in (*plain_frames(width, height), resized(demo_frame, width, height)):
        model.reset()
        for _ in range(2):  # the second takes the states that the first gave
            try:
                seen.append(model.infer(frame, nothing))
            except ModelError as e:
                where = "" if str(e).startswith(str(model.adapter.path)) else f"{model.adapter.path} does not fit: "
                raise ModelError(f"{where}{e}") from e
    model.reset()
    check_numbers(model.adapter, seen)
    if model.adapter.demo_check:
        check_person(model, demo_frame)


def check_numbers(adapter: Adapter, seen: list[F32]) -> None:
    """What came out on all frames is finite, and in 0..1 after the activation but not before it.

    seen: float32 CxHxW each, before the activation. Raises ModelError.
    """
    maps = np.stack(seen)
    channels, activation = maps.shape[1], adapter.output.activation
    where = f'{adapter.path}: [output] activation is "{activation}"'
    if not np.isfinite(maps).all():
        raise ModelError(f"{adapter.path}: the output is not finite; look at [input] scale, mean and std")
    chosen = maps[:, adapter.output.channel or 0]
    low, high = float(chosen.min()), float(chosen.max())
    inside = low >= -SLACK and high <= 1 + SLACK
    if activation == "none" and not inside:
        advice = 'try "sigmoid"' if channels == 1 else 'try "softmax" (or "sigmoid" if the channels are independent)'
        if low >= 0:  # so are no logits
            advice = "look at [output] name and channel"
        raise ModelError(f"{where}, but the output goes from {low:.3g} to {high:.3g}, not 0 to 1; {advice}")
    if activation == "sigmoid" and inside:
        raise ModelError(f'{where}, but the output is in 0..1 already; give "none"')
    if activation == "softmax" and channels == 1:
        raise ModelError(f'{where}, but the output has one channel; give "sigmoid", or "none" if it is in 0..1 already')
    if activation == "softmax" and maps.min() >= -SLACK and np.abs(maps.sum(axis=1) - 1).max() < 1e-2:
        raise ModelError(f'{where}, but the channels add up to 1 already; give "none"')


def check_person(model: ForeignModel, demo_frame: U8) -> None:
    """The net finds the person in the demo's first frame about where our own does; raises ModelError."""
    ours = reference(demo_frame, model.threads)
    overlap = overlap_with(ours, model, demo_frame)
    if overlap >= FOUND:
        return
    adapter, better = model.adapter, []
    for words, other in variants(adapter, model):
        model.use(other)
        better.append((overlap_with(ours, model, demo_frame), words))
    best, words = max(better, default=(0.0, ""))
    advice = f"With {words} it does ({best:.0%})."
    if best < FOUND:
        advice = "Look at [input] scale, mean, std and colour_order and at [output] name, channel and invert."
    raise ModelError(
        f"{adapter.path}: the net does not find the person in the bundled demo: overlap {overlap:.0%}, expected "
        f"{FOUND:.0%} or more. {advice} (demo_check = false: a net that is made for other pictures)"
    )


def variants(adapter: Adapter, model: ForeignModel) -> Iterator[tuple[str, Adapter]]:
    """Adapters that may have been meant, each in words."""
    spec, output = adapter.input, adapter.output
    yield (
        f"invert = {str(not output.invert).lower()}",
        replace(adapter, output=replace(output, invert=not output.invert)),
    )
    other = "bgr" if spec.colour_order == "rgb" else "rgb"
    yield f'colour_order = "{other}"', replace(adapter, input=replace(spec, colour_order=other))
    if model.signature.dtype != np.uint8:
        for words, scale, mean, std in NORMALISATIONS:
            yield words, replace(adapter, input=replace(spec, scale=scale, mean=mean, std=std))


def overlap_with(ours: NDArray[np.bool_], model: ForeignModel, demo_frame: U8) -> float:
    """IoU of what a foreign net calls person in the demo frame with what ours does; 0 where it gives no alpha."""
    height, width = ours.shape
    w, h = model.size_for(demo_frame.shape[1], demo_frame.shape[0], model.info.area)
    frame = resized(demo_frame, w, h)
    model.reset()
    try:
        alpha = np.zeros((h, w), np.float32)
        for _ in range(2):
            alpha = model.run(frame, alpha)
    except ModelError:
        return 0.0
    finally:
        model.reset()
    theirs = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5
    return float((ours & theirs).sum() / max(1, (ours | theirs).sum()))


def reference(demo_frame: U8, threads: int) -> NDArray[np.bool_]:
    """Where the shipped model sees a person in the demo frame, at network size."""
    model = Model("balanced", provider="cpu", threads=threads)
    w, h = model.size_for(demo_frame.shape[1], demo_frame.shape[0], model.info.area)
    return model.run(resized(demo_frame, w, h), np.zeros((h, w), np.float32)) > 0.5


def first_demo_frame() -> U8:
    """uint8 HxWx3 BGR."""
    from rtseg.sources.opening import open_source

    with open_source("demo") as source:
        return next(iter(source)).image


def plain_frames(width: int, height: int) -> list[U8]:
    """Black, white and noise."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return [np.zeros_like(noise), np.full_like(noise, 255), noise]


def resized(frame_bgr: U8, width: int, height: int) -> U8:
    """The frame at network size."""
    return u8(cv2.resize(frame_bgr, (width, height), interpolation=cv2.INTER_AREA))
