"""Videos with transparency, as pictures, and their sound in every container."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from conftest import COUNT, read_clip, write_clip
from rtseg.arrays import f32
from rtseg.commands.apply.run import run
from rtseg.errors import OutputError, SourceError
from rtseg.pipeline import Pipeline
from rtseg.sinks.sequence import PictureSequence

TIMES = [0.1 * i + 0.03 * (i % 3) for i in range(COUNT)]


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(background="#00ff00", provider="cpu", threads=1)


@pytest.fixture
def talk(small_frames: list[np.ndarray]) -> Path:
    return write_clip(Path("talk.mp4"), small_frames, TIMES, sound=True)


@pytest.fixture
def alphas(talk: Path, pipeline: Pipeline, console: Console) -> list[np.ndarray]:
    """What --emit alpha gives for each frame, as PNG pictures."""
    run(talk, "alphas/", pipeline, "alpha", console)
    return [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(Path("alphas").iterdir())]


def read_bgra(path: Path, decoder: str | None = None) -> tuple[list[np.ndarray], list[float]]:
    """Frames with their alpha, and their times; FFmpeg's own VP9 decoder leaves the alpha out."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = av.CodecContext.create(decoder, "r") if decoder else stream.codec_context
        frames = [f for packet in container.demux(stream) for f in context.decode(packet)]
        return [f.to_ndarray(format="bgra") for f in frames], [float(f.pts * stream.time_base) for f in frames]


@pytest.mark.parametrize(
    ("name", "decoder", "pixels", "levels"),
    [("cut.mov", None, "yuva444p12le", 1.5), ("cut.webm", "libvpx-vp9", "yuva420p", 6)],
)
def test_cutout_of_a_video_is_straight_alpha(
    talk: Path,
    pipeline: Pipeline,
    console: Console,
    alphas: list[np.ndarray],
    small_frames: list[np.ndarray],
    name: str,
    decoder: str | None,
    pixels: str,
    levels: float,
) -> None:
    run(talk, name, pipeline, "cutout", console)
    frames, times = read_bgra(Path(name), decoder)
    np.testing.assert_allclose(times, TIMES, atol=1.1e-3)
    off = []
    for cut, alpha, frame in zip(frames, alphas, small_frames, strict=True):
        assert np.abs(cut[..., 3].astype(int) - alpha).mean() < levels
        person = alpha == 255
        assert np.abs(cut[person, :3].astype(int) - frame[person]).mean() < 8
        seen = person.astype(np.float32)[..., None]
        colours = cv2.blur(frame * seen, (25, 25)) / np.maximum(cv2.blur(seen, (25, 25))[..., None], 1e-3)
        rim = (alpha > 20) & (alpha < 120)  # straight: the person's colours, not darker for being half transparent
        off.append(np.abs(cut[rim, :3].astype(int).mean(0) - colours[rim].mean(0)).max())
        far = cv2.dilate(alpha, np.ones((41, 41), np.uint8)) == 0
        assert cut[far, :3].max(initial=0) < 12
    assert np.median(off) < 10 and max(off) < 20  # the most where a hand is fast
    with av.open(name) as container:
        assert container.streams.audio
        assert pixels == "yuva444p12le" or container.streams.video[0].metadata["alpha_mode"] == "1"


ROOM = np.array((255, 0, 255), np.uint8)  # a colour that nothing else has: red and blue without green


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "decoder"), [("cut/", None), ("cut.mov", None), ("cut.webm", "libvpx-vp9")])
def test_no_room_is_left_where_a_cut_out_is_transparent(
    name: str, decoder: str | None, pipeline: Pipeline, console: Console
) -> None:
    """A matte with a wide faint hem and a faint island in the room: their colours are the room's, and stay behind."""
    frame = np.empty((180, 320, 3), np.uint8)
    frame[:] = ROOM
    frame[60:, 110:210] = (40, 130, 60)
    drawn = np.zeros((180, 320), np.float32)
    drawn[60:, 110:210] = 1
    drawn = np.maximum(drawn, 0.9 * cv2.GaussianBlur(drawn, (0, 0), 6))
    drawn[20:40, 20:50] = 0.22

    def run_net(small_bgr: np.ndarray, _: np.ndarray) -> np.ndarray:
        return f32(cv2.resize(drawn, small_bgr.shape[1::-1], interpolation=cv2.INTER_AREA))

    pipeline.model.run = run_net  # type: ignore[method-assign]
    pipeline.follow = False  # it draws whole frames
    write_clip(Path("room.mkv"), [frame] * 3, [0.0, 0.1, 0.2])
    if name.endswith("/"):
        Path(name).mkdir()
    run(Path("room.mkv"), name, pipeline, "cutout", console)
    if name.endswith("/"):
        cuts = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in sorted(Path(name).iterdir())]
    else:
        cuts, _ = read_bgra(Path(name), decoder)
    for cut in cuts:
        alpha, colours = cut[..., 3], cut[..., :3].astype(int)
        assert (alpha[80:, 130:190] > 250).all() and (alpha[:, 290:] == 0).all()
        hidden = alpha == 0
        pink = np.minimum(colours[..., 0], colours[..., 2]) - colours[..., 1]
        assert pink[hidden].max() < 12
        rim = hidden & (cv2.dilate((alpha > 128).astype(np.uint8), np.ones((9, 9))) > 0)
        assert not rim.any() or colours[rim, 1].mean() > 60  # the person's colour for players that blend there


def test_a_picture_of_each_frame(talk: Path, pipeline: Pipeline, console: Console, alphas: list[np.ndarray]) -> None:
    Path("frames").mkdir()  # a folder that is there, and one that is not
    run(talk, "frames/", pipeline, "cutout", console)
    assert "note: 12 pictures" in console.file.getvalue() and "wrote frames/" in console.file.getvalue()  # type: ignore[attr-defined]
    names = [f"{i:06d}.png" for i in range(COUNT)]
    assert sorted(p.name for p in Path("frames").iterdir()) == names
    assert sorted(p.name for p in Path("alphas").iterdir()) == names
    for name, alpha in zip(names, alphas, strict=True):
        np.testing.assert_array_equal(cv2.imread(f"frames/{name}", cv2.IMREAD_UNCHANGED)[..., 3], alpha)


def test_pictures_of_two_videos_never_mix(
    talk: Path, pipeline: Pipeline, console: Console, alphas: list[np.ndarray]
) -> None:
    before = {p: p.read_bytes() for p in Path("alphas").iterdir()}
    with pytest.raises(OutputError, match=r"already holds frames \(000000\.png\)"):
        run(talk, "alphas/", pipeline, "composite", console)
    assert {p: p.read_bytes() for p in Path("alphas").iterdir()} == before


@pytest.mark.parametrize("live", [False, True])
def test_pictures_of_a_video_that_breaks_off_stay_only_if_it_can_not_be_done_again(live: bool) -> None:
    with pytest.raises(SourceError), PictureSequence(Path("frames"), fps=30, live=live) as sink:
        sink.write(np.zeros((8, 8, 3), np.uint8), 0)
        raise SourceError("gone")
    assert [str(p) for p in Path().rglob("*")] == (["frames", "frames/000000.png"] if live else [])


@pytest.mark.parametrize(
    ("out", "emit", "words"),
    [
        ("x.mp4", "cutout", r"\.mov \(ProRes 4444\) or \.webm \(VP9\)"),
        ("x.mkv", "cutout", "no transparency"),
        ("x.png", "alpha", "a video needs"),
        ("x", "composite", "a video needs"),
        ("talk.mp4/", "alpha", "is a file"),
        ("no/frames/", "alpha", "does not exist"),
    ],
)
def test_bad_targets_for_a_video(
    talk: Path, pipeline: Pipeline, console: Console, out: str, emit: str, words: str
) -> None:
    with pytest.raises(OutputError, match=words):
        run(talk, out, pipeline, emit, console)
    assert [p.name for p in Path().iterdir()] == ["talk.mp4"]


def test_cutouts_of_a_folder_get_an_ending_that_can_hold_them(
    small_frames: list[np.ndarray], pipeline: Pipeline, console: Console
) -> None:
    Path("in").mkdir()
    write_clip(Path("in/a.mp4"), small_frames[:2], TIMES[:2])
    cv2.imwrite("in/b.jpg", small_frames[0])
    run(Path("in"), "out", pipeline, "cutout", console)
    assert sorted(p.name for p in Path("out").iterdir()) == ["a.mov", "b.png"]


def test_sound_that_webm_can_not_hold_is_encoded_anew(talk: Path, pipeline: Pipeline, console: Console) -> None:
    run(talk, "talk.webm", pipeline, "composite", console)
    assert "sound was encoded anew as Opus: webm can't hold aac" in console.file.getvalue()  # type: ignore[attr-defined]
    _, times = read_clip(Path("talk.webm"))
    np.testing.assert_allclose(times, TIMES, atol=1.1e-3)

    def heard(path: Path) -> tuple[float, float]:
        """How long the sound is in seconds, and the tone's frequency in Hz."""
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            parts = [f.to_ndarray()[0] for f in container.decode(stream)]
            samples, rate = np.concatenate(parts), stream.codec_context.sample_rate
        middle = samples[len(samples) // 4 : len(samples) * 3 // 4]
        crossings = np.count_nonzero(np.diff(np.sign(middle)) > 0)
        return len(samples) / rate, crossings / (len(middle) / rate)

    (seconds, tone), (seconds_before, tone_before) = heard(Path("talk.webm")), heard(talk)
    assert seconds == pytest.approx(seconds_before, abs=0.06)
    assert tone == pytest.approx(tone_before, rel=0.02)
