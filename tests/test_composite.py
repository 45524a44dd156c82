"""The compiled blend against plain numpy and known pictures."""

import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import rtseg
from rtseg.pixels.composite import blend, full_alpha
from rtseg.pixels.matte import HIGH, LOW, fit_coefficients

SIZES = [(37, 53), (180, 320), (64, 64), (90, 203), (21, 9), (2, 2), (300, 70)]


def random_frames(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return tuple(rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(2))  # type: ignore[return-value]


def blobs(seed: int = 5) -> np.ndarray:
    """Coefficients of a picture that is here surely person, there surely room, and has edges between."""
    rng = np.random.default_rng(seed)
    fit = np.stack([cv2.GaussianBlur(rng.normal(0, 1, (32, 64)).astype(np.float32), (0, 0), 3) for _ in range(4)])
    fit[:3] *= 3 / 255
    fit[3] = fit[3] * 12 + 0.5
    return fit


def slow_alpha(frame: np.ndarray, fit: np.ndarray) -> np.ndarray:
    full = np.stack([cv2.resize(x, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR) for x in fit], -1)
    return np.clip((full[..., :3] * frame).sum(-1) + full[..., 3], 0, 1)


def slow_blend(frame: np.ndarray, background: np.ndarray, alpha: np.ndarray, step: np.ndarray | float) -> np.ndarray:
    share = alpha[..., None]
    person = np.clip(frame + (1 - share) * step, 0, 255)
    return background + share * (person - background)


@pytest.mark.parametrize("size", SIZES)
def test_blend_equals_the_formula(size: tuple[int, int]) -> None:
    height, width = size
    frame, background = random_frames(height, width)
    fit = blobs()
    out = np.empty_like(frame)
    blend(frame, background, fit, out)
    alpha = slow_alpha(frame, fit)
    if min(size) > 30:
        assert min((alpha == 0).mean(), (alpha == 1).mean(), ((alpha > 0) & (alpha < 1)).mean()) > 0.05
    expected = slow_blend(frame, background, alpha, 0)
    assert np.abs(out - expected).max() < 0.51
    np.testing.assert_array_equal(out[alpha == 0], background[alpha == 0])
    np.testing.assert_array_equal(out[alpha == 1], frame[alpha == 1])

    got = np.empty((height, width), np.float32)
    full_alpha(frame, fit, got)
    np.testing.assert_allclose(got, alpha, atol=1e-4)


@pytest.mark.parametrize("size", SIZES)
def test_a_step_of_colour_changes_the_edge_alone(size: tuple[int, int]) -> None:
    height, width = size
    frame, background = random_frames(height, width)
    fit = blobs()
    step = np.full((2, width, 3), (128 - 50, 128, 128 + 40), np.uint8)
    out = np.empty_like(frame)
    blend(frame, background, fit, out, step)
    alpha = slow_alpha(frame, fit)
    assert np.abs(out - slow_blend(frame, background, alpha, np.array([-100, 0, 80]))).max() < 0.51
    for value, expected in ((0, background), (1, frame)):
        np.testing.assert_array_equal(out[alpha == value], expected[alpha == value])


@pytest.mark.parametrize("size", SIZES)
def test_steps_and_backgrounds_of_few_rows_are_stretched(size: tuple[int, int]) -> None:
    height, width = size
    frame, _ = random_frames(height, width)
    fit = blobs()
    rows = max(2, height // 5) if height > 2 else 7
    small, step = random_frames(rows, width)
    step = cv2.GaussianBlur(step, (0, 0), 3)
    out = np.empty_like(frame)
    blend(frame, small, fit, out, step)
    background, full_step = (cv2.resize(x, (width, height)).astype(float) for x in (small, step))
    expected = slow_blend(frame, background, slow_alpha(frame, fit), 2 * (full_step - 128))
    # A step's row holds for a whole row of the network's picture, of which there are few here.
    assert np.abs(out - expected).max() < (1.01 if height == 2 else 12) and np.abs(out - expected).mean() < 1


@pytest.mark.parametrize(("alpha", "expected"), [(0.0, "background"), (1.0, "frame")])
def test_sure_alphas_copy_exactly(alpha: float, expected: str) -> None:
    frame, background = random_frames(96, 160)
    fit = fit_coefficients(np.zeros((32, 64, 3), np.uint8), np.full((32, 64), alpha, np.float32))
    out = np.empty_like(frame)
    blend(frame, background, fit, out)
    np.testing.assert_array_equal(out, {"frame": frame, "background": background}[expected])


def test_read_only_frames_will_do() -> None:
    frame, background = random_frames(96, 160)
    writable, read_only = np.empty_like(frame), np.empty_like(frame)
    blend(frame, background, blobs(), writable)
    frame.flags.writeable = background.flags.writeable = False
    blend(frame, background, blobs(), read_only)
    np.testing.assert_array_equal(writable, read_only)


@pytest.mark.parametrize("what", ["background", "out", "step", "strided"])
def test_shapes_that_do_not_fit_are_refused(what: str) -> None:
    frame, background = random_frames(96, 160)
    arrays = {"background": background, "out": np.empty_like(frame), "step": np.full((2, 160, 3), 128, np.uint8)}
    if what == "strided":
        arrays["out"] = np.empty((96, 320, 3), np.uint8)[:, ::2]
    else:
        arrays[what] = arrays[what][:, 1:].copy()
    with pytest.raises(ValueError, match=f"{what if what != 'strided' else 'out'} is"):
        blend(frame, arrays["background"], blobs(), arrays["out"], arrays["step"])


def test_nearly_no_person_is_no_person() -> None:
    """A faint room behind the background would be a leak."""
    small, _ = random_frames(32, 64)
    shown = np.empty((32, 64), np.float32)
    full_alpha(small, fit_coefficients(small, np.full((32, 64), LOW * 0.9, np.float32)), shown)
    assert shown.max() <= 1e-4
    full_alpha(small, fit_coefficients(small, np.full((32, 64), HIGH + 0.01, np.float32)), shown)
    assert shown.min() >= 1 - 1e-4


def test_edge_filter_moves_a_soft_edge_onto_the_pictures_edge() -> None:
    height, width, edge = 256, 512, 237  # the edge lies between two pixels of the small alpha
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:, edge:] = 200
    small = cv2.resize(frame, (64, 32), interpolation=cv2.INTER_AREA)
    truth = (np.arange(width) >= edge).astype(np.float32)
    coarse = cv2.resize(np.tile(truth, (height, 1)), (64, 32), interpolation=cv2.INTER_AREA)
    coarse = cv2.GaussianBlur(coarse, (0, 0), 1.0)
    alpha = np.empty((height, width), np.float32)
    full_alpha(frame, fit_coefficients(small, coarse), alpha)
    plain = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    assert np.abs(alpha - truth).mean() < 0.35 * np.abs(plain - truth).mean()
    np.testing.assert_array_equal(alpha[128] > 0.5, truth > 0.5)


def test_works_where_nothing_can_be_cached(tmp_path: Path) -> None:
    """Neither beside the module nor in the user's cache: as in a read-only container without a home."""
    package = tmp_path / "rtseg"
    shutil.copytree(Path(rtseg.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    for taken in (package / "pixels" / "__pycache__", tmp_path / "home"):  # files where numba would make folders
        taken.touch()
    program = "import numpy as np\nfrom rtseg.pixels.composite import full_alpha\nx = np.zeros((4, 32, 3), np.uint8)\n"
    program += "fit = np.full((4, 2, 4), 0.25, np.float32)\nout = np.zeros((4, 32), np.float32)\n"
    program += "full_alpha(x, fit, out)\nassert (out == 0.25).all()"
    home = str(tmp_path / "home" / "no")
    paths = {"PYTHONPATH": str(tmp_path), "HOME": home, "XDG_CACHE_HOME": home}
    subprocess.run([sys.executable, "-c", program], env=paths, check=True, timeout=120)
