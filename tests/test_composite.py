"""The compiled blend and the edge filter against plain numpy and known pictures."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg import composite
from rtseg.composite import blend, full_alpha, row_weights, widen
from rtseg.matte import HIGH, LOW, fit_coefficients


def random_frames(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return tuple(rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize("size", [(37, 53), (180, 320), (64, 64)])
def test_blend_equals_the_formula(size: tuple[int, int]) -> None:
    height, width = size
    frame, background = random_frames(height, width)
    rng = np.random.default_rng(5)
    a, b = rng.normal(0, 1, (2, 32, 64)).astype(np.float32)
    out = np.empty_like(frame)
    rows = row_weights(height, 32)
    blend(frame, background, widen(a, width), widen(b, width), *rows, out)

    full_a, full_b = (cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR) for x in (a, b))
    grey = frame @ np.array([0.114, 0.587, 0.299]) / 255
    alpha = np.clip(full_a * grey + full_b, 0, 1)
    expected = background + alpha[..., None] * (frame.astype(float) - background)
    assert np.abs(out - expected).max() <= 1.01

    got = np.empty((height, width), np.float32)
    full_alpha(frame, widen(a, width), widen(b, width), *rows, got)
    np.testing.assert_allclose(got, alpha, atol=1e-3)


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, "background"), (1.0, "frame")])
def test_sure_alphas_copy_exactly(alpha: float, expected: str) -> None:
    frame, background = random_frames(96, 160)
    a, b = fit_coefficients(np.zeros((32, 64), np.float32), np.full((32, 64), alpha, np.float32))
    out = np.empty_like(frame)
    blend(frame, background, widen(a, 160), widen(b, 160), *row_weights(96, 32), out)
    np.testing.assert_array_equal(out, {"frame": frame, "background": background}[expected])


def test_nearly_no_person_is_no_person() -> None:
    """A faint room behind the background would be a leak."""
    grey = np.random.default_rng(0).random((32, 64), np.float32)
    a, b = fit_coefficients(grey, np.full((32, 64), LOW * 0.9, np.float32))
    assert (a * grey + b).max() <= 1e-4
    a, b = fit_coefficients(grey, np.full((32, 64), HIGH + 0.01, np.float32))
    assert (a * grey + b).min() >= 1 - 1e-4


def test_edge_filter_moves_a_soft_edge_onto_the_pictures_edge() -> None:
    height, width, edge = 256, 512, 237  # the edge lies between two pixels of the small alpha
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, edge:] = 200
    small = cv2.cvtColor(cv2.resize(frame, (64, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2GRAY)
    truth = (np.arange(width) >= edge).astype(np.float32)
    coarse = cv2.resize(np.tile(truth, (height, 1)), (64, 32), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 1.0)
    a, b = fit_coefficients(small.astype(np.float32) / 255, coarse)
    alpha = np.empty((height, width), np.float32)
    full_alpha(frame, widen(a, width), widen(b, width), *row_weights(height, 32), alpha)
    plain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.abs(alpha - truth).mean() < 0.35 * np.abs(plain - truth).mean()
    np.testing.assert_array_equal(alpha[128] > 0.5, truth > 0.5)


def test_works_where_nothing_can_be_cached(tmp_path: Path) -> None:
    """Neither beside the module nor in the user's cache: as in a read-only container without a home."""
    shutil.copy(composite.__file__, tmp_path / "alone.py")
    for taken in ("__pycache__", "home"):  # files where numba would make folders
        (tmp_path / taken).touch()
    program = "import numpy as np\nfrom alone import blend, row_weights\nx = np.zeros((4, 4, 3), np.uint8)\n"
    program += "a = np.zeros((2, 4), np.float32)\nblend(x, x + 9, a, a, *row_weights(4, 2), x)\nassert (x == 9).all()"
    home = str(tmp_path / "home" / "no")
    paths = {"PYTHONPATH": str(tmp_path), "HOME": home, "XDG_CACHE_HOME": home}
    subprocess.run([sys.executable, "-c", program], env=paths, check=True, timeout=120)
