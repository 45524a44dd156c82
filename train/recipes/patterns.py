"""Draw walls, fabrics and noise, pictures that nobody is in, for `--backgrounds`: nets take some of them for people.

python train/recipes/patterns.py OUT [COUNT]      writes OUT/pattern_0000.jpg and so on; the same for the same count
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from rtseg.arrays import F32, U8

SIZE = (512, 320)  # width, height
Rng = np.random.Generator


def checks(x: F32, y: F32) -> F32:
    return (np.floor(x) + np.floor(y)) % 2


def stripes(x: F32, y: F32) -> F32:
    return np.floor(x) % 2


def plaid(x: F32, y: F32) -> F32:
    return (np.floor(x) % 2 + np.floor(y) % 2 + (np.floor(3 * x) % 3 == 0)) / 3


def dots(x: F32, y: F32) -> F32:
    return ((x % 1 - 0.5) ** 2 + (y % 1 - 0.5) ** 2 < 0.1).astype(np.float32)


def tiles(x: F32, y: F32) -> F32:
    return ((x % 1 < 0.1) | (y % 1 < 0.1)).astype(np.float32)


def bricks(x: F32, y: F32) -> F32:
    return (((x / 2 + 0.5 * (np.floor(y) % 2)) % 1 < 0.06) | (y % 1 < 0.12)).astype(np.float32)


KINDS: tuple[Callable[[F32, F32], F32], ...] = (checks, stripes, plaid, dots, tiles, bricks)


def noise(rng: Rng) -> F32:
    """Smooth or fine, 0..1."""
    w, h = SIZE
    cells = int(rng.choice((1, 2, 4, 12, 40)))
    small = rng.random((h // cells + 1, w // cells + 1), dtype=np.float32)
    return cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC)


def drawn(rng: Rng) -> U8:
    """A picture, uint8 HxWx3: two colours mixed by a pattern or noise, unevenly lit."""
    w, h = SIZE
    y, x = np.mgrid[:h, :w].astype(np.float32)
    angle = 0.0 if rng.random() < 0.6 else rng.uniform(0, np.pi)
    period = float(np.exp(rng.uniform(np.log(4), np.log(80))))
    u = (x * np.cos(angle) + y * np.sin(angle)) / period
    v = (y * np.cos(angle) - x * np.sin(angle)) / period * rng.uniform(0.7, 1.4)
    kind = int(rng.integers(len(KINDS) + 2))
    share = KINDS[kind](u, v) if kind < len(KINDS) else noise(rng) if kind == len(KINDS) else np.zeros_like(u)
    first, second = rng.uniform(0, 255, (2, 3))
    if rng.random() < 0.4:  # two greys
        first, second = (np.full(3, colour.mean()) for colour in (first, second))
    picture = first + np.asarray(share, np.float32)[..., None] * (second - first)
    across, down = rng.uniform(-0.4, 0.4, 2) * (rng.random() < 0.7)
    light = 1 + across * (x / w - 0.5) + down * (y / h - 0.5)
    picture = cv2.GaussianBlur(picture * light[..., None], (0, 0), rng.uniform(0.3, 1.2))
    return np.clip(picture, 0, 255).astype(np.uint8)


def main(out: Path, count: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        cv2.imwrite(str(out / f"pattern_{number:04}.jpg"), drawn(np.random.default_rng(number)))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(f"usage: {sys.argv[0]} OUT [COUNT]")
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) == 3 else 120)
