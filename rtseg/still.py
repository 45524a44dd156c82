"""`rtseg.cutout`: the person of one picture, for programs."""

from __future__ import annotations

from functools import lru_cache
from os import PathLike
from pathlib import Path
from threading import Lock

import cv2

from rtseg.apply import BLACK, check_size, render, still_area
from rtseg.arrays import U8, u8
from rtseg.errors import SourceError
from rtseg.models.model import at_leisure
from rtseg.pipeline import Pipeline
from rtseg.sources.pictures import read_layers

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
        check_size(path.name, picture)
    with ONE_AT_A_TIME:
        pipeline = pipeline_for(str(model), provider)
        pipeline.reset()
        pipeline.area = still_area(pipeline.model.info.area)
        bgra = render(pipeline, picture, "cutout", opacity=opacity)
        pipeline.reset()  # nothing of the picture is kept
    return u8(cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA))
