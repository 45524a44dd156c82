import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from conftest import read_clip, write_clip
from rtseg.errors import OutputError
from rtseg.files import check_target, write_json
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.video import Video

SIZE = (320, 180)


def noise(height: int = 180, width: int = 320) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def test_times_survive(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    times = [0, 0.04, 0.05, 0.2, 0.3, 0.31, 0.5, 0.6, 0.8, 0.9, 1.5, 1.6]
    with VideoFile(tmp_path / "out.mp4", size=SIZE, fps=30) as sink:
        for frame, time in zip(small_frames, times, strict=True):
            sink.write(frame, time)
    frames, got = read_clip(tmp_path / "out.mp4")
    np.testing.assert_allclose(got, times, atol=1e-3)
    assert np.abs(frames[5].astype(int) - small_frames[5]).mean() < 6


def test_odd_sizes_are_padded_not_refused(tmp_path: Path) -> None:
    with VideoFile(tmp_path / "odd.mp4", size=(161, 91), fps=30) as sink:
        sink.write(noise(91, 161), 0)
    assert read_clip(tmp_path / "odd.mp4")[0][0].shape == (92, 162, 3)


@pytest.mark.parametrize("live", [False, True])
def test_no_name_before_it_is_complete(tmp_path: Path, live: bool) -> None:
    with VideoFile(tmp_path / "out.mp4", size=SIZE, fps=30, live=live) as sink:
        sink.write(noise(), 0)
        assert not (tmp_path / "out.mp4").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("precious")
    with pytest.raises(RuntimeError), VideoFile(tmp_path / "out.mp4", size=SIZE, fps=30, live=False) as sink:
        sink.write(noise(), 0)
        raise RuntimeError
    assert (tmp_path / "out.mp4").read_text() == "precious"
    assert list(tmp_path.glob(".*")) == []


def test_stopping_by_hand_leaves_no_half_file(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), VideoFile(tmp_path / "out.mp4", size=SIZE, fps=30, live=False) as sink:
        sink.write(noise(), 0)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    VideoFile(tmp_path / "out.mp4", size=SIZE, fps=30).finish()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.avi", r"\.avi can't be written; use \.mp4"),
        ("out", r"out has no suffix, which says what is written; give .*out\.mp4, or one of \.mp4"),
        ("no/out.mp4", "does not exist"),
        (".", "folder"),
    ],
)
def test_bad_names(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        VideoFile(tmp_path / name, size=SIZE, fps=30)


def test_standard_output_is_sent_to_who_writes_it(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"output -: a file is needed here .*`rtseg apply VIDEO --out -` writes raw"):
        VideoFile("-", size=SIZE, fps=30)


def test_source_is_never_the_target(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "link.mp4").symlink_to(clip)
    with pytest.raises(OutputError, match="source itself"):
        check_target(tmp_path / "link.mp4", clip)


def copied(source: Path, target: Path) -> None:
    """Picture by picture, with the sound."""
    with (
        Video(str(source), name="in") as video,
        VideoFile(target, size=SIZE, fps=30, sound=video, live=False) as sink,
    ):
        video.forward_others(sink.copy)
        for frame in video:
            sink.write(frame.image, frame.time)


def test_sound_is_copied_bit_for_bit(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    source = write_clip(tmp_path / "in.mp4", small_frames, [i / 30 for i in range(len(small_frames))], sound=True)
    copied(source, tmp_path / "out.mp4")

    def packets(path: Path) -> list[tuple[bytes, float]]:
        with av.open(str(path)) as container:
            return [(bytes(p), float(p.pts * p.time_base)) for p in container.demux(audio=0) if p.size]

    assert packets(tmp_path / "out.mp4") == packets(source) != []


def test_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """A limit on file size stands for a full disk: writes fail in the same way."""
    program = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from rtseg.errors import OutputError
from rtseg.sinks.video_file import VideoFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
rng = np.random.default_rng(0)
try:
    with VideoFile(Path("out.mp4"), size=(320, 180), fps=30, live=False) as sink:
        for i in range(60):
            sink.write(rng.integers(0, 256, (180, 320, 3), np.uint8), i / 30)
except OutputError as e:
    print(e)
    sys.exit(7)
"""
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert "out.mp4 can't be" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_json_is_written_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'
    with pytest.raises(OutputError, match="can't be written"):
        write_json(tmp_path / "no" / "x.json", {})


def test_sound_stays_with_the_picture_when_the_source_starts_late(
    tmp_path: Path, small_frames: list[np.ndarray]
) -> None:
    """As transport streams and cut-out clips do: both are moved to the beginning."""
    times = [i / 30 for i in range(len(small_frames))]
    source = write_clip(tmp_path / "in.ts", small_frames, times, sound=True, late=5)

    def starts(path: Path) -> tuple[float, float]:
        with av.open(str(path)) as container:
            audio, video = container.streams.audio[0], container.streams.video[0]
            return float(audio.start_time * audio.time_base), float(video.start_time * video.time_base)

    copied(source, tmp_path / "o.mkv")
    sound_before, picture_before = starts(source)
    sound_after, picture_after = starts(tmp_path / "o.mkv")
    assert min(sound_before, picture_before) > 1
    assert min(sound_after, picture_after) < 0.05
    assert sound_after - picture_after == pytest.approx(sound_before - picture_before, abs=0.03)


@pytest.mark.parametrize("out", ["out.mkv", "out.mp4", "out.webm"])
def test_names_of_tracks_are_kept_and_subtitles_named_as_left_out(small_frames: list[np.ndarray], out: str) -> None:
    clip = write_clip(Path("a.mkv"), small_frames, [i / 30 for i in range(len(small_frames))], sound=True)
    Path("a.srt").write_text("1\n00:00:00,000 --> 00:00:00,200\nhello\n")
    with av.open(str(clip)) as old, av.open("a.srt") as words, av.open("in.mkv", "w") as new:
        new.metadata["title"] = "My talk"
        for container in (old, words):
            for stream in container.streams:
                track = new.add_stream_from_template(stream)
                track.metadata.update({"language": "deu", "title": "Kommentar"})
        new.start_encoding()
        for container, offset in ((old, 0), (words, 2)):
            for packet in container.demux():
                if packet.dts is not None:
                    packet.stream = new.streams[packet.stream.index + offset]
                    new.mux(packet)
    with (
        Video("in.mkv", name="in") as video,
        VideoFile(Path(out), size=SIZE, fps=30, sound=video, live=False) as sink,
    ):
        video.forward_others(sink.copy)
        for frame in video:
            sink.write(frame.image, frame.time)
        assert str(sink.remark).count("subtitles are left out") == 1
    with av.open(out) as container:
        track = container.streams.audio[0]
        assert container.metadata["title"] == "My talk" and track.metadata["language"] in ("deu", "ger")
        assert "Kommentar" in (track.metadata.get("title"), track.metadata.get("handler_name"))


def test_sound_that_overlaps_is_taken_once(small_frames: list[np.ndarray]) -> None:
    """As at the joint of two parts whose sound begins before the picture."""
    clip = write_clip(Path("in.mp4"), small_frames, [i / 30 for i in range(len(small_frames))], sound=True)
    with (
        Video(str(clip), name="in") as video,
        Video(str(clip), name="again") as again,
        VideoFile(Path("out.mp4"), size=SIZE, fps=30, sound=video, live=False) as sink,
    ):
        for source in (video, again):
            source.forward_others(sink.copy)
            for frame in source:
                sink.write(frame.image, frame.time)
    with av.open(str(clip)) as before, av.open("out.mp4") as after:
        assert [bytes(p) for p in after.demux(audio=0)] == [bytes(p) for p in before.demux(audio=0)]
