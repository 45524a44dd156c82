"""Where the box is not looked for: stills get it at once, other people's nets and who does not want it never."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from rtseg import Pipeline, cli, pipeline
from rtseg.arrays import U8
from rtseg.commands.apply import run as apply
from rtseg.commands.cam import session as cam
from rtseg.errors import SourceError
from rtseg.models.model import Model
from rtseg.paths.cpu import CpuPath
from rtseg.pixels.composite import blend, full_alpha
from rtseg.pixels.matte import fit_coefficients, grey_of, motion, remembered, steadied
from rtseg.pixels.shrink import shrink
from test_follow import PERSON, H, Seeing, W


def test_a_still_is_looked_at_twice_and_better(demo_frames: list[U8]) -> None:
    """Thin things that the plain size does not resolve are there from the first frame."""
    frame = np.random.default_rng(0).integers(80, 160, (H, W, 3), np.uint8)
    cv2.line(frame, (240, 330), (380, 190), PERSON, 5)
    cv2.rectangle(frame, (240, 250), (400, 359), PERSON, -1)
    errors = []
    truth = (frame == PERSON).all(-1).astype(np.float32)
    for follow in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            see = Seeing(patch, follow=follow)
            see(frame)
            errors.append(float(np.abs(see.pipe.alpha - truth).mean()))
            assert len(see.looks[0]) == 1 + follow
    assert errors[0] < 0.8 * errors[1]


@pytest.mark.parametrize("background", ["beach.jpg", None])
def test_without_following_all_is_as_it_was(demo_frames: list[U8], background: str | None) -> None:
    pipe = Pipeline(background=background, model="fast", provider="cpu", threads=1)
    pipe.follow = False
    model = Model("fast", provider="cpu", threads=1)
    size = model.size_for(640, 360, model.info.area)
    before: tuple[U8, U8] | None = None
    for frame in demo_frames[:4]:
        out = pipe(frame)
        small = shrink(frame, size)
        grey = grey_of(small)
        moved = motion(grey, before[1]) if before else None
        told = np.zeros_like(grey) if before is None or moved is None else remembered(before[0], moved)
        alpha = model.run(small, told)
        if before and moved is not None:
            alpha = steadied(alpha, before[0], moved)
        before = alpha, grey
        expected = np.empty_like(out)
        fit = fit_coefficients(small, np.ascontiguousarray(alpha))
        blend(frame, np.zeros_like(frame), fit, expected)
        sure = pipe.alpha > 0.9999
        np.testing.assert_array_equal(out[sure], expected[sure])
        whole = np.empty((360, 640), np.float32)
        full_alpha(frame, fit, whole)
        np.testing.assert_array_equal(pipe.alpha, whole)


def test_other_peoples_networks_see_the_whole_frame(make_model: Callable[..., Path], tmp_path: Path) -> None:
    class Foreign:
        path, provider, threads, fallback_reason = tmp_path, "cpu", 1, None
        static, follows, remembers = None, False, False

        def size_for(self, *_: int) -> tuple[int, int]:
            return 96, 64

        def reset(self) -> None: ...

        def run(self, frame_bgr: U8, previous_alpha: U8) -> U8:
            assert frame_bgr.shape == (64, 96, 3)
            alpha = np.zeros_like(previous_alpha)
            alpha[20:, 30:50] = 1
            return alpha

    path = CpuPath(Foreign(), W, H, 8192)  # type: ignore[arg-type]
    path.follow = True
    frame = np.zeros((H, W, 3), np.uint8)
    for _ in range(20):
        path.composite(frame, frame, 0.0)


@pytest.mark.parametrize(("words", "expected"), [([], True), (["--no-follow"], False)])
def test_cam_and_apply_take_the_option(monkeypatch: pytest.MonkeyPatch, words: list[str], expected: bool) -> None:
    made = SimpleNamespace(close=lambda: None, reads=[])

    def no_source(*_: object, **__: object) -> None:
        raise SourceError("far enough")

    monkeypatch.setattr(cam, "choose_source", no_source)
    monkeypatch.setattr(apply, "run", lambda *_, **__: None)
    monkeypatch.setattr(pipeline, "Pipeline", lambda **_: made)
    with pytest.raises(SourceError, match="far enough"):
        cli.app(["cam", "--no-window", *words], standalone_mode=False)
    assert made.follow is expected
    del made.follow
    cli.app(["apply", "a.png", "--out", "b.png", *words], standalone_mode=False)
    assert made.follow is expected
