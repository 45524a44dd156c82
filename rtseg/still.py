"""A picture by itself: how closely it is looked at, and `rtseg.cutout`, its person, for programs."""

from __future__ import annotations

from functools import lru_cache
from os import PathLike
from pathlib import Path
from threading import Lock

import cv2

from rtseg.arrays import U8, u8
from rtseg.emitted import BLACK, render
from rtseg.errors import SourceError
from rtseg.frames import MAX_SIDE, check_frame
from rtseg.models.model import at_leisure
from rtseg.pipeline import Pipeline
from rtseg.sources.pictures import read_layers
from rtseg.veil import composited

# Of the preferred area, for a picture by itself: there is time, and ALL gains 1.4 IoU and 2.8 boundary IoU (RUNS.md).
STILL_AREAS = 3
STILL_MOST = 122_880  # pixels: half as many more and portraits lost 1.4 boundary IoU, ALL 0.4 IoU and 0.8
# Told of the first look, as a film's frames are of the frame before, portraits gain 0.2 to 0.6 boundary IoU, ALL 0.2 to
# 0.7; a third look adds a third of that (RUNS.md, 18).
LOOKS = 2
ONE_AT_A_TIME = Lock()  # a pipeline is for one thread, and this one is everybody's


@lru_cache(maxsize=1)
def pipeline_for(model: str, provider: str) -> Pipeline:
    """Kept: to load and check a model takes longer than a picture."""
    return Pipeline(background=BLACK, model=at_leisure(model), provider=provider)


def cutout(picture: str | PathLike[str] | U8, *, model: str | PathLike[str] = "quality", provider: str = "auto") -> U8:
    """The person in a picture before nothing: uint8 HxWx4 RGBA with straight alpha, as Pillow and matplotlib take it.

    Args:
        picture: a file, or uint8 HxWx3 BGR as OpenCV reads it.
        model, provider: as of `Pipeline`; the last model stays loaded.

    Raises SourceError for what is no picture, ModelError for a model that can't be used.
    """
    opacity = None
    if isinstance(picture, (str, PathLike)):
        path = Path(picture)
        picture, opacity = read_layers(path, SourceError)
        check_picture(path.name, picture)
    with ONE_AT_A_TIME:
        pipeline = pipeline_for(str(model), provider)
        bgra = render_still(pipeline, picture, "cutout", opacity)
        pipeline.reset()  # nothing of the picture is kept
    return u8(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA))


def render_still(pipeline: Pipeline, frame_bgr: U8, emit: str, opacity: U8 | None = None) -> U8:
    """What `render` makes of a picture by itself, looked at closely and LOOKS times; nothing before it counts."""
    pipeline.reset()
    pipeline.area = still_area(pipeline.model.info.area)
    for _ in range(LOOKS - 1):
        composited(pipeline, frame_bgr, 0.0, opacity)
    return render(pipeline, frame_bgr, emit, opacity=opacity)


def still_area(preferred: int) -> int:
    """Pixels at network size for a picture by itself, of a model that prefers so many."""
    return max(preferred, min(STILL_AREAS * preferred, STILL_MOST))


def check_picture(name: str, frame_bgr: U8) -> None:
    """Raise SourceError, with the file's name, for a picture that is too small or too long."""
    try:
        check_frame(frame_bgr)
    except SourceError as e:
        height, width = frame_bgr.shape[:2]
        raise SourceError(f"{name} is {width}x{height}; sides of 2 to {MAX_SIDE} pixels can be processed") from e
