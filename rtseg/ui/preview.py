"""The pictures of a page: small JPEGs, made when one is asked for, and once for all pages that want the same."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

import cv2

from rtseg.arrays import U8, u8
from rtseg.ui.surface import Moment

QUALITY = 80
WIDTHS = (320, 480, 640, 960, 1280)  # pixels; a page gets the first that is enough
ROOM_WIDTH = 320
KEPT = 8  # JPEGs: of one moment in every width, for all pages
Kind = Literal["composite", "room"]
MARKS = {"composite": b"\0", "room": b"\1"}  # the first byte of what is sent


def width_for(wanted: int) -> int:
    """The width that is sent to a page that wants so many pixels."""
    return next((width for width in WIDTHS if width >= wanted), WIDTHS[-1])


class Preview:
    """JPEGs of moments, the newest kept. For one thread."""

    def __init__(self) -> None:
        self._made: OrderedDict[tuple[int, Kind, int], bytes] = OrderedDict()
        self.encoded = 0

    def jpeg(self, moment: Moment, kind: Kind, width: int) -> bytes | None:
        """A mark and a JPEG; None for the room where it is not to be had."""
        key = moment.number, kind, width
        if key not in self._made:
            picture = moment.image if kind == "composite" else moment.room
            if picture is None:
                return None
            self._made[key] = MARKS[kind] + encoded(picture, width, mirror=moment.settings.mirror)
            self.encoded += 1
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return self._made[key]


def encoded(picture_bgr: U8, width: int, *, mirror: bool = False, quality: int = QUALITY) -> bytes:
    """A JPEG of a uint8 HxWx3 picture, made smaller to `width` if it is wider."""
    height, wide = picture_bgr.shape[:2]
    if wide > width:
        size = (width, max(1, round(height * width / wide)))
        picture_bgr = u8(cv2.resize(picture_bgr, size, interpolation=cv2.INTER_AREA))
    if mirror:
        picture_bgr = u8(cv2.flip(picture_bgr, 1))
    made, data = cv2.imencode(".jpg", picture_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not made:
        raise ValueError("OpenCV made no JPEG")
    return data.tobytes()
