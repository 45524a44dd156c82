"""Kinds of pictures: floating point, transparency, HEIC of tiles, and sizes that only a header says."""

import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.backgrounds.opening import open_background
from rtseg.errors import BackgroundError, SourceError
from rtseg.sources.pictures import read_layers, read_picture
from test_containers import CASES, colours


def test_floating_point_is_read_from_0_to_1(tmp_path: Path) -> None:
    path, picture = tmp_path / "deep.tif", np.full((64, 64, 3), 0.5, np.float32)
    picture[0, 0] = np.nan
    for layers in (picture, picture[..., 0]):
        cv2.imwrite(str(path), layers)
        assert read_picture(path, SourceError)[9, 9].tolist() == [128] * 3
        assert open_background(path).at(0.0, 64, 64)[9, 9].tolist() == [128] * 3
    cv2.imwrite(str(path), picture * 300)
    with pytest.raises(SourceError, match=r"deep\.tif: its values go up to 150; save it with 8 or 16 bits"):
        read_picture(path, SourceError)


def png_header(width: int, height: int, depth: int, colour: int) -> bytes:
    """As far as the first of its pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, colour, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("depth", "colour"), [(16, 2), (16, 6), (8, 6)])
def test_a_picture_that_would_fill_the_memory_is_refused_by_its_header(tmp_path: Path, depth: int, colour: int) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(16_000, 16_000, depth, colour))
    with pytest.raises(BackgroundError, match=r"huge\.png: it claims 16000x16000 .* memory"):
        open_background(path)


def test_transparency_of_any_kind_is_read(tmp_path: Path) -> None:
    layers = np.zeros((20, 40, 4), np.uint8)
    layers[..., 2], layers[:, 20:, 3] = 200, 255
    for name, picture in (
        ("a.png", layers),
        ("b.png", layers.astype(np.uint16) * 257),
        ("c.webp", layers),
        ("d.tif", layers),
    ):
        cv2.imwrite(str(tmp_path / name), picture, [cv2.IMWRITE_WEBP_QUALITY, 101])
        bgr, opacity = read_layers(tmp_path / name, SourceError)
        assert opacity is not None and not opacity[:, :20].any() and (opacity[:, 20:] == 255).all()
        assert not bgr[:, :20].any() and bgr[5, 30].tolist() == [0, 0, 200]


def test_heic_of_tiles_is_put_together(tmp_path: Path) -> None:
    picture = read_picture(CASES / "grid.heic", SourceError)
    assert picture.shape == (130, 260, 3) and colours(picture) == "rgbw"
    data = (CASES / "grid.heic").read_bytes()
    for share in (0.1, 0.3, 0.6, 0.9):
        (tmp_path / "cut.heic").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(SourceError, match=r"cut\.heic: it is cut off"):
            read_picture(tmp_path / "cut.heic", SourceError)
    rng = np.random.default_rng(0)
    for _ in range(30):  # damaged ones are errors of ours
        broken = bytearray(data)
        for at in rng.integers(16, 900, 4):
            broken[at] = rng.integers(256)
        (tmp_path / "bad.heic").write_bytes(broken)
        try:
            read_picture(tmp_path / "bad.heic", SourceError)
        except SourceError as e:
            assert "bad.heic" in str(e)
