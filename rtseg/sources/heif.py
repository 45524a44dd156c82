"""HEIC and HEIF, the pictures of phones: FFmpeg decodes them, tile by tile; what belongs where is read here.

ISO/IEC 23008-12: a picture is an item of the `meta` box, often a grid of others, with properties (turns, colours).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO

import cv2
import numpy as np

from rtseg.arrays import U8, u8
from rtseg.pixels.tone import tone
from rtseg.sources.kinds import HEIF
from rtseg.sources.layers import Layers, as_srgb, foreign_profile

MOST_HEADER = 2**16  # bytes in which the index lies, mostly
GRID_PIXELS = 2**27  # of a grid: 134 million
ALPHA = (b"urn:mpeg:hevc:2015:auxid:1", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha")


@dataclass
class Items:
    """What a `meta` box says of its items, by their numbers."""

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)  # hvc1, grid, Exif ...
    properties: dict[int, list[tuple[bytes, bytes]]] = field(default_factory=dict)
    tiles: dict[int, list[int]] = field(default_factory=dict)  # of a grid, row by row
    helps: dict[int, int] = field(default_factory=dict)  # an auxiliary picture, and whose
    grids: dict[int, bytes] = field(default_factory=dict)  # what a grid's own bytes are


def is_heif(data: bytes) -> bool:
    """Whether a file begins as a still picture in HEVC; AVIF, which is much alike, only with HDR or wide colours."""
    if data[4:8] != b"ftyp" or data[8:12] not in HEIF:
        return False
    return is_wide(data) or not (b"avif" in data[8:64] or b"avis" in data[8:64])


def is_wide(data: bytes) -> bool:
    """Whether a colour box says that its colours are not those of BT.709 and sRGB."""
    at = data.find(b"colrnclx", 0, MOST_HEADER)
    if at < 0:
        return False
    primaries, transfer = struct.unpack_from(">HH", data[at + 8 : at + 12].ljust(4, b"\0"))
    return tone(transfer, primaries) is not None


def read_heif(data: bytes) -> Layers:
    """HxWx3 BGR, upright, in sRGB, and how opaque it is. Raises ValueError for what is damaged, and MemoryError."""
    import av.error  # PyAV is loaded only for who needs it

    try:
        return layers_of(data)
    except (struct.error, IndexError, cv2.error) as e:
        raise ValueError("its index of pictures is damaged") from e
    except av.error.FFmpegError as e:
        raise ValueError(e.strerror) from e


def layers_of(data: bytes) -> Layers:
    """As read_heif; raises what can go wrong in it."""
    from rtseg.sources.containers import open_container

    items = items_of(data)
    with open_container(BytesIO(data), remote=False) as container:
        by_item = {s.id: s for s in container.streams.video}
        wanted = {*items.tiles.get(items.primary, [items.primary]), *(k for k, v in items.helps.items() if v)}
        found = decoded(container, [s for i, s in by_item.items() if i in wanted])
    bgr = assembled(items, items.primary, found)
    mask = next((i for i, of in items.helps.items() if of == items.primary and is_alpha(items, i) and i in found), None)
    opacity = None if mask is None else u8(cv2.resize(found[mask][..., 0], bgr.shape[1::-1]))
    for name, value in items.properties.get(items.primary, []):
        if name == b"colr" and value[:4] == b"prof" and (profile := foreign_profile(value[4:])):
            from PIL import Image

            bgr = np.ascontiguousarray(np.asarray(as_srgb(Image.fromarray(bgr[..., ::-1]), profile))[..., ::-1])
        if name in (b"irot", b"imir"):
            bgr, opacity = moved(bgr, name, value[0]), None if opacity is None else moved(opacity, name, value[0])
    return bgr, opacity


def decoded(container: object, streams: list[object]) -> dict[int, U8]:
    """The first picture of each of these streams, BGR, by its item's number."""
    from rtseg.sources.look import Look

    found: dict[int, U8] = {}
    for packet in container.demux(streams) if streams else ():  # type: ignore[attr-defined]
        for picture in packet.decode():
            found.setdefault(packet.stream.id, Look(packet.stream).layers(picture, turn=False)[0])
    return found


def assembled(items: Items, item: int, found: dict[int, U8]) -> U8:
    """A picture, or a grid of them put together."""
    if items.kinds.get(item) != b"grid":
        if item not in found:
            raise ValueError("its main picture can't be decoded")
        return found[item]
    descriptor = items.grids.get(item, b"")
    wide = bool(descriptor[1:2] and descriptor[1] & 1)
    rows, columns = descriptor[2] + 1, descriptor[3] + 1
    width, height = struct.unpack_from(">II" if wide else ">HH", descriptor, 4)
    tiles = items.tiles.get(item, [])
    if width * height > GRID_PIXELS:
        raise ValueError(f"it claims {width}x{height} pixels, {GRID_PIXELS // 10**6} million are the most")
    if len(tiles) != rows * columns or not all(t in found for t in tiles):
        raise ValueError("some of its tiles can't be decoded")
    lines = [cv2.hconcat([found[t] for t in tiles[r * columns : (r + 1) * columns]]) for r in range(rows)]
    return np.ascontiguousarray(cv2.vconcat(lines)[:height, :width], np.uint8)


def moved(bgr: U8, name: bytes, value: int) -> U8:
    """Turned counter-clockwise by quarters (irot) or mirrored, top to bottom or left to right (imir)."""
    if name == b"irot":
        return np.ascontiguousarray(np.rot90(bgr, value & 3))
    return np.ascontiguousarray(bgr[:, ::-1] if value & 1 else bgr[::-1])


def is_alpha(items: Items, item: int) -> bool:
    """Whether an auxiliary picture is transparency, not depth or a map of gains."""
    return any(name == b"auxC" and value[4:].startswith(ALPHA) for name, value in items.properties.get(item, []))


def boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, where its content begins, where it ends) of the boxes there."""
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 16 if size == 1 else 8
        size = struct.unpack_from(">Q", data, start + 8)[0] if size == 1 else size or end - start
        if size < head or start + size > end:
            return
        yield name, start + head, start + size
        start += size


def items_of(data: bytes) -> Items:
    """Reads the `meta` box. Raises ValueError, struct.error and IndexError for what is damaged."""
    items = Items()
    top = {name: (a, b) for name, a, b in boxes(data, 0, len(data))}
    if b"meta" not in top:
        raise ValueError("it has no index of pictures")
    found = {name: (a, b) for name, a, b in boxes(data, top[b"meta"][0] + 4, top[b"meta"][1])}
    if b"pitm" in found:
        a = found[b"pitm"][0]
        items.primary = struct.unpack_from(">I" if data[a] else ">H", data, a + 4)[0]
    if b"iinf" in found:
        a, b = found[b"iinf"]
        for _, start, _ in boxes(data, a + (8 if data[a] else 6), b):
            number, kind = struct.unpack_from(">I2x4s" if data[start] == 3 else ">H2x4s", data, start + 4)
            items.kinds[number] = kind
    if b"iref" in found:
        read_references(data, *found[b"iref"], items)
    if b"iprp" in found:
        read_properties(data, *found[b"iprp"], items)
    if b"iloc" in found:
        read_grids(data, found[b"iloc"][0], found.get(b"idat", (0, 0))[0], items)
    return items


def read_references(data: bytes, start: int, end: int, items: Items) -> None:
    """Which tiles make a grid, and which pictures help another."""
    form, size = (">I", 4) if data[start] else (">H", 2)
    for name, a, _ in boxes(data, start + 4, end):
        (source,), (count,) = struct.unpack_from(form, data, a), struct.unpack_from(">H", data, a + size)
        targets = [struct.unpack_from(form, data, a + size + 2 + size * i)[0] for i in range(count)]
        if name == b"dimg":
            items.tiles[source] = targets
        elif name == b"auxl" and targets:
            items.helps[source] = targets[0]


def read_properties(data: bytes, start: int, end: int, items: Items) -> None:
    """Which properties each item has, in order."""
    found = {name: (a, b) for name, a, b in boxes(data, start, end)}
    known = [(name, data[a:b]) for name, a, b in boxes(data, *found[b"ipco"])] if b"ipco" in found else []
    if b"ipma" not in found:
        return
    at = found[b"ipma"][0]
    numbers, wide = (">I" if data[at] else ">H"), data[at + 3] & 1
    (entries,), at = struct.unpack_from(">I", data, at + 4), at + 8
    for _ in range(entries):
        (item,) = struct.unpack_from(numbers, data, at)
        at += struct.calcsize(numbers)
        count, at = data[at], at + 1
        for _ in range(count):
            index = struct.unpack_from(">H", data, at)[0] & 0x7FFF if wide else data[at] & 0x7F
            at += 2 if wide else 1
            if 0 < index <= len(known):
                items.properties.setdefault(item, []).append(known[index - 1])


def read_grids(data: bytes, at: int, idat: int, items: Items) -> None:
    """The few bytes of each grid: its rows, columns and size; from the file, or from the `idat` box."""
    version, (sizes, more) = data[at], struct.unpack_from(">BB", data, at + 4)
    widths = {"offset": sizes >> 4, "length": sizes & 15, "base": more >> 4, "index": more & 15 if version else 0}
    at += 6

    def number(size: int) -> int:
        nonlocal at
        value = int.from_bytes(data[at : at + size], "big")
        at += size
        return value

    for _ in range(number(4 if version == 2 else 2)):
        item = number(4 if version == 2 else 2)
        inside = bool(number(2) & 1) if version else False
        number(2)
        base = number(widths["base"])
        for _ in range(number(2)):
            number(widths["index"])
            offset, length = number(widths["offset"]), number(widths["length"])
            if items.kinds.get(item) == b"grid":
                begin = base + offset + (idat if inside else 0)
                items.grids[item] = data[begin : begin + length]
