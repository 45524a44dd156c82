"""Whether a file's end is missing, as after a download that broke off: of a picture's bytes, or a video's file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # in compressed data: none of it, nor a restart
JPEG_END = 0xD9
CUT_OFF = "it is cut off, its end is missing; copy or download it again"
MOST_SEGMENTS = 100_000
TAG_HEADER = 11  # bytes of an FLV tag before its data
Measure = Callable[[bytes], int | None]  # bytes of the box that begins so, header included; None where it does not say


def is_cut_off(data: bytes) -> bool:
    """Of a JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or HEIF; a file that does not tell is whole."""
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


def is_whole(path: Path) -> bool | None:
    """False when an outermost box reaches beyond the file's end; None for kinds of files that don't tell.

    Those of MP4, MOV, Matroska, WebM and AVI do; of FLV's tags each is followed by its size. Raises OSError.
    """
    with path.open("rb") as f:
        start, end = 0, f.seek(0, 2)
        f.seek(0)
        head = f.read(12)
        if head.startswith(b"FLV"):
            return ends_with_a_tag(f, end)
        measure = kind_of(head)
        while measure and start < end:
            f.seek(start)
            size = measure(f.read(16))
            if size is None:
                return None
            start += size
    return start == end if measure else None


def ends_with_a_tag(file: BinaryIO, end: int) -> bool:
    """Whether the size at the end of an FLV file is that of the tag before it."""
    file.seek(max(0, end - 4))
    size = int.from_bytes(file.read(4), "big")
    file.seek(max(0, end - 4 - size))
    return size > TAG_HEADER and int.from_bytes(file.read(4)[1:], "big") + TAG_HEADER == size


def kind_of(head: bytes) -> Measure | None:
    """How to measure the boxes of a file that begins so."""
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return iso_box
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return matroska_element
    return riff_chunk if head.startswith(b"RIFF") and head[8:12] == b"AVI " else None


def iso_box(head: bytes) -> int | None:
    """ISO/IEC 14496-12: a size, big endian, and four letters; 1 has the real size after them, 0 does not say."""
    size = int.from_bytes(head[:4], "big")
    size = int.from_bytes(head[8:16], "big") if size == 1 else size
    return size if size >= 8 and head[4:8].isascii() and head[4:8].strip(b"\0") else None


def riff_chunk(head: bytes) -> int | None:
    """Four letters and the size of what follows, little endian, filled up to two bytes."""
    size = int.from_bytes(head[4:8], "little")
    return 8 + size + size % 2 if head.startswith(b"RIFF") and size else None


def matroska_element(head: bytes) -> int | None:
    """RFC 8794: an identifier, then the size of what follows; their leading zeros say how long both are."""
    kind = 9 - head[0].bit_length() if head else 0
    size = 9 - head[kind].bit_length() if len(head) > kind else 9
    if not 1 <= kind <= 4 or size > 8 or len(head) < kind + size:
        return None
    value = int.from_bytes(head[kind : kind + size], "big") & ((1 << 7 * size) - 1)
    unknown = value == (1 << 7 * size) - 1
    return None if unknown else kind + size + value
