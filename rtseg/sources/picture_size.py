"""How large a picture says it is, read from its first bytes: known before a decoder allocates anything. Pure."""

from __future__ import annotations

import struct

JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers of segments that hold the size
MOST_SEGMENTS = 100_000  # before the picture; fill bytes count too
OPAQUE_BYTES, CLEAR_BYTES = 10, 14  # a pixel: 4 in Pillow, 3 each as RGB and as BGR; with transparency once more
TIFF_WIDTH, TIFF_HEIGHT, TIFF_SHORT = 256, 257, 3


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a PNG, JPEG, WebP, GIF, BMP or TIFF; None for anything else and for broken headers."""
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            width, height = struct.unpack_from(">II", data, 16)
        elif data.startswith(b"\xff\xd8"):
            return jpeg_size(data)
        elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
            return webp_size(data)
        elif data.startswith((b"GIF87a", b"GIF89a")):
            width, height = struct.unpack_from("<HH", data, 6)
        elif data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
        elif data.startswith((b"II*\0", b"MM\0*")):
            return tiff_size(data)
        else:
            return None
    except struct.error:
        return None
    return abs(width), abs(height)  # a BMP of negative height is stored from the top


def memory_for(data: bytes, size: tuple[int, int]) -> int:
    """Bytes that reading a picture of (width, height) takes at its peak, about, as `layers.py` does it."""
    if data.startswith(b"\x89PNG"):
        clear = bool(data[25:26] and data[25] & 4) or b"tRNS" in data[:4096]
    elif data[:4] == b"RIFF":
        clear = data[12:16] in (b"VP8X", b"VP8L")
    else:  # in others it can stand anywhere
        clear = not data.startswith((b"\xff\xd8", b"BM"))
    return size[0] * size[1] * (CLEAR_BYTES if clear else OPAQUE_BYTES)


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Walks the segments up to the one that starts the picture."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        marker, length = struct.unpack_from(">xBH", data, at)
        if marker in JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker == 0xFF:  # a fill byte
            at += 1
        elif data[at] != 0xFF or length < 2:
            return None
        else:
            at += 2 + length
    return None


def webp_size(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack_from("<HBHB", data, 24)
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def tiff_size(data: bytes) -> tuple[int, int] | None:
    order = "<" if data.startswith(b"II") else ">"
    (directory,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, directory)
    found: dict[int, int] = {}
    for i in range(entries):
        tag, kind = struct.unpack_from(order + "HH", data, directory + 2 + 12 * i)
        if tag in (TIFF_WIDTH, TIFF_HEIGHT):
            form = "H" if kind == TIFF_SHORT else "I"
            (found[tag],) = struct.unpack_from(order + form, data, directory + 2 + 12 * i + 8)
    return (found[TIFF_WIDTH], found[TIFF_HEIGHT]) if len(found) == 2 else None
