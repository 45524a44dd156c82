"""Masks as people have them: grey, colour, 16 bit, 0/1, cut off, inverted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.arrays import U8
from rtseg_train.dataset import Pair
from rtseg_train.inspect_data import look, looks_inverted
from rtseg_train.masks import read_mask
from tiny_runs import bust

SOFT = cv2.GaussianBlur(bust(), (0, 0), 3).astype(np.uint8)
NOISE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("stored", "name", "expected"),
    [
        (bust(), "grey.png", bust()),
        (bust() // 255, "ones.png", bust()),
        (bust() // 17, "index.png", bust()),
        (SOFT, "soft.png", SOFT),
        (np.dstack([bust()] * 3), "three.png", bust()),
        (np.dstack([bust() * 0, bust() * 0, bust()]), "red.png", bust()),
        (np.dstack([SOFT * 0, SOFT * 0, SOFT]), "soft_red.png", SOFT),
        (np.dstack([NOISE, SOFT]), "cut_out.png", SOFT),
        (np.dstack([bust()] * 3 + [np.full_like(bust(), 255)]), "opaque.png", bust()),
        (SOFT.astype(np.uint16) * 257, "deep.png", SOFT),
        (SOFT.astype(np.uint16), "deep_but_8.png", SOFT),
        ((bust() // 255).astype(np.uint16), "deep_ones.png", bust()),
        (bust() * 0, "nobody.png", bust() * 0),
    ],
)
def test_masks_of_all_kinds(tmp_path: Path, stored: U8, name: str, expected: U8) -> None:
    cv2.imwrite(str(tmp_path / name), stored)
    alpha = read_mask(tmp_path / name).alpha
    assert alpha.dtype == np.uint8 and np.array_equal(alpha, expected)


def test_jpeg_masks_keep_their_shape(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "m.jpg"), bust())
    assert np.array_equal(read_mask(tmp_path / "m.jpg").alpha > 127, bust() > 127)


def test_a_truncated_jpeg_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    cv2.imwrite(str(path), NOISE)
    cv2.imwrite(str(tmp_path / "m.png"), bust())
    as_picture, as_mask = Pair("all", path, tmp_path / "m.png"), Pair("all", tmp_path / "m.png", path)
    thumbnail = b"\xff\xe1\x00\x08\xff\xd8..\xff\xd9"  # it has an end of its own
    whole = path.read_bytes()[:2] + thumbnail + path.read_bytes()[2:]
    for kept in (0.99, 0.5):
        path.write_bytes(whole[: int(kept * len(whole))])
        for pair in (as_picture, as_mask):
            assert "cut.jpg: it is cut off" in look(pair)[0].problem, "OpenCV 4 reads it without a word"
    path.write_bytes(whole[:40])
    assert "cut.jpg" in look(as_picture)[0].problem
    for data in (whole, whole + b"what a phone appends"):
        path.write_bytes(data)
        assert look(as_picture)[0].problem == "" and "cut off" not in look(as_mask)[0].problem


def test_inverted_masks_are_told_from_people_at_the_border(tmp_path: Path) -> None:
    at_side, close_up = np.zeros((64, 64), np.uint8), np.full((64, 64), 255, np.uint8)
    at_side[:, :24] = 255
    close_up[:20, 54:] = 0
    assert looks_inverted(255 - bust())
    assert not any(looks_inverted(mask) for mask in (bust(), at_side, close_up, bust() * 0))
