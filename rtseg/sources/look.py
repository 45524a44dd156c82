"""How a decoded picture is to be shown, as its container says: read here for sources and backgrounds alike.

Shape (pixels that are not square), side (all eight display matrices), colours (matrix, range, HDR, wide gamuts) and
what is transparent. What has no tags is taken as players do, and as `sinks/video_file.py` writes it.
"""

from __future__ import annotations

from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type as SideData
from numpy.typing import NDArray

from rtseg.arrays import U8, U16, u8
from rtseg.pixels.opacity import without_hidden
from rtseg.pixels.tone import HLG, PQ, tone, toned

HD_HEIGHT, HD_WIDTH = 577, 1280  # from which on a video's colours are taken for BT.709 rather than BT.601
BT709, BT601, UNSPECIFIED = 1, 5, 2  # matrices; 2 is H.273's, the others are swscale's too
SWSCALE = {6: 5, 10: 9, UNSPECIFIED: 0, 0: 0, 8: 0}  # what swscale calls others of H.273; 0 for none
LIMITED, FULL = 1, 2  # AVCOL_RANGE_MPEG and _JPEG
BILINEAR, BICUBIC, AREA = 2, 4, 32
ROUNDED, FULL_CHROMA = 0x40000, 0x2000  # without these swscale darkens by a level at each conversion
SQUARE = 0.005  # by how much a pixel's shape may differ from a square one's
UPRIGHT = (1, 0, 0, 1)
TURNS = {90: (0, -1, 1, 0), 180: (-1, 0, 0, -1), 270: (0, 1, -1, 0)}  # by degrees, counter-clockwise
ODDEST = 8.0  # a shape beyond this is nonsense


class Look:
    """Of one stream. `remark` says what was done to its colours, or is None.

    exact: False where speed counts more: then pictures are darker by a level, and converted in a tenth of the time.
    """

    def __init__(self, stream: Any, *, exact: bool = True) -> None:
        self._exact = exact
        context = stream.codec_context
        self.aspect = pixel_shape(float(stream.sample_aspect_ratio or 1))
        # Of the stream: PyAV 15 doesn't have them of a picture.
        self._tone = tone(int(context.color_trc), int(context.color_primaries))
        kind = {PQ: "HDR (PQ)", HLG: "HDR (HLG)"}.get(int(context.color_trc))
        self.remark = f"{kind}, made standard (BT.709, tone-mapped)" if kind else None

    def size(self, picture: av.VideoFrame) -> tuple[int, int]:
        """(width, height) as it is shown: square pixels, upright. No side gets smaller."""
        width, height = self._squared(picture)
        return (height, width) if is_transposed(matrix_of(picture)) else (width, height)

    def _squared(self, picture: av.VideoFrame) -> tuple[int, int]:
        if self.aspect >= 1:
            return round(picture.width * self.aspect), picture.height
        return picture.width, round(picture.height / self.aspect)

    def layers(
        self, picture: av.VideoFrame, size: tuple[int, int] | None = None, *, turn: bool = True
    ) -> tuple[U8, U8 | None]:
        """uint8 HxWx3 BGR and, where some of it is transparent, uint8 HxW of how opaque it is; both upright.

        What is wholly transparent is black. size: (width, height) to which it is scaled while it is converted, whatever
        its shape; None for its own. turn: False for a part of a picture, which is turned when it is put together.
        Raises ValueError, MemoryError and FFmpegError for what can't be converted.
        """
        matrix = matrix_of(picture) if turn else UPRIGHT
        width, height = size or self._squared(picture)
        if size and is_transposed(matrix):
            width, height = height, width
        clear = may_be_transparent(picture)
        if self._tone is None:
            image: U8 = converted(picture, "bgra" if clear else "bgr24", width, height, self._exact)
            bgr, opacity = (image[..., :3], image[..., 3]) if clear else (image, None)
        else:
            deep: U16 = converted(picture, "rgba64le" if clear else "rgb48le", width, height)
            bgr = toned(deep[..., :3], self._tone)
            opacity = (deep[..., 3] >> 8).astype(np.uint8) if clear else None
        if opacity is not None and opacity.min() == 255:
            opacity = None
        if opacity is None:
            return upright(np.ascontiguousarray(bgr), matrix), None
        opacity = np.ascontiguousarray(opacity)
        return upright(without_hidden(np.ascontiguousarray(bgr), opacity), matrix), upright(opacity, matrix)


def pixel_shape(aspect: float) -> float:
    """A pixel's width by its height; 1 for what is square but for rounding, and for nonsense."""
    return aspect if 1 / ODDEST <= aspect <= ODDEST and abs(aspect - 1) > SQUARE else 1.0


def is_hd(width: int, height: int) -> bool:
    """Whether a video without tags has the colours of BT.709."""
    return height >= HD_HEIGHT or width >= HD_WIDTH


def may_be_transparent(picture: av.VideoFrame) -> bool:
    """By its format; a palette can hold a transparent entry."""
    return picture.format.has_palette or any(c.is_alpha for c in picture.format.components)


def converted(picture: av.VideoFrame, form: str, width: int, height: int, exact: bool = True) -> NDArray[Any]:
    """HxWxC of that format, with the matrix and the range that the picture has, scaled if need be."""
    same = (width, height) == (picture.width, picture.height)
    how = AREA if width * height < picture.width * picture.height else BICUBIC
    # FULL_CHROMA gives nonsense for 16 bits in FFmpeg 8.
    flags = BILINEAR if same else how
    if exact:
        flags |= ROUNDED | (0 if "64" in form or "48" in form else FULL_CHROMA)
    number = int(picture.colorspace)
    matrix = SWSCALE.get(number, number) or (BT709 if is_hd(picture.width, picture.height) else BT601)
    full = picture.format.is_rgb or picture.format.name.startswith("yuvj") or picture.color_range == FULL
    return picture.to_ndarray(
        format=form,
        width=width,
        height=height,
        interpolation=flags,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=FULL if full else LIMITED,
        dst_color_range=FULL,
    )


def matrix_of(picture: av.VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of its display matrix, each -1, 0 or 1: what is at (x, y) is shown at (ax + cy, bx + dy)."""
    try:
        data: Any = picture.side_data.get(SideData.DISPLAYMATRIX)  # type: ignore[call-overload]
    except ValueError:  # something beside it that is newer than PyAV, which has no mirrors elsewhere
        return TURNS.get(picture.rotation % 360, UPRIGHT)
    if data is None:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), "<i4").tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (-1 if a < 0 else 1), 0, 0, (-1 if d < 0 else 1)
    return 0, (-1 if b < 0 else 1), (-1 if c < 0 else 1), 0


def is_transposed(matrix: tuple[int, int, int, int]) -> bool:
    """Whether width and height change places."""
    return matrix[0] == 0


def upright(image: U8, matrix: tuple[int, int, int, int]) -> U8:
    """uint8 HxWxC or HxW, mirrored and turned as the matrix of `matrix_of` asks."""
    a, b, c, d = matrix
    across, down = (a, d) if a else (c, b)
    shown = image if a else cv2.transpose(image)
    if across < 0 or down < 0:
        shown = cv2.flip(shown, -1 if across == down else (1 if across < 0 else 0))
    return u8(shown)
