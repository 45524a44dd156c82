"""Recordings of something live: whatever happens to the process or the disk, what was recorded plays."""

import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from conftest import read_clip
from rtseg.errors import OutputError
from rtseg.formats import WRITTEN_VIDEOS
from rtseg.sinks import encoders, video_file
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.video import Video

ROOT = Path(__file__).parent.parent
SIZE = (160, 90)
COUNT = 170
RECORD = f"""
import resource, signal, sys
import numpy as np
from pathlib import Path
from rtseg.errors import OutputError
from rtseg.sinks.video_file import VideoFile
name, limit = sys.argv[1], int(sys.argv[2])
if limit:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
rng = np.random.default_rng(0)
try:
    with VideoFile(Path(name), size={SIZE}, fps=30) as sink:
        for i in range({COUNT}):
            sink.write(rng.integers(0, 256, {(SIZE[1], SIZE[0], 3)}, np.uint8), i / 30 + (i % 3) / 100)
        print("written", flush=True)
        if not limit:
            signal.pause()
except OutputError as e:
    print(e)
"""


def record(name: str, limit: int = 0) -> subprocess.Popen[str]:
    """A process that writes some seconds of noise and waits, or fails at a file size of `limit` bytes."""
    command = [sys.executable, "-c", RECORD, name, str(limit)]
    return subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_killed_recording_plays_but_for_its_last_second(ending: str) -> None:
    with record(f"talk{ending}") as process:
        assert process.stdout and process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
    assert [p.name for p in Path().iterdir()] == [f"talk.partial{ending}"]
    _, times = read_clip(Path(f"talk.partial{ending}"))
    assert COUNT - 30 <= len(times) <= COUNT
    np.testing.assert_allclose(times, [i / 30 + (i % 3) / 100 for i in range(len(times))], atol=1.1e-3)


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv", ".webm"])
def test_a_full_disk_keeps_what_was_recorded(ending: str) -> None:
    """A limit on file size stands for a full disk: writes fail in the same way."""
    with record(f"talk{ending}", limit=400_000) as process:
        said, _ = process.communicate(timeout=60)
    assert f"output talk{ending} can't be" in said and f"is kept in talk.partial{ending}" in said
    assert [p.name for p in Path().iterdir()] == [f"talk.partial{ending}"]
    frames, _ = read_clip(Path(f"talk.partial{ending}"))  # a strict decoder: it raises for what is cut
    assert len(frames) > 10
    with Video(f"talk.partial{ending}", name="talk") as video:
        assert len(list(video)) == len(frames) and video.remark is None


def test_a_finished_recording_is_an_ordinary_file() -> None:
    """With its index in one piece, as players that can't seek in fragments want it."""
    with VideoFile(Path("talk.mp4"), size=SIZE, fps=30) as sink:
        for i in range(60):
            sink.write(noise(i), i / 30)
    assert [p.name for p in Path().iterdir()] == ["talk.mp4"]
    with av.open("talk.mp4") as container:
        assert container.streams.video[0].frames == 60
        assert container.duration == pytest.approx(2_000_000, abs=1000)  # microseconds


def test_a_recording_never_takes_the_place_of_an_interrupted_one() -> None:
    Path("talk.partial.mp4").write_text("precious")
    with VideoFile(Path("talk.mp4"), size=SIZE, fps=30) as sink:
        sink.write(noise(), 0)
        assert Path("talk.partial-2.mp4").exists()
    assert Path("talk.partial.mp4").read_text() == "precious"
    assert not Path("talk.partial-2.mp4").exists() and Path("talk.mp4").exists()


def test_a_second_ctrl_c_says_where_the_recording_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(partial: Path, path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(video_file, "complete", again)
    with pytest.raises(KeyboardInterrupt) as stop, VideoFile(Path("x.mkv"), size=(64, 48), fps=30) as recording:
        for index in range(9):
            recording.write(np.zeros((48, 64, 3), np.uint8), index / 30)
    assert "kept in x.partial.mkv" in stop.value.__notes__[0]
    assert len(read_clip(Path("x.partial.mkv"))[0]) == 9 and not Path("x.mkv").exists()


def test_an_error_elsewhere_keeps_the_recording_and_the_old_file() -> None:
    Path("talk.mp4").write_text("precious")
    with pytest.raises(RuntimeError) as caught, VideoFile(Path("talk.mp4"), size=SIZE, fps=30) as sink:
        for i in range(30):
            sink.write(noise(i), i / 30)
        raise RuntimeError("the window broke")
    assert Path("talk.mp4").read_text() == "precious"
    assert len(read_clip(Path("talk.partial.mp4"))[0]) == 30
    assert "what was recorded until then is kept in talk.partial.mp4" in caught.value.__notes__[0]


def test_an_error_before_the_first_frame_leaves_nothing() -> None:
    with pytest.raises(RuntimeError), VideoFile(Path("talk.mp4"), size=SIZE, fps=30):
        raise RuntimeError
    assert list(Path().iterdir()) == []


def test_a_device_is_no_file() -> None:
    Path("null.mp4").symlink_to("/dev/null")
    with pytest.raises(OutputError, match="device or a pipe"):
        VideoFile(Path("null.mp4"), size=SIZE, fps=30)


def test_a_name_with_a_colon_is_a_name() -> None:
    with VideoFile(Path("12:30.mp4"), size=SIZE, fps=30) as sink:
        sink.write(noise(), 0)
    with Video("12:30.mp4", name="clip") as video:
        assert len(list(video)) == 1


@pytest.mark.parametrize("ending", WRITTEN_VIDEOS)
def test_without_x264_there_is_still_an_encoder(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in builds of FFmpeg that leave out what is under the GPL."""
    monkeypatch.setattr(encoders, "has_codec", lambda name: name != "libx264")
    flat = np.full((SIZE[1], SIZE[0], 3), (200, 120, 40), np.uint8)
    with VideoFile(Path(f"talk{ending}"), size=SIZE, fps=30) as sink:
        for i in range(12):
            sink.write(flat, i / 30)
    frames, times = read_clip(Path(f"talk{ending}"))
    np.testing.assert_allclose(times, np.arange(12) / 30, atol=1.1e-3)
    assert np.abs(frames[-1].astype(int) - flat).max() <= 6


@pytest.mark.parametrize("height", [90, 720])
def test_colours_come_back_as_they_were(height: int) -> None:
    """The file says by which matrix they were made; players that don't read it go by the height."""
    flat = np.full((height, 160, 3), (30, 200, 90), np.uint8)
    with VideoFile(Path("talk.mp4"), size=(160, height), fps=30) as sink:
        sink.write(flat, 0)
    with av.open("talk.mp4") as container:
        assert container.streams.video[0].codec_context.colorspace == (1 if height > 576 else 6)
    assert np.abs(read_clip(Path("talk.mp4"))[0][0].astype(int) - flat).max() <= 6
