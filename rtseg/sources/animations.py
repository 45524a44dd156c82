"""Animated WebP and AVIF, which FFmpeg reads not at all or without transparency: Pillow's pictures as a film for it."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from rtseg.arrays import u8
from rtseg.sources.layers import BROKEN, foreign_profile, layers_of

MILLISECONDS = Fraction(1, 1000)
TOO_SHORT, INSTEAD = 10, 100  # milliseconds: what browsers make of times that nobody can have meant
MOST_BYTES = 2**31  # of all pictures as they are; losslessly packed they take a half to a tenth


def is_animation(head: bytes) -> bool:
    """Whether a file that is a video begins as one of these."""
    return head[8:12] == b"WEBP" or head[4:12] == b"ftypavis"


def as_film(path: Path) -> BytesIO:
    """The same, losslessly, as Matroska. Raises ValueError for what is damaged or too long, and OSError."""
    made = BytesIO()
    try:
        with Image.open(path) as picture, av.open(made, "w", format="matroska") as film:
            count = getattr(picture, "n_frames", 1)
            if 4 * count * picture.width * picture.height > MOST_BYTES:
                raise ValueError(f"{count} pictures of {picture.width}x{picture.height} are too many; save it as MP4")
            stream = film.add_stream("ffv1", rate=1000)
            stream.width, stream.height, stream.pix_fmt = *picture.size, "bgra"
            profile, begin = foreign_profile(picture.info.get("icc_profile")), 0
            for number in range(count):
                picture.seek(number)
                picture.load()
                bgr, opacity = layers_of(picture, profile)
                clear = np.full(bgr.shape[:2], 255, np.uint8) if opacity is None else opacity
                frame = av.VideoFrame.from_ndarray(u8(cv2.merge([bgr, clear])), format="bgra")
                frame.time_base, frame.pts = MILLISECONDS, begin
                lasts = round(picture.info.get("duration", 0))
                lasts = lasts if lasts > TOO_SHORT else INSTEAD
                for packet in stream.encode(frame):
                    packet.duration = lasts
                    film.mux(packet)
                begin += lasts
            film.mux(stream.encode(None))
    except BROKEN as e:
        raise e if isinstance(e, OSError) and e.errno else ValueError(str(e)) from e
    made.seek(0)
    return made
