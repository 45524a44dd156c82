"""The library face, on real frames."""

import contextlib
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from rtseg import Pipeline
from rtseg.backgrounds.background import load_background
from rtseg.errors import BackgroundError, ModelError, RtsegError, SourceError
from rtseg.pixels.geometry import cover

GREEN = "#00ff00"


def test_person_stays_and_room_goes(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background="beach.jpg", provider="cpu", threads=1)
    frame = demo_frames[0]
    out = pipe(frame)
    assert out.shape == frame.shape and out.dtype == np.uint8 and out is not frame
    alpha = pipe.alpha
    assert alpha.shape == frame.shape[:2] and alpha.dtype == np.float32
    assert alpha.min() >= 0 and alpha.max() <= 1
    beach = cover(load_background("beach.jpg"), 640, 360)
    # The jumper of the woman in the middle, and the wall at the upper left.
    np.testing.assert_allclose(out[200:260, 290:320], frame[200:260, 290:320], atol=2)
    np.testing.assert_allclose(out[:60, :150], beach[:60, :150], atol=2)
    assert 0.1 < alpha.mean() < 0.45


def test_timings_name_every_stage(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu")
    pipe(demo_frames[0])
    assert list(pipe.timings) == ["resize", "infer", "matte", "room", "blend"]
    assert all(v >= 0 for v in pipe.timings.values()) and pipe.timings["infer"] > 0


def test_kept_outputs_are_not_overwritten(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu")
    outs = [pipe(f) for f in demo_frames[:6]]
    fresh = Pipeline(background=GREEN, provider="cpu")
    for out, frame in zip(outs, demo_frames, strict=False):
        np.testing.assert_array_equal(out, fresh(frame))


def test_dropped_outputs_are_used_again(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu")
    places = {pipe(f).ctypes.data for f in demo_frames}
    assert len(places) <= 2


def test_views_keep_an_output_alive(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu")
    view = pipe(demo_frames[0])[..., ::-1]
    before = view.copy()
    for frame in demo_frames[1:]:
        pipe(frame)
    np.testing.assert_array_equal(view, before)


def test_reset_forgets(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu", threads=1)
    first = pipe(demo_frames[0])
    pipe(demo_frames[5])
    pipe.reset()
    np.testing.assert_array_equal(pipe(demo_frames[0]), first)
    pipe.reset()
    with pytest.raises(ModelError, match="no alpha yet"):
        _ = pipe.alpha


def test_state_is_used_between_frames(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu", threads=1)
    pipe(demo_frames[0])
    alone = pipe.alpha.copy()
    pipe(demo_frames[0])
    assert np.abs(pipe.alpha - alone).max() > 0


def test_a_cut_forgets(demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu", threads=1)
    expected = pipe(demo_frames[0])
    pipe.reset()
    pipe(np.where(demo_frames[0] > 100, 0, 255).astype(np.uint8))
    np.testing.assert_array_equal(pipe(demo_frames[0]), expected)


def test_size_may_change(demo_frames: list[np.ndarray], small_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background="beach.jpg", provider="cpu")
    for frame in (demo_frames[0], small_frames[0], demo_frames[1]):
        assert pipe(frame).shape == frame.shape == (*pipe.alpha.shape, 3)


def test_frames_need_not_be_contiguous(demo_frames: list[np.ndarray]) -> None:
    flipped = demo_frames[0][:, ::-1]
    one, two = (Pipeline(background=GREEN, provider="cpu", threads=1) for _ in range(2))
    np.testing.assert_array_equal(one(flipped), two(flipped.copy()))


def test_blur_keeps_the_person_and_blurs_the_room(demo_frames: list[np.ndarray]) -> None:
    frame = demo_frames[0]
    pipe = Pipeline(blur=25, provider="cpu")
    out = pipe(frame)
    np.testing.assert_allclose(out[200:260, 290:320], frame[200:260, 290:320], atol=2)
    room = (slice(60, 300), slice(20, 120))  # the window frame at the left
    assert (
        np.abs(np.diff(out[room].astype(int), axis=1)).mean()
        < 0.4 * np.abs(np.diff(frame[room].astype(int), axis=1)).mean()
    )


def test_a_background_may_be_blurred() -> None:
    sharp, soft = (Pipeline(background="room.jpg", blur=b, provider="cpu").hidden(640, 360) for b in (None, 30))
    assert np.abs(np.diff(soft.astype(int), axis=1)).mean() < 0.5 * np.abs(np.diff(sharp.astype(int), axis=1)).mean()


WRONG: tuple[dict[str, object], ...] = (
    {"blur": "20"},
    {"blur": [20]},
    {"threads": "2"},
    {"threads": 2.5},
    {"model": None},
    {"model": b"fast"},
    {"model": ["fast"]},
    {"area": "40960"},
    {"area": float("nan")},
    {"provider": None},
    {"background": 5},
)


@pytest.mark.parametrize("choice", WRONG)
def test_values_of_the_wrong_type_are_named_with_what_to_give(choice: dict[str, object]) -> None:
    ((name, value),) = choice.items()
    with pytest.raises(RtsegError, match=rf"{name}.*{re.escape(str(value))}.*[Gg]ive|unknown {name} None; choose"):
        Pipeline(**{"provider": "cpu", **choice})  # type: ignore[arg-type]


def test_sizes_and_areas_of_the_wrong_type_are_refused_later_too() -> None:
    with contextlib.closing(Pipeline(background="#000000", provider="cpu")) as pipe:
        for width, height in (("640", 480), (0, 0), (64.5, 48), (-4, 5), (10**9, 10**9)):
            for show in (pipe.hidden, pipe.warm_up):
                with pytest.raises(SourceError, match=r"size is .*give whole numbers"):
                    show(width, height)  # type: ignore[arg-type]
        for area in ("40960", 0, float("nan")):
            with pytest.raises(ModelError, match=r"area is .*give"):
                pipe.area = area  # type: ignore[assignment]
        with pytest.raises(BackgroundError, match="blur strength is '20'"):
            pipe.change(blur="20")  # type: ignore[arg-type]
        assert pipe.hidden(64, 48).shape == (48, 64, 3)


@pytest.mark.parametrize("blur", [0, -1, 101, float("nan")])
def test_blur_strength_has_limits(blur: float) -> None:
    with pytest.raises(BackgroundError, match="blur strength"):
        Pipeline(blur=blur)


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "frame.jpg",
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3)),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_what_is_no_frame_is_refused(frame: object) -> None:
    with pytest.raises(SourceError, match="expected uint8"):
        Pipeline(background=GREEN, provider="cpu")(frame)  # type: ignore[arg-type]


def test_bad_alpha_raises_and_shows_nothing(make_model: Callable[..., Path], demo_frames: list[np.ndarray]) -> None:
    pipe = Pipeline(background=GREEN, provider="cpu", model=make_model("nan"))
    with pytest.raises(ModelError):
        pipe(demo_frames[0])
    hidden = pipe.hidden(640, 360)
    assert hidden.shape == (360, 640, 3) and (hidden == (0, 255, 0)).all()


def test_tiny_frames_work() -> None:
    assert Pipeline(background=GREEN, provider="cpu")(np.zeros((2, 2, 3), np.uint8)).shape == (2, 2, 3)


def test_a_rest_ends_when_the_effect_changes(small_frames: list[np.ndarray]) -> None:
    """While nothing moves the network is left out, but not the change that the user asks for."""
    frame = small_frames[0]
    pipeline = Pipeline(background="#00ff00", provider="cpu", threads=1)
    pipeline.save_power = True
    pipeline(frame), pipeline(frame)
    assert pipeline.skipped == 1
    pictures = []
    for choice in ({"blur": 10}, {"blur": 60}, {"background": "#00ff00"}):
        pipeline.change(**choice)  # type: ignore[arg-type]
        pictures.append(pipeline(frame).astype(int))
    assert pipeline.skipped == 1
    assert all(np.abs(a - b).mean() > 0.5 for a, b in pairwise(pictures))


def test_a_rest_has_an_end(small_frames: list[np.ndarray]) -> None:
    """However still the picture stands, every 31st frame is looked at."""
    pipeline = Pipeline(background=GREEN, model="fast", provider="cpu", threads=1)
    pipeline.save_power, pipeline.follow = True, False
    rests = []
    for _ in range(64):
        before = pipeline.skipped
        pipeline(small_frames[0])
        rests.append(pipeline.skipped > before)
    assert [i for i, rest in enumerate(rests) if not rest] == [0, 31, 62]
