"""What can be set of the edge: through Pipeline with a drawn alpha, and on the command line."""

import shlex
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from rich.console import Console

from rtseg import Pipeline, cli
from rtseg.arrays import F32, U8, f32
from rtseg.errors import RtsegError
from rtseg.options.call import options_of
from rtseg.pixels.edge import LIMITS, is_somebody
from sessions import Kept, Made, Seen, pipeline_that, play
from test_cli import rtseg

pytestmark = pytest.mark.usefixtures("unchecked")
WIDTH, HEIGHT = 640, 360
DRAWN = Callable[[F32], tuple[Pipeline, U8]]


@pytest.fixture(scope="module")
def drawn() -> DRAWN:
    """Make a pipeline whose network says what is drawn, and a frame that is bright there."""
    pipeline = Pipeline(background="#00ff00", provider="cpu", threads=1)

    def make(alpha: F32) -> tuple[Pipeline, U8]:
        def run(small_bgr: U8, _: F32) -> F32:
            size = small_bgr.shape[1::-1]
            return f32(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))

        pipeline.model.run = run  # type: ignore[method-assign]
        pipeline.edge = pipeline.feather = pipeline.specks = 0
        pipeline.smoothing = pipeline.follow = False  # this network draws whole frames
        return pipeline, np.repeat(np.uint8(60 + 120 * alpha)[..., None], 3, axis=2)

    return make


def box(alpha: F32, left: int, top: int, right: int, bottom: int) -> tuple[slice, slice]:
    """Draw a person (or a piece of one) that fills this; where it is."""
    place = slice(top, bottom), slice(left, right)
    alpha[place] = 1
    return place


def body() -> F32:
    """Somebody in the middle."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    box(alpha, 240, 100, 400, HEIGHT)
    return alpha


@pytest.mark.parametrize(("name", "value"), [("edge", -1.01), ("feather", 2), ("specks", float("nan")), ("edge", "1")])
def test_what_lies_outside_is_refused_and_changes_nothing(drawn: DRAWN, name: str, value: object) -> None:
    pipeline, _ = drawn(body())
    setattr(pipeline, name, 1)
    low, high = LIMITS[name]
    with pytest.raises(RtsegError, match=rf"{name} is .*; give {low} to {high}"):
        setattr(pipeline, name, value)
    assert getattr(pipeline, name) == 1


def test_edge_keeps_more_or_less_and_nothing_of_the_far_room(drawn: DRAWN) -> None:
    alpha = cv2.GaussianBlur(body(), (0, 0), 12).astype(np.float32)
    pipeline, frame = drawn(alpha)
    kept = []
    for value in (-1, -0.5, 0, 0.5, 1):
        pipeline.edge = value
        pipeline(frame)
        kept.append(float(pipeline.alpha.mean()))
        assert (pipeline.alpha[:, :160] == 0).all() and (pipeline.alpha[200:, 300:340] == 1).all()
    assert (np.diff(kept) > 0.005).all()


def test_feather_softens_the_edge_and_nothing_else(drawn: DRAWN) -> None:
    pipeline, frame = drawn(body())
    soft = []
    for value in (0, 0.25, 0.5, 1):
        pipeline.feather = value
        pipeline(frame)
        edge = pipeline.alpha[220]
        soft.append(float((np.minimum(edge, 1 - edge)).sum()))
        assert (edge[:190] == 0).all() and (edge[290:350] == 1).all() and (edge[450:] == 0).all()
    assert (np.diff(soft) > 0.3).all() and soft[-1] > 3 * soft[0]


def test_specks_are_left_out_and_people_are_not(drawn: DRAWN) -> None:
    """Two people, one of them mostly beyond the frame, an arm with a finger; and two small things far from all."""
    alpha = body()
    people = [
        box(alpha, 400, 150, 560, 190),  # an arm, held out
        box(alpha, 560, 165, 590, 175),  # a finger
        box(alpha, 0, 250, 40, HEIGHT),  # 1.9 % of the picture, at its border
        box(alpha, 240, 100, 400, HEIGHT),
    ]
    specks = [box(alpha, 60, 40, 90, 60), box(alpha, 520, 300, 550, 320)]  # 0.26 % each
    pipeline, frame = drawn(alpha)
    pipeline(frame)
    before = pipeline.alpha.copy()
    assert all(before[place].mean() > 0.9 for place in people + specks)
    pipeline.specks = 0.6
    composite = pipeline(frame)
    assert all(pipeline.alpha[place].max() == 0 for place in specks)
    assert all((composite[place] == (0, 255, 0)).all() for place in specks)
    assert all(np.abs(pipeline.alpha[place] - before[place]).max() < 0.02 for place in people)


def test_a_speck_that_is_left_out_belongs_to_the_blurred_room(drawn: DRAWN) -> None:
    alpha = body()
    speck = box(alpha, 60, 40, 90, 60)
    _, frame = drawn(alpha)
    pipeline = Pipeline(blur=20, provider="cpu", threads=1)
    pipeline.follow, pipeline.specks = False, 0  # this network draws whole frames
    pipeline.model.run = drawn(alpha)[0].model.run  # type: ignore[method-assign]
    sharp = pipeline(frame)[speck].astype(int)
    pipeline.specks = 0.6
    pipeline.reset()
    blurred = pipeline(frame)[speck].astype(int)
    assert np.abs(sharp - 180)[1:-1, 1:-1].max() < 5
    assert 60 + 20 < blurred.mean() < 180 - 40  # neither the wall alone nor the speck as it was


def test_the_network_is_told_the_same_whatever_is_set(demo_frames: list[U8]) -> None:
    one, other = (Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1) for _ in range(2))
    one.edge, one.feather, one.specks = -0.7, 0.6, 5
    frames = np.full_like(demo_frames[:4], 128)
    for frame, seen in zip(frames, demo_frames, strict=False):
        frame[202:, 180:460] = cv2.resize(seen, (280, 158))  # somebody of 4.5 % of the picture
    for frame in frames[:3]:
        one(frame), other(frame)
    assert np.abs(one.alpha - other.alpha).max() > 0.1
    one.edge = one.feather = one.specks = 0
    np.testing.assert_array_equal(one(frames[3]), other(frames[3]))


def test_a_rest_ends_when_the_edge_is_changed(small_frames: list[U8]) -> None:
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)
    pipeline.save_power = True
    for _ in range(3):
        pipeline(small_frames[0])
    before, skipped = pipeline.alpha.copy(), pipeline.skipped
    assert skipped
    pipeline.feather = 1
    pipeline(small_frames[0])
    assert pipeline.skipped == skipped and np.abs(pipeline.alpha - before).max() > 0.1


def test_keys_set_it_while_it_runs(console: Console) -> None:
    pipeline = pipeline_that(lambda _: np.float32(0.5))  # type: ignore[arg-type,return-value]
    kept = Kept()
    play(Made(40, live=False, fps=1000), pipeline, Seen(keys={4: ".", 5: ".", 6: ".", 10: "f"}), console, kept)
    assert (pipeline.edge, pipeline.feather) == (0.3, 0.25)
    assert np.abs(kept.images[-1].astype(int) - kept.images[2]).max() > 3


@pytest.mark.parametrize("command", ["cam", "apply"])
def test_the_options_have_the_limits_of_the_library(command: str) -> None:
    there = typer.main.get_command(cli.app).commands[command]  # type: ignore[attr-defined]
    options = {o.name: o for o in options_of(there.params, there.callback)}
    for name, limits in LIMITS.items():
        assert (options[name].low, options[name].high) == limits
        assert options[name].default == getattr(Pipeline, name)


def test_apply_takes_them(demo_frames: list[U8]) -> None:
    cv2.imwrite("photo.png", demo_frames[0])

    def mean(*words: str) -> float:
        rtseg("apply", "photo.png", "--out", "alpha.png", "--emit", "alpha", "--model", "fast", *words)
        return float(cv2.imread("alpha.png", cv2.IMREAD_UNCHANGED).mean())

    less, plain, more = mean("--edge", "-1"), mean(), mean("--edge", "1", "--feather", "0.5", "--specks", "0.3")
    assert less < plain - 0.5 < more - 1
    for words in (("--edge", "-1.5"), ("--feather", "nan"), ("--specks", "6")):
        assert words[0] in rtseg("apply", "photo.png", "--out", "x.png", *words, code=2)


def test_cam_takes_them_and_saves_them(clip: Path) -> None:
    words = ["--source", str(clip), "--bg", "#00ff00", "--no-window", "--model", "fast", "--specks", "0.4"]
    rtseg("cam", *words, "--edge", "-0.4", "--out", "less.mp4", "--save-config", "mine.toml")
    assert {"edge = -0.4", "specks = 0.4"} <= set(Path("mine.toml").read_text().splitlines())
    rtseg("cam", *words, "--out", "plain.mp4")
    rtseg("cam", "--config", "mine.toml", "--feather", "0", "--out", "again.mp4")
    green = {name: green_pixels(Path(f"{name}.mp4")) for name in ("less", "plain", "again")}
    assert green["less"] == green["again"] > green["plain"], shlex.join(words)


def green_pixels(path: Path) -> int:
    """Of all frames of a video."""
    video, count = cv2.VideoCapture(str(path)), 0
    while (frame := video.read()[1]) is not None:
        count += int((np.abs(frame.astype(int) - (0, 255, 0)).max(-1) < 40).sum())
    return count


@pytest.mark.parametrize(
    ("percent", "specks", "expected"),
    [(0.4, 0.3, True), (0.2, 0.3, False), (0.2, 0, True), (0.01, 0, False), (0, 0, False), (4, 5, False), (6, 5, True)],
)
def test_somebody_is_more_than_a_stray_piece(percent: float, specks: float, expected: bool) -> None:
    assert is_somebody(percent / 100, specks) is expected
