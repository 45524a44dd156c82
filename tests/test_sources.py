import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.context import ThreadType

from conftest import COUNT, read_clip, write_clip, write_sound
from rtseg.errors import SourceError
from rtseg.sources import containers, pipes
from rtseg.sources import video as sources
from rtseg.sources.look import upright
from rtseg.sources.opening import open_source
from rtseg.sources.video import Video
from servers import feed_pipe, mjpeg_server


def test_file_gives_every_frame_with_its_own_time(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    times = [0, 0.04, 0.05, 0.2, 0.3, 0.31, 0.5, 0.6, 0.8, 0.9, 1.5, 1.6]
    with open_source(str(write_clip(tmp_path / "uneven.mkv", small_frames, times))) as source:
        frames = list(source)
    assert [f.index for f in frames] == list(range(COUNT))
    np.testing.assert_allclose([f.time for f in frames], times, atol=0.0011)  # Matroska counts milliseconds
    assert np.abs(frames[3].image.astype(int) - small_frames[3]).mean() < 6
    assert not source.live and (source.width, source.height) == (320, 180)


def test_demo_is_whole() -> None:
    with open_source("demo") as source:
        assert source.count == 242 == sum(1 for _ in source)


def test_named_pipe_loses_nothing(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    clip = write_clip(tmp_path / "clip.mkv", small_frames, [i / 30 for i in range(COUNT)])
    os.mkfifo(tmp_path / "pipe")
    feed_pipe(tmp_path / "pipe", clip.read_bytes())
    with open_source("pipe") as source:
        assert len(list(source)) == COUNT


def test_pipe_without_writer_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipes, "OPEN_TIMEOUT", 0.2)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="nobody wrote to the pipe"):
        open_source("pipe")


def test_http_stream_is_live(small_frames: list[np.ndarray]) -> None:
    with mjpeg_server(small_frames) as url, open_source(url) as source:
        assert source.live and source.count is None
        before = time.monotonic()
        frame = next(iter(source))
        assert frame.image.shape == (180, 320, 3) and before - 60 < frame.time <= time.monotonic()


def test_http_errors_are_named() -> None:
    with mjpeg_server([np.zeros((32, 32, 3), np.uint8)]) as url, pytest.raises(SourceError, match=r"404|Not Found"):
        open_source(url.replace("stream", "other"))
    with pytest.raises(SourceError, match=r"[Cc]onnection refused"):
        open_source(url)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nothere.mp4", None, "No such file"),
        ("empty.mp4", b"", "empty"),
        ("text.mp4", b"hello " * 400, "can't be opened as a video"),
        ("\0.mp4", None, "null"),
        (".", None, "folder"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=words):
        open_source(name)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    write_sound(tmp_path / "tone.m4a")
    with pytest.raises(SourceError, match="no video"):
        open_source("tone.m4a")


def test_truncated_file_gives_what_there_is(tmp_path: Path, small_frames: list[np.ndarray]) -> None:
    whole = write_clip(tmp_path / "whole.mkv", small_frames, [i / 30 for i in range(COUNT)]).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) * 2 // 3])
    with open_source("cut.mkv") as source:
        assert 1 <= len(list(source)) < COUNT


def test_index_at_the_end_missing(tmp_path: Path, clip: Path) -> None:
    (tmp_path / "cut.mp4").write_bytes(clip.read_bytes()[:-400])
    with pytest.raises(SourceError, match=r"cut\.mp4"):
        open_source("cut.mp4")


def test_live_frames_have_the_time_of_their_arrival_and_none_is_held_back(
    monkeypatch: pytest.MonkeyPatch, small_frames: list[np.ndarray]
) -> None:
    now, decode = [100.0], containers.Decoder.decode

    def slow(decoder: containers.Decoder, packet: av.Packet) -> list[av.VideoFrame]:
        now[0] += 5
        return decode(decoder, packet)

    monkeypatch.setattr(sources, "monotonic", lambda: now[0])
    monkeypatch.setattr(containers.Decoder, "decode", slow)
    with mjpeg_server(small_frames) as url, open_source(url) as source:
        assert isinstance(source, Video)
        assert source.stream.codec_context.thread_type is ThreadType.SLICE  # frames at once are held back
        ages = [now[0] - frame.time for frame, _ in zip(source, range(4), strict=False)]
    assert ages == [0, 5, 5, 5]  # the first was decoded as the stream was opened, and is shown as if it were new


def test_missing_camera_is_named() -> None:
    with pytest.raises(SourceError, match="camera 97 is not there"):
        open_source("97")


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("first", [1, -1])
@pytest.mark.parametrize("second", [1, -1])
def test_each_of_the_eight_ways_to_hold_a_camera_is_undone(transposed: bool, first: int, second: int) -> None:
    a, b, c, d = (0, first, second, 0) if transposed else (first, 0, 0, second)
    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    shown = upright(image, (a, b, c, d))
    assert shown.shape[:2] == ((3, 2) if transposed else (2, 3))
    for y in range(2):
        for x in range(
            3
        ):  # shown where the matrix moves it to; what is moved left of or above 0 counts from the far side
            to_x, to_y = a * x + c * y, b * x + d * y
            to_x, to_y = to_x - (a + c < 0), to_y - (b + d < 0)
            np.testing.assert_array_equal(shown[to_y, to_x], image[y, x])


def test_closing_twice_is_harmless(clip: Path) -> None:
    video = Video(str(clip), name="clip")
    video.close()
    video.close()


def test_closing_early_never_hangs() -> None:
    """Decoder threads and PyAV's logger could wait for each other for ever."""
    program = "from rtseg.sources.opening import open_source\nfor _ in range(150):\n    open_source('demo').close()"
    root = str(Path(__file__).parent.parent)
    subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": root}, check=True, timeout=180)


def test_clip_helpers_agree(clip: Path) -> None:
    frames, times = read_clip(clip)
    assert len(frames) == COUNT and times[1] == pytest.approx(1 / 30)


def test_closing_while_another_thread_reads_is_harmless(small_frames: list[np.ndarray]) -> None:
    """Freeing what a thread is decoding from would crash the process."""
    with mjpeg_server(small_frames, fps=100) as url:
        for _ in range(3):
            source = open_source(url)
            reader = threading.Thread(target=lambda s=source: [None for _ in s])  # type: ignore[misc]
            reader.start()
            time.sleep(0.1)
            source.close()
            reader.join(10)
            assert not reader.is_alive()


def test_silent_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "OPEN_TIMEOUT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(SourceError, match="no data for"):
        open_source(f"http://127.0.0.1:{server.getsockname()[1]}/stream")
