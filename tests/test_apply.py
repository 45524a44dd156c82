import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from conftest import COUNT, read_clip, write_clip
from rtseg.commands.apply.run import run
from rtseg.emitted import cut_out
from rtseg.errors import OutputError, SourceError
from rtseg.pipeline import Pipeline
from rtseg.still import still_area


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(background="#00ff00", provider="cpu", threads=1)


@pytest.fixture
def photo(tmp_path: Path, demo_frames: list[np.ndarray]) -> Path:
    cv2.imwrite(str(tmp_path / "photo.png"), demo_frames[0])
    return tmp_path / "photo.png"


def test_cutout_carries_the_colours_and_the_alpha(
    tmp_path: Path, photo: Path, pipeline: Pipeline, console: Console, demo_frames: list[np.ndarray]
) -> None:
    run(photo, tmp_path / "cut.png", pipeline, "cutout", console)
    cut = cv2.imread(str(tmp_path / "cut.png"), cv2.IMREAD_UNCHANGED)
    run(photo, tmp_path / "alpha.png", pipeline, "alpha", console)
    np.testing.assert_array_equal(cut[..., 3], cv2.imread(str(tmp_path / "alpha.png"), cv2.IMREAD_UNCHANGED))
    seen = cut[..., 3] == 255
    assert seen.mean() > 0.1
    np.testing.assert_allclose(cut[seen, :3].astype(int), demo_frames[0][seen], atol=1)


def test_an_alpha_is_rounded_to_the_nearest_level(
    tmp_path: Path, photo: Path, pipeline: Pipeline, console: Console
) -> None:
    run(photo, tmp_path / "alpha.png", pipeline, "alpha", console)
    levels = cv2.imread(str(tmp_path / "alpha.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(levels, np.rint(pipeline.alpha * 255))
    assert ((levels > 0) & (levels < 255)).any()


def test_a_cutout_before_a_picture_is_the_composite(photo: Path, pipeline: Pipeline, console: Console) -> None:
    """Whoever puts it there gets what rtseg would have."""
    run(photo, Path("cut.png"), pipeline, "cutout", console)
    cut = cv2.imread("cut.png", cv2.IMREAD_UNCHANGED).astype(np.float32)
    pipeline.change("#3060c0")
    run(photo, Path("whole.png"), pipeline, "composite", console)
    share = cut[..., 3:] / 255
    laid = share * cut[..., :3] + (1 - share) * np.array([0xC0, 0x60, 0x30])
    difference = np.abs(laid - cv2.imread("whole.png"))
    assert difference.mean() < 0.3 and np.percentile(difference, 99.9) < 24


def test_colours_beyond_the_edge_are_the_persons_alone() -> None:
    """Two pixels along it the camera has mixed in the room's: blue. They are not spread."""
    before_black, alpha = np.zeros((80, 80, 3), np.uint8), np.zeros((80, 80), np.uint8)
    alpha[20:60, 20:60] = 255
    before_black[20:60, 20:60], before_black[22:58, 22:58] = (255, 0, 0), (0, 0, 200)
    cut = cut_out(before_black, alpha)
    np.testing.assert_array_equal(cut[40, 14:18, :3], [(0, 0, 200)] * 4)
    np.testing.assert_array_equal(cut[40, 20:60, :3], before_black[40, 20:60])
    assert not cut[40, :10].any() and (cut[..., 3] == alpha).all()


def test_the_room_is_not_hidden_in_a_cutout(photo: Path, pipeline: Pipeline, console: Console) -> None:
    """Transparent pixels keep their colour in a PNG, for everybody who drops the alpha plane."""
    run(photo, Path("cut.png"), pipeline, "cutout", console)
    cut = cv2.imread("cut.png", cv2.IMREAD_UNCHANGED)
    far = cv2.dilate(cut[..., 3], np.ones((21, 21), np.uint8)) == 0
    assert far.mean() > 0.3 and not cut[far].any()


def test_pictures_do_not_depend_on_their_neighbours(
    tmp_path: Path, pipeline: Pipeline, console: Console, demo_frames: list[np.ndarray]
) -> None:
    (tmp_path / "in").mkdir()
    for i, index in enumerate((0, 5, 0)):
        cv2.imwrite(str(tmp_path / "in" / f"{i}.png"), demo_frames[index])
    run(tmp_path / "in", tmp_path / "out", pipeline, "alpha", console)
    first, other, again = ((tmp_path / "out" / f"{i}.png").read_bytes() for i in range(3))
    assert first == again != other


def test_video_keeps_times_and_stem(
    tmp_path: Path, pipeline: Pipeline, console: Console, small_frames: list[np.ndarray]
) -> None:
    (tmp_path / "in").mkdir()
    times = [0.1 * i + 0.03 * (i % 3) for i in range(COUNT)]
    write_clip(tmp_path / "in" / "talk.mp4", small_frames, times, sound=True)
    run(tmp_path / "in", tmp_path / "out", pipeline, "composite", console)
    frames, got = read_clip(tmp_path / "out" / "talk.mp4")
    np.testing.assert_allclose(got, times, atol=1e-3)
    assert (np.abs(frames[0][:40, :60].astype(int) - (0, 255, 0)).mean()) < 12


def test_alpha_video_is_grey(tmp_path: Path, pipeline: Pipeline, console: Console, clip: Path) -> None:
    run(clip, tmp_path / "alpha.mp4", pipeline, "alpha", console)
    frame = read_clip(tmp_path / "alpha.mp4")[0][-1].astype(int)
    assert np.abs(frame[..., 0] - frame[..., 2]).max() <= 2
    assert frame[115, 150, 0] > 240 and frame[15, 15, 0] < 15


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path, pipeline: Pipeline, console: Console, photo: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bad.jpg").write_text("hello")
    (tmp_path / "in" / "good.png").write_bytes(photo.read_bytes())
    with pytest.raises(SourceError, match=r"1 of 2 files failed:\n.*bad\.jpg"):
        run(tmp_path / "in", tmp_path / "out", pipeline, "alpha", console)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["good.png"]


def test_two_files_never_share_a_target(tmp_path: Path, pipeline: Pipeline, console: Console, photo: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "a.webp"):
        (tmp_path / "in" / name).write_bytes(photo.read_bytes())
    with pytest.raises(OutputError, match=r"a\.png and a\.webp"):
        run(tmp_path / "in", tmp_path / "out", pipeline, "alpha", console)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "emit", "words"),
    [
        ("photo.png", "alpha", "source itself"),
        ("x.mp4", "alpha", "a picture needs"),
        ("x.jpg", "cutout", "no transparency"),
        ("no/x.png", "alpha", "does not exist"),
        ("x.png", "matte", "composite, alpha, cutout"),
        ("photo.png/", "alpha", "Not a directory"),
        ("-", "alpha", "is a picture"),
    ],
)
def test_bad_targets(
    tmp_path: Path, photo: Path, pipeline: Pipeline, console: Console, out: str, emit: str, words: str
) -> None:
    before = photo.read_bytes()
    with pytest.raises(OutputError, match=words):
        run(photo, out, pipeline, emit, console)
    assert [p.name for p in tmp_path.iterdir()] == ["photo.png"] and photo.read_bytes() == before


def test_a_name_with_a_slash_is_a_folder_for_a_picture_too(
    tmp_path: Path, photo: Path, pipeline: Pipeline, console: Console
) -> None:
    run(photo, f"{tmp_path}/new/er/", pipeline, "alpha", console)
    assert [p.name for p in (tmp_path / "new" / "er").iterdir()] == ["photo.png"]


def test_a_folder_is_not_written_into_itself(tmp_path: Path, photo: Path, pipeline: Pipeline, console: Console) -> None:
    with pytest.raises(OutputError, match="the folder that is read"):
        run(tmp_path, tmp_path, pipeline, "alpha", console)


def test_an_empty_folder_is_named(tmp_path: Path, pipeline: Pipeline, console: Console) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError, match="no picture or video"):
        run(tmp_path / "in", tmp_path / "out", pipeline, "alpha", console)


def test_a_folder_says_what_it_leaves_out_and_which_file_failed(
    tmp_path: Path, pipeline: Pipeline, console: Console, photo: Path
) -> None:
    folder = tmp_path / "in"
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(photo.read_bytes())
    (folder / "notes.txt").write_text("x")
    (folder / ".hidden").write_text("x")
    cv2.imwrite(str(folder / "dot.png"), np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(SourceError, match=r"1 of 2 files failed:\n.*dot\.png is 1x1"):
        run(folder, tmp_path / "out", pipeline, "alpha", console)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "left out: more/, notes.txt\n" in said and (tmp_path / "out" / "a.png").is_file()


def test_a_file_of_several_pictures_is_remarked_on(
    pipeline: Pipeline, console: Console, demo_frames: list[np.ndarray]
) -> None:
    cv2.imwritemulti("many.tif", list(demo_frames[:3]))
    run(Path("many.tif"), "out.png", pipeline, "alpha", console)
    assert "holds 3 pictures" in console.file.getvalue()  # type: ignore[attr-defined]


def test_where_nobody_was_found_is_told(pipeline: Pipeline, console: Console, small_frames: list[np.ndarray]) -> None:
    folder, person = Path("in"), small_frames[0]
    nobody = np.full_like(person, 90)
    folder.mkdir()
    for name, frame in (("empty.png", nobody), ("person.png", person)):
        cv2.imwrite(str(folder / name), frame)
    for name, frames in (("empty.mp4", [nobody] * 3), ("comes.mp4", [nobody] * 3 + [person] * 3 + [nobody] * 3)):
        write_clip(folder / name, frames, [i / 30 for i in range(len(frames))])
    run(folder, "out", pipeline, "alpha", console, json_file=Path("said.json"))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert [name for name in ("empty.png", "empty.mp4", "comes.mp4", "person.png") if f"found in {name}" in said] == [
        "empty.png",
        "empty.mp4",
    ]
    rows = json.loads(Path("said.json").read_text())["files"]
    assert {row["source"] for row in rows if row["remark"]} == {"in/empty.png", "in/empty.mp4"}


def test_a_picture_by_itself_is_looked_at_more_closely(
    tmp_path: Path, photo: Path, clip: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a video's frames would wait for each other there is time."""
    pipeline = Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1)
    pipeline.follow = False
    looks: list[int] = []

    def look(frame_bgr: np.ndarray, previous_alpha: np.ndarray) -> np.ndarray:
        looks.append(previous_alpha.size)
        return np.zeros_like(previous_alpha)

    monkeypatch.setattr(pipeline.model, "run", look)
    monkeypatch.setattr("rtseg.pipeline.require_nobody", lambda model: None)
    closest = []
    for source, out in ((photo, "one.png"), (clip, "one.mp4"), (photo, "two.png")):
        run(source, tmp_path / out, pipeline, "alpha", console)
        closest.append(looks[-1])
    area = pipeline.model.info.area
    assert closest == pytest.approx([3 * area, area, 3 * area], rel=0.25)
    told: list[float] = []

    def see(frame_bgr: np.ndarray, previous_alpha: np.ndarray) -> np.ndarray:
        told.append(float(previous_alpha.mean()))
        return np.ones_like(previous_alpha)

    monkeypatch.setattr(pipeline.model, "run", see)
    for out in ("three.png", "four.png"):
        run(photo, tmp_path / out, pipeline, "alpha", console)
    assert told == pytest.approx([0, 1, 0, 1])  # twice, the second time with what was found in mind
    assert [still_area(own) for own in (20_000, 60_000, 150_000)] == [60_000, 122_880, 150_000]
