"""Frames of a source that is transparent in places: its transparency times the person's alpha, in every output."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from rtseg.arrays import F32, U8, f32
from rtseg.pixels.opacity import over


class Compositor(Protocol):
    """What is needed of a pipeline here."""

    @property
    def blur(self) -> float | None: ...
    @property
    def alpha(self) -> F32: ...
    def __call__(self, frame_bgr: U8, seconds: float | None = None) -> U8: ...
    def hidden(self, width: int, height: int, seconds: float | None = None) -> U8: ...


def composited(pipeline: Compositor, frame_bgr: U8, seconds: float | None, opacity: U8 | None) -> U8:
    """What the pipeline makes of a frame, uint8 HxWx3 BGR; where the source shows through, the background is there.

    opacity: of the frame, uint8 HxW, or None. Raises what the pipeline raises.
    """
    if opacity is None:
        return pipeline(frame_bgr, seconds)
    if pipeline.blur is not None:
        frame_bgr = over(frame_bgr, None, opacity)  # else what is nearly hidden would be blurred into what is not
    composite = pipeline(frame_bgr, seconds)
    height, width = composite.shape[:2]
    return over(composite, pipeline.hidden(width, height, seconds), opacity)


def alpha_of(pipeline: Compositor, opacity: U8 | None) -> F32:
    """float32 HxW in 0..1 of the frame that was composited last."""
    if opacity is None:
        return pipeline.alpha
    share = opacity.astype(np.float32) * np.float32(1 / 255)
    return f32(pipeline.alpha * share)
