import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.errors import BackgroundError
from rtseg.sources.picture_size import picture_size
from rtseg.sources.pictures import read_opaque, read_picture

RED, GREEN = (0, 0, 255), (0, 255, 0)


def exif(orientation: int) -> bytes:
    """A TIFF block with one entry: orientation (0x0112)."""
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0\0\0\0\0\0\0"


def half_and_half(channels: int = 3) -> np.ndarray:
    """40x80: the left half red and solid, the right half green and, with four channels, transparent."""
    picture = np.zeros((40, 80, channels), np.uint8)
    picture[:, :40, :3], picture[:, 40:, :3] = RED, GREEN
    if channels == 4:
        picture[:, :40, 3] = 255
    return picture


def encoded(suffix: str, picture: np.ndarray, *parameters: int) -> bytes:
    ok, data = cv2.imencode(suffix, picture, parameters)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize(
    ("orientation", "shape", "red_at"), [(1, (40, 80), (20, 5)), (3, (40, 80), (20, 75)), (6, (80, 40), (5, 20))]
)
def test_exif_orientation_of_a_photo_is_obeyed(
    tmp_path: Path, orientation: int, shape: tuple[int, int], red_at: tuple[int, int]
) -> None:
    body = b"Exif\0\0" + exif(orientation)
    jpeg = encoded(".jpg", half_and_half())
    path = tmp_path / "turned.jpg"
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + jpeg[2:])
    for read in (read_picture, read_opaque):
        picture = read(path, BackgroundError)
        assert picture.shape[:2] == shape
        np.testing.assert_allclose(picture[red_at], RED, atol=20)


def test_transparent_parts_turn_black(tmp_path: Path) -> None:
    path = tmp_path / "cutout.png"
    for depth in (np.uint8, np.uint16):
        picture = half_and_half(4).astype(depth) * (257 if depth == np.uint16 else 1)
        path.write_bytes(encoded(".png", picture))
        opaque = read_opaque(path, BackgroundError)
        assert opaque[20, 5].tolist() == list(RED) and not opaque[:, 40:].any()


def test_transparency_is_turned_with_the_picture(tmp_path: Path) -> None:
    """A PNG with alpha and an EXIF tag: wherever the green half ends up, it is the transparent one."""
    png = encoded(".png", half_and_half(4))
    chunk = b"eXIf" + exif(6)
    path = tmp_path / "turned.png"
    path.write_bytes(
        png[:33] + struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]
    )
    opaque = read_opaque(path, BackgroundError)
    assert opaque.shape == read_picture(path, BackgroundError).shape
    assert opaque[..., 1].max() == 0 and (opaque[..., 2] == 255).mean() == 0.5


@pytest.mark.parametrize(
    ("suffix", "parameters"),
    [
        (".png", ()),
        (".jpg", ()),
        (".jpg", (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        (".bmp", ()),
        (".tif", ()),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 80)),
        (".webp", (cv2.IMWRITE_WEBP_QUALITY, 101)),
    ],
)
def test_size_is_known_before_decoding(suffix: str, parameters: tuple[int, ...]) -> None:
    data = encoded(suffix, np.zeros((21, 37, 3), np.uint8), *parameters)
    assert picture_size(data) == (37, 21)
    for end in range(len(data)):  # never an exception, whatever is missing
        assert picture_size(data[:end]) in (None, (37, 21))


def test_other_headers() -> None:
    assert picture_size(b"GIF89a" + struct.pack("<HH", 37, 21)) == (37, 21)
    assert picture_size(b"RIFF\0\0\0\0WEBPVP8X" + bytes(8) + b"\x24\0\0\x14\0\0") == (37, 21)
    assert picture_size(b"BM" + bytes(16) + struct.pack("<ii", 37, -21)) == (37, 21)
    assert picture_size(b"not a picture") is None


@pytest.mark.parametrize("size", [(50_000, 50_000), (30_000, 30_000)])
def test_bombs_are_refused_before_they_are_decoded(tmp_path: Path, size: tuple[int, int]) -> None:
    """One beyond OpenCV's own limit of 2^30 pixels, one below it that would take 2.7 GB."""
    png = encoded(".png", np.zeros((8, 8, 3), np.uint8))
    path = tmp_path / "bomb.png"
    path.write_bytes(png[:16] + struct.pack(">II", *size) + png[24:])
    with pytest.raises(BackgroundError, match=f"bomb.png: it claims {size[0]}x{size[1]} pixels.*scale it down"):
        read_picture(path, BackgroundError)
