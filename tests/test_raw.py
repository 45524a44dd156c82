"""Raw frames through real pipes, as a shell would connect them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from conftest import COUNT, HEIGHT, WIDTH, read_clip
from rtseg.commands.apply.run import run
from rtseg.errors import SourceError
from rtseg.pipeline import Pipeline

ROOT = Path(__file__).parent.parent
SIZE = f"{WIDTH}x{HEIGHT}"
BYTES = WIDTH * HEIGHT * 3
GREEN = ("--bg", "#00ff00", "--threads", "1", "--provider", "cpu")


def start(*arguments: str, stdout: int = subprocess.PIPE, **more: int) -> subprocess.Popen[bytes]:
    """`rtseg apply` with pipes for everything."""
    return subprocess.Popen(
        [sys.executable, "-m", "rtseg", "apply", *arguments, *GREEN],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.PIPE,
        **more,  # type: ignore[arg-type]
    )


def apply(data: bytes, *arguments: str, code: int = 0) -> tuple[bytes, str]:
    """Pipe data through it: what came out and what it said."""
    with start(*arguments) as process:
        out, said = process.communicate(data, timeout=120)
    assert process.returncode == code, said.decode()
    return out, said.decode()


@pytest.fixture
def data(small_frames: list[np.ndarray]) -> bytes:
    return b"".join(f.tobytes() for f in small_frames)


@pytest.mark.parametrize(("emit", "channels"), [("composite", 3), ("alpha", 1), ("cutout", 4)])
def test_a_frame_out_for_each_in_and_nothing_else(
    data: bytes, small_frames: list[np.ndarray], emit: str, channels: int
) -> None:
    out, said = apply(data, "-", "--raw", SIZE, "--out", "-", "--emit", emit)
    frames = np.frombuffer(out, np.uint8).reshape(COUNT, HEIGHT, WIDTH, channels)  # to the byte
    pipeline = Pipeline(background="#00ff00", model="quality", provider="cpu", threads=1)  # as apply
    for frame, got in zip(small_frames, frames, strict=True):
        wanted = pipeline(frame)
        if emit == "composite":
            np.testing.assert_array_equal(got, wanted)
        else:
            np.testing.assert_array_equal(got[..., -1], np.rint(pipeline.alpha * 255))
    assert "wrote raw frames to standard output" in said


def test_frames_do_not_wait_for_those_after_them(small_frames: list[np.ndarray]) -> None:
    with start("-", "--raw", SIZE, "--out", "-") as process:
        assert process.stdin and process.stdout
        for frame in small_frames[:3]:
            process.stdin.write(frame.tobytes())
            process.stdin.flush()
            assert len(process.stdout.read(BYTES)) == BYTES  # hangs if it waited for more
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(60) == 0


def test_a_cut_last_frame_is_an_error_after_the_whole_ones(data: bytes) -> None:
    out, said = apply(data[: 2 * BYTES + 1000], "-", "--raw", SIZE, "--out", "-", code=1)
    assert len(out) == 2 * BYTES
    assert (
        f"error: standard input: frame 2 is not whole: 1000 of {BYTES} bytes came, {BYTES - 1000} are missing" in said
    )


def test_a_cut_stream_is_kept_as_far_as_it_came(data: bytes) -> None:
    apply(data[:-1], "-", "--raw", SIZE, "--out", "talk.mp4", "--fps", "10", code=1)
    _, times = read_clip(Path("talk.mp4"))
    np.testing.assert_allclose(times, np.arange(COUNT - 1) / 10, atol=1e-3)
    assert [p.name for p in Path().iterdir()] == ["talk.mp4"]


def test_ctrl_c_completes_what_came_through_a_pipe(small_frames: list[np.ndarray]) -> None:
    # A shell ignores SIGINT in what it starts in the background, tests included, and children inherit that.
    program = "import signal, rtseg.cli; signal.signal(signal.SIGINT, signal.default_int_handler); rtseg.cli.main()"
    command = [sys.executable, "-c", program, "apply", "-", "--raw", SIZE, "--out", "talk.mp4", *GREEN]
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE) as process:
        assert process.stdin
        for frame in small_frames:
            process.stdin.write(frame.tobytes())
        process.stdin.flush()
        partial, deadline = Path("talk.partial.mp4"), time.monotonic() + 60
        while not (partial.exists() and partial.stat().st_size):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert [p.name for p in Path().iterdir()] == ["talk.mp4"] and read_clip(Path("talk.mp4"))[0]


def test_pictures_of_raw_frames(data: bytes) -> None:
    apply(data[: 3 * BYTES], "-", "--raw", SIZE, "--out", "frames/", "--emit", "alpha")
    assert sorted(p.name for p in Path("frames").iterdir()) == ["000000.png", "000001.png", "000002.png"]
    assert cv2.imread("frames/000002.png", cv2.IMREAD_UNCHANGED).shape == (HEIGHT, WIDTH)


def test_a_reader_that_leaves_is_no_error(small_frames: list[np.ndarray]) -> None:
    """As in `rtseg apply ... --out - | head`."""
    with start("-", "--raw", SIZE, "--out", "-") as process:
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(small_frames[0].tobytes())
        process.stdin.flush()
        assert len(process.stdout.read(BYTES)) == BYTES
        process.stdout.close()
        process.stdin.write(small_frames[1].tobytes())
        process.stdin.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 0, said
    assert "the reader closed standard output after 1 frame\n" in said and "Traceback" not in said


def test_a_full_disk_behind_standard_output_is_an_error(data: bytes) -> None:
    with open("/dev/full", "wb") as full, start("-", "--raw", SIZE, "--out", "-", stdout=full.fileno()) as process:
        _, said = process.communicate(data, timeout=60)
    assert process.returncode == 1 and b"error: standard output can't be written after 0 frames: No space left" in said


def test_a_video_becomes_raw_frames(clip: Path) -> None:
    out, _ = apply(b"", "clip.mp4", "--out", "-", "--emit", "alpha")
    assert len(out) == COUNT * WIDTH * HEIGHT


def test_raw_frames_from_a_file(data: bytes, console: Console) -> None:
    Path("talk.bgr").write_bytes(data)
    pipeline = Pipeline(background="#00ff00", provider="cpu", threads=1)
    run(Path("talk.bgr"), "talk.mkv", pipeline, "composite", console, raw=(WIDTH, HEIGHT))
    frames, times = read_clip(Path("talk.mkv"))
    assert len(frames) == COUNT and times[-1] == pytest.approx((COUNT - 1) / 30, abs=2e-3)
    with pytest.raises(SourceError, match="--fps is for raw frames"):
        run(Path("talk.mkv"), "other.mkv", pipeline, "composite", console, fps=25)


@pytest.mark.parametrize(
    ("data", "arguments", "words"),
    [
        (b"", ["-", "--raw", SIZE, "--out", "x.mp4"], "standard input is empty"),
        (b"abc", ["-", "--raw", SIZE, "--out", "x.mp4"], "3 of 172800 bytes"),
        (b"", ["-", "--out", "x.mp4"], "add --raw WIDTHxHEIGHT"),
        (b"", ["-", "--raw", "big", "--out", "x.mp4"], "WIDTHxHEIGHT"),
        (b"", ["-", "--raw", "99999x99999", "--out", "x.mp4"], "16384 pixels at most"),
        (b"", ["-", "--raw", SIZE, "--out", "x.png"], "a video needs"),
        (b"", ["nothere.bgr", "--raw", SIZE, "--out", "x.mp4"], "no such file"),
        (b"", [".", "--out", "-"], "not of a folder"),
    ],
)
def test_bad_raw_input(data: bytes, arguments: list[str], words: str) -> None:
    _, said = apply(data, *arguments, code=2 if "big" in arguments else 1)  # wrong usage
    assert words in said and "Traceback" not in said
    assert list(Path().iterdir()) == []
