"""What killed runs leave is cleared away by the next; permissions stay as they were."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rtseg.files import temporary_path, whole_file, write_json
from rtseg.options.call import Call
from rtseg.options.saving import save_config
from rtseg.sinks.sequence import write_picture
from rtseg.sinks.video_file import VideoFile

ROOT = Path(__file__).parent.parent
GREY = np.full((48, 64, 3), 90, np.uint8)
WRITE = """
import sys
from pathlib import Path
from rtseg.files import temporary_path
print(temporary_path(Path("x.json")), flush=True)
input()
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="permissions and locks of Unix")


def writing() -> tuple[subprocess.Popen[str], str]:
    """A process that is writing x.json, and the name under which it does."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE], env={"PYTHONPATH": str(ROOT)}, stdin=pipe, stdout=pipe, text=True
    )
    assert process.stdout
    return process, process.stdout.readline().strip()


def test_the_next_run_removes_what_a_killed_one_left() -> None:
    killed, left = writing()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    alive, busy = writing()  # removes it
    assert left != busy and os.listdir() == [busy]
    write_json(Path("y.json"), 1)
    assert sorted(os.listdir()) == [busy, "y.json"]
    alive.communicate("\n")


@pytest.mark.parametrize("name", [".x.{gone}-0.part.mp4", ".x.{gone}.part", ".a.b.{here}-123456789.part.json"])
def test_names_of_processes_that_are_gone(name: str) -> None:
    """Our own number among them: in a container every run may have the same."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    Path(name.format(gone=gone.pid, here=os.getpid())).write_text("half")
    write_json(Path("x.json"), 1)
    assert os.listdir() == ["x.json"]


def test_what_is_not_surely_left_over_stays() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    number = gone.pid
    kept = [f"x.{number}-0.part.mp4", f".x.{number}-0.partial.mp4", f".x.{number}x-0.part", f".x.{os.getppid()}-0.part"]
    for name in kept:
        Path(name).write_text("precious")
    Path("far").write_text("precious")
    Path(f".link.{number}-0.part").symlink_to("far")
    Path(f".folder.{number}-0.part").mkdir()
    locked = f".locked.{number}-0.part"  # by the process of another container, whose number means nothing here
    hold = f"import fcntl; f = open('{locked}', 'w'); fcntl.flock(f, 2); print(flush=True); input()"
    pipe = subprocess.PIPE
    holder = subprocess.Popen([sys.executable, "-c", hold], stdin=pipe, stdout=pipe, text=True)
    assert holder.stdout
    holder.stdout.readline()
    before = {*os.listdir()}
    write_json(Path("x.json"), 1)
    assert {*os.listdir()} == before | {"x.json"}
    holder.communicate("\n")


def test_files_of_this_process_stay() -> None:
    first = temporary_path(Path("x.json"))
    with whole_file(Path("x.json")) as second:
        second.write_text("{}")
    assert first.exists()


def mode(path: str) -> int:
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o444])
def test_permissions_stay_with_the_name(kept: int, live: bool) -> None:
    for name in ("talk.mp4", "a.png", "x.json", "rtseg.toml"):
        Path(name).write_text("")
        Path(name).chmod(kept)
    if kept == 0o444 and os.geteuid():
        pytest.skip("only root may write over these")
    with VideoFile(Path("talk.mp4"), size=(64, 48), fps=30, live=live) as sink:
        assert stat.S_IMODE(sink.partial.stat().st_mode) == kept | 0o600  # nobody else sees it on the way
        sink.write(GREY, 0)
    write_picture(Path("a.png"), GREY)
    write_json(Path("x.json"), 1)
    save_config(Path("rtseg.toml"), Call("cam", (), {}))
    assert [mode(name) for name in ("talk.mp4", "a.png", "x.json", "rtseg.toml")] == [kept] * 4


def test_a_copy_is_no_more_open_than_what_it_is_of() -> None:
    Path("rtseg.toml").write_text("# by hand\n")
    Path("rtseg.toml").chmod(0o600)
    save_config(Path("rtseg.toml"), Call("cam", (), {}))
    assert mode("rtseg.toml") == mode("rtseg.toml.bak") == 0o600


def test_new_files_take_the_usual_permissions() -> None:
    before = os.umask(0o027)
    try:
        with VideoFile(Path("talk.mp4"), size=(64, 48), fps=30) as sink:
            sink.write(GREY, 0)
        with whole_file(Path("x.json")) as temporary:  # as libraries do that write a file of their own beside
            temporary.with_name("other").touch(0o600)
            os.replace(temporary.with_name("other"), temporary)
    finally:
        os.umask(before)
    assert mode("talk.mp4") == mode("x.json") == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anything")
def test_a_file_that_is_write_protected_is_not_replaced() -> None:
    Path("talk.mp4").write_text("precious")
    Path("talk.mp4").chmod(0o444)
    with pytest.raises(Exception, match="write-protected"):
        VideoFile(Path("talk.mp4"), size=(64, 48), fps=30)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays() -> None:
    Path("x.json").write_text("")
    os.chown("x.json", 12345, 12345)
    write_json(Path("x.json"), 1)
    assert Path("x.json").stat().st_uid == 12345
