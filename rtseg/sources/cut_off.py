"""Whether a picture's end is missing, as after a download that broke off. Pure; a file that doesn't tell is whole."""

from __future__ import annotations

import re
import struct

from rtseg.sources.intact import iso_box

JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in compressed data: none of it, nor a restart
JPEG_END = 0xD9
MOST_SEGMENTS = 100_000


def is_cut_off(data: bytes) -> bool:
    """Of a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIF."""
    if data.startswith(b"\xff\xd8"):
        return not jpeg_ends(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return not png_ends(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"BM") and len(data) >= 6:
        return int.from_bytes(data[2:6], "little") > len(data)
    if data.startswith((b"II*\0", b"MM\0*")):  # what it holds is listed behind it, mostly
        return int.from_bytes(data[4:8], "little" if data.startswith(b"II") else "big") >= len(data)
    if data.startswith(b"GIF8"):
        return not data.rstrip(b"\0").endswith(b";")
    return data[4:8] == b"ftyp" and not boxes_end(data)


def jpeg_ends(data: bytes) -> bool:
    """Walks the segments to the marker that ends the picture; thumbnails in them are stepped over."""
    at = 2
    for _ in range(MOST_SEGMENTS):
        found = JPEG_MARKER.search(data, at)
        if found is None:
            return False
        at = found.end()
        if data[at - 1] == JPEG_END:
            return True
        if data[at - 1] not in (0x01, 0xD8):  # those have no length
            at += int.from_bytes(data[at : at + 2], "big")
    return True


def png_ends(data: bytes) -> bool:
    """Walks the chunks."""
    at = 8
    while at + 8 <= len(data):
        (length,), name = struct.unpack_from(">I", data, at), data[at + 4 : at + 8]
        if name == b"IEND":
            return True
        at += 12 + length
    return False


def boxes_end(data: bytes) -> bool:
    """Whether the outermost boxes of an ISO file are all there, those with its pictures among them."""
    at, names = 0, set()
    while at < len(data):
        names.add(data[at + 4 : at + 8])
        size = iso_box(data[at : at + 16])
        if size is None:
            return True
        at += size
    return at == len(data) and b"mdat" in names
