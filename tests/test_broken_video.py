"""Videos that were cut short, put together byte by byte or change their size, and whole ones that look a little so."""

import os
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from rich.console import Console

from conftest import write_clip
from rtseg.commands.apply.run import run
from rtseg.errors import OutputError, SourceError
from rtseg.pipeline import Pipeline
from rtseg.sinks.video_file import VideoFile
from rtseg.sources import pipes
from rtseg.sources.pictures import read_picture
from rtseg.sources.video import Video
from servers import feed_pipe, file_server

COUNT = 60


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    """Noise that moves: about the same number of bytes in every frame."""
    noise = np.random.default_rng(0).integers(0, 256, (90, 160, 3), np.uint8)
    return [np.roll(noise, 2 * i, axis=1) for i in range(COUNT)]


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    return Pipeline(background="#00ff00", provider="cpu", threads=1)


def at_30(frames: list[np.ndarray]) -> list[float]:
    return [i / 30 for i in range(len(frames))]


def remux(source: Path, target: Path, move: float = 0.0, keep: int = COUNT, front: bool = False) -> Path:
    """The same packets, `move` seconds later, only the first `keep` of the picture; front: the index comes first."""
    options = {"movflags": "+faststart"} if front else {}
    with av.open(str(source)) as old, av.open(str(target), "w", container_options=options) as new:
        tracks = {s.index: new.add_stream_from_template(s) for s in old.streams}
        pictures = 0
        for packet in old.demux():
            pictures += packet.stream.type == "video"
            if packet.dts is None or (packet.stream.type == "video" and pictures > keep):
                continue
            ticks = round(move / packet.time_base)
            packet.pts, packet.dts, packet.stream = packet.pts + ticks, packet.dts + ticks, tracks[packet.stream.index]
            new.mux(packet)
    return target


def read(path: Path) -> tuple[list[float], str | None]:
    """The times of all frames and the remark at the end."""
    with Video(str(path), name=path.name) as video:
        return [frame.time for frame in video], video.remark


def cut(path: Path, share: float = 0.5) -> Path:
    """The beginning of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: round(len(data) * share)])
    return path


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
def test_a_cut_file_is_told(frames: list[np.ndarray], ending: str, sound: bool) -> None:
    clip = write_clip(Path(f"clip{ending}"), frames, at_30(frames), sound)
    times, remark = read(cut(remux(clip, Path(f"cut{ending}"), front=True)))
    assert 10 < len(times) < 40
    total = "60" if ending != ".mkv" else r"about 6\d"
    pattern = rf"cut{ending} ended after {len(times)} of {total} frames: the file is cut short"
    with_damage = remark.removeprefix(f"1 damaged packets of cut{ending} were left out; ") if remark else ""
    assert re.fullmatch(pattern, with_damage), remark


def test_a_cut_avi_is_told(frames: list[np.ndarray]) -> None:
    with av.open("cut.avi", "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuvj420p"
        for image in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    assert read(Path("cut.avi"))[1] is None
    assert "the file is cut short" in str(read(cut(Path("cut.avi")))[1])


def test_a_pipe_whose_writer_stops_in_the_middle_is_told(frames: list[np.ndarray]) -> None:
    slow = [i / 5 for i in range(COUNT)]
    data = write_clip(Path("clip.mkv"), frames, slow).read_bytes()
    os.mkfifo("pipe.mkv")
    feed_pipe(Path("pipe.mkv"), data[: len(data) // 2])
    with Video("pipe.mkv", name="pipe.mkv", pipe=True) as video:
        assert len(list(video)) < 40 and "the file is cut short" in str(video.remark)


def test_damage_and_the_early_end_are_both_told(frames: list[np.ndarray]) -> None:
    clip = write_clip(Path("clip.mkv"), frames, at_30(frames))
    data = bytearray(cut(clip).read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    clip.write_bytes(data)
    with Video(str(clip), name="clip.mkv") as video:
        video.damaged = 1  # decoders hide what they can
        list(video)
        assert "damaged packets of clip.mkv were left out; clip.mkv ended after" in str(video.remark)


def last_for_long(path: Path, frames: list[np.ndarray]) -> Path:
    """A slide that stands at the end for ten seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        stream.options = {"bf": "0", "tune": "zerolatency"}
        packets = [p for f in frames for p in stream.encode(av.VideoFrame.from_ndarray(f, format="bgr24"))]
        packets += stream.encode(None)
        for i, packet in enumerate(packets):
            packet.pts = packet.dts = i
            packet.time_base, packet.duration = Fraction(1, 30), 1 if i < COUNT - 1 else 300
            container.mux(packet)
    return path


WHOLE: dict[str, Callable[[Path, list[np.ndarray]], Path]] = {
    "uneven": lambda p, f: write_clip(p, f, [0.1 * i + 0.03 * (i % 3) for i in range(COUNT)]),
    "late": lambda p, f: write_clip(p, f, at_30(f), sound=True, late=100),
    "cut in an editor": lambda p, f: remux(write_clip(Path("a.mp4"), f, at_30(f), sound=True), p, move=-0.7),
    "sound goes on": lambda p, f: remux(write_clip(Path("a.mp4"), f, at_30(f), sound=True), p, keep=20),
    "last picture stays": last_for_long,
}


@pytest.mark.parametrize(
    ("kind", "ending"),
    [(kind, ending) for kind in WHOLE for ending in (".mp4", ".mov", ".mkv", ".ts", ".flv")]
    + [("last picture stays", ".avi")],  # which has no timestamps
)
def test_a_whole_file_is_not_called_cut(kind: str, ending: str, frames: list[np.ndarray]) -> None:
    times, remark = read(WHOLE[kind](Path(f"whole{ending}"), frames))
    assert remark is None and len(times) >= 15


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_recording_whose_end_is_missing_promised_nothing(frames: list[np.ndarray], ending: str) -> None:
    with VideoFile(Path(f"talk{ending}"), size=(160, 90), fps=30) as sink:
        for i, frame in enumerate(frames):
            sink.write(frame, i / 30)
        Path(f"lost{ending}").write_bytes(sink.partial.read_bytes())
    times, remark = read(cut(Path(f"lost{ending}"), 0.95))
    assert len(times) > 20 and remark is None


@pytest.mark.parametrize("ending", [".mp4", ".mkv", ".ts", ".flv"])
def test_the_total_does_not_count_the_time_before_the_start(frames: list[np.ndarray], ending: str) -> None:
    with Video(str(write_clip(Path(f"late{ending}"), frames, at_30(frames), late=100)), name="late") as video:
        assert video.count is not None and abs(video.count - COUNT) <= 1


def test_times_that_begin_anew_go_on(frames: list[np.ndarray]) -> None:
    one = write_clip(Path("one.ts"), frames, at_30(frames)).read_bytes()
    Path("three.ts").write_bytes(one * 3)
    times, remark = read(Path("three.ts"))
    np.testing.assert_allclose(np.diff(times), 1 / 30, atol=1e-3)
    assert len(times) == 3 * COUNT and "the times in three.ts jump back 2 times" in str(remark)


@pytest.mark.parametrize("before", [0.0, 0.3])
@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "out.webm"])
def test_sound_goes_on_with_the_picture(frames: list[np.ndarray], out: str, before: float) -> None:
    """before: seconds that the sound begins before the picture, so that the sound of two parts may overlap."""
    one = write_clip(Path("one.ts"), frames, [before + t for t in at_30(frames)], sound=True).read_bytes()
    Path("two.ts").write_bytes(one * 2)
    with (
        Video("two.ts", name="two.ts") as video,
        VideoFile(Path(out), size=(160, 90), fps=30, sound=video, live=False) as sink,
    ):
        video.forward_others(sink.copy)
        for frame in video:
            sink.write(frame.image, frame.time)
    seconds = 2 * COUNT / 30 + before
    with av.open(out) as container:
        for stream in container.streams:
            container.seek(0)
            times = sorted(float(p.pts * p.time_base) for p in container.demux(stream) if p.pts is not None)
            assert seconds - 0.1 < times[-1] < seconds + before + 0.3
            assert np.diff(times).max() < before + 0.25  # the sound is a little longer than the picture


def test_another_size_on_the_way_is_fitted_to_the_first(frames: list[np.ndarray]) -> None:
    picture = np.full((200, 100, 3), (200, 20, 20), np.uint8)
    picture[60:140] = 20, 90, 200  # as much of it as fits
    tall = [picture] * 30
    whole = write_clip(Path("a.ts"), frames, at_30(frames)).read_bytes()
    Path("both.ts").write_bytes(whole + write_clip(Path("b.ts"), tall, at_30(tall), late=2).read_bytes())
    with Video("both.ts", name="both.ts") as video:
        images = [frame.image for frame in video]
    assert {image.shape for image in images} == {(90, 160, 3)} and len(images) == COUNT + 30
    assert np.abs(images[-1].astype(int) - (20, 90, 200)).max() < 12  # not stretched, no bars
    assert "30 frames of both.ts have another size than the first" in str(video.remark)


def test_apply_says_what_was_missing(frames: list[np.ndarray], pipeline: Pipeline, console: Console) -> None:
    clip = cut(remux(write_clip(Path("a.mp4"), frames, at_30(frames)), Path("cut.mp4"), front=True))
    run(clip, "out.mp4", pipeline, "composite", console)
    assert "of 60 frames: the file is cut short" in console.file.getvalue()  # type: ignore[attr-defined]


def test_apply_does_not_wait_for_ever_for_a_pipe(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    monkeypatch.setattr(pipes, "OPEN_TIMEOUT", 0.2)
    os.mkfifo("pipe.mkv")
    os.mkfifo("pipe")
    for raw in (None, (160, 90)):
        with pytest.raises(SourceError, match="nobody wrote to the pipe"):
            run(Path("pipe.mkv"), "out.mp4", pipeline, "composite", console, raw=raw)
    with pytest.raises(SourceError, match="pipe or a device"):
        run(Path("pipe"), "out.png", pipeline, "composite", console)
    with pytest.raises(OutputError, match="pipe or a device"):
        read_picture(Path("/dev/zero"), OutputError)


@pytest.mark.parametrize("content", [b"<html>" + b"hello " * 2000, b""])
def test_a_page_is_no_video_and_the_message_says_what_to_check(content: bytes) -> None:
    with file_server(content, "text/html") as url, pytest.raises(SourceError, match="not of a page that shows it"):
        Video(url, name=url)


def test_an_index_at_the_end_needs_ranges_and_apply_puts_it_in_front(frames: list[np.ndarray]) -> None:
    data = write_clip(Path("end.mp4"), frames, at_30(frames)).read_bytes()
    with file_server(data, "video/mp4") as url, pytest.raises(SourceError, match="range requests"):
        Video(url, name=url)
    with VideoFile(Path("front.mp4"), size=(160, 90), fps=30, live=False) as sink:
        for i, frame in enumerate(frames):
            sink.write(frame, i / 30)
    data = Path("front.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with file_server(data, "video/mp4") as url, Video(url, name=url) as video:
        assert len(list(video)) == COUNT
