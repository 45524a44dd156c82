"""Files are whole or not there: two runs at once, links, names that nearly are too long."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from conftest import read_clip
from rtseg.errors import OutputError
from rtseg.files import check_target, whole_file, write_json
from rtseg.sinks.encoders import Encoder
from rtseg.sinks.sequence import PictureSequence, write_picture
from rtseg.sinks.video_file import VideoFile

ROOT = Path(__file__).parent.parent
GREY = np.full((90, 160, 3), 90, np.uint8)
WRITE = """
import sys
import numpy as np
from pathlib import Path
from rtseg.sinks.video_file import VideoFile
level, count = int(sys.argv[1]), int(sys.argv[2])
with VideoFile(Path("out.mp4"), size=(160, 90), fps=30, live=False) as sink:
    print("begun", flush=True)
    for i in range(count):
        sink.write(np.full((90, 160, 3), level, np.uint8), i / 30)
    input()
"""


def writer(level: int, count: int) -> subprocess.Popen[str]:
    """A process that writes that many frames of one grey to out.mp4, and completes it at the next line it is sent."""
    command = [sys.executable, "-c", WRITE, str(level), str(count)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT)}, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout and process.stdout.readline() == "begun\n"
    return process


def test_of_two_runs_to_one_file_the_last_to_finish_wins() -> None:
    for process, level, count in [(writer(200, 40), 200, 40), (writer(60, 70), 60, 70)][::-1]:
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
        frames, _ = read_clip(Path("out.mp4"))
        assert len(frames) == count and all(abs(int(f.mean()) - level) < 4 for f in frames)
    assert os.listdir() == ["out.mp4"]


def test_two_at_once_in_one_process() -> None:
    with whole_file(Path("x.json")) as first, whole_file(Path("x.json")) as second:
        first.write_text("first")
        second.write_text("second")
    assert Path("x.json").read_text() == "first" and os.listdir() == ["x.json"]


def test_a_temporary_file_is_nobodys_else(monkeypatch: pytest.MonkeyPatch) -> None:
    with whole_file(Path("x.json")) as first:
        first.write_text("{}")
    number = int(first.name.split("-")[-1].split(".")[0]) + 1
    precious = Path(first.name.replace(f"-{number - 1}.", f"-{number}."))
    precious.write_text("precious")
    write_json(Path("x.json"), 1)
    assert precious.read_text() == "precious" and sorted(os.listdir()) == [precious.name, "x.json"]


def test_an_error_leaves_nothing_new() -> None:
    Path("x.json").write_text("old")
    with pytest.raises(ValueError), whole_file(Path("x.json")) as temporary:
        temporary.write_text("half")
        raise ValueError
    assert Path("x.json").read_text() == "old" and os.listdir() == ["x.json"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_put_out_of_its_place() -> None:
    Path("cut").mkdir()
    os.mkfifo("cut/a.png")
    Path("link.png").symlink_to("cut/a.png")
    for name in ("cut/a.png", "link.png"):
        with pytest.raises(OutputError, match="a device or a pipe"):
            write_picture(Path(name), GREY)
    assert Path("cut/a.png").is_fifo() and os.listdir("cut") == ["a.png"]


def test_a_video_that_can_not_be_begun_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Encoder("no_such_encoder", "yuv420p", {})
    monkeypatch.setattr("rtseg.sinks.video_file.choose_encoder", lambda *_, **__: unknown)
    with pytest.raises(ValueError, match="no_such_encoder"):
        VideoFile(Path("out.mp4"), size=(160, 90), fps=30, live=False)
    assert os.listdir() == []


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("letter", ["n", "ö"])
def test_a_name_that_just_fits(letter: str, live: bool) -> None:
    name = letter * (251 // len(letter.encode())) + ".mp4"
    with VideoFile(Path(name), size=(160, 90), fps=30, live=live) as sink:
        sink.write(GREY, 0)
    write_picture(Path(name).with_suffix(".png"), GREY)
    assert sorted(os.listdir()) == [name, name.replace("mp4", "png")]


def test_a_name_that_is_too_long_is_told() -> None:
    path = Path("n" * 252 + ".mp4")
    for attempt in (
        lambda: check_target(path),
        lambda: write_json(path, {}),
        lambda: PictureSequence(path, fps=30),
        lambda: write_picture(path.with_suffix(".png"), GREY),
    ):
        with pytest.raises(OutputError, match="name too long"):
            attempt()
    assert os.listdir() == []


def test_a_source_with_an_endless_name_is_no_reason_to_refuse_the_target() -> None:
    Path("out.mp4").write_text("old")
    check_target(Path("out.mp4"), "http://127.0.0.1/" + "x" * 5000)


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("live", [False, True])
def test_a_link_is_written_through(there: bool, live: bool) -> None:
    Path("far").mkdir()
    Path("link.mp4").symlink_to("middle.mp4")
    Path("middle.mp4").symlink_to("far/talk.mp4")
    if there:
        Path("far/talk.mp4").write_text("old")
    with VideoFile(Path("link.mp4"), size=(160, 90), fps=30, live=live) as sink:
        assert sink.partial.parent == Path("far").resolve()
        sink.write(GREY, 0)
    assert Path("link.mp4").is_symlink() and Path("middle.mp4").is_symlink()
    assert os.listdir("far") == ["talk.mp4"] and len(read_clip(Path("far/talk.mp4"))[0]) == 1


def test_settings_that_are_a_link_stay_one() -> None:
    Path("dotfiles").mkdir()
    Path("x.json").symlink_to("dotfiles/x.json")
    write_json(Path("x.json"), 1)
    assert Path("x.json").is_symlink() and Path("dotfiles/x.json").read_text() == "1\n"


def test_links_that_lead_nowhere_are_told() -> None:
    Path("round.mp4").symlink_to("round.mp4")
    Path("away.mp4").symlink_to("no/talk.mp4")
    with pytest.raises(OutputError, match="back to itself"):
        check_target(Path("round.mp4"))
    with pytest.raises(OutputError, match="does not exist"):
        check_target(Path("away.mp4"))
    assert Path("round.mp4").is_symlink()


def test_a_signal_before_with_leaves_nothing() -> None:
    sink = VideoFile(Path("out.mp4"), size=(160, 90), fps=30, live=False)
    assert len(os.listdir()) == 1
    del sink
    gc.collect()
    assert os.listdir() == []
