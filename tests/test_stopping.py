"""Ctrl-C, `kill` and a closed terminal at any moment; an output that can't be written to any more."""

from __future__ import annotations

import errno
import io
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest
from rich.console import Console

from conftest import read_clip
from leaks import Hand, Net, Room, set_up
from rtseg.commands.cam import session as cam
from rtseg.commands.cam.options import CamOptions
from rtseg.live import reconnect
from rtseg.live.loop import Loop
from rtseg.live.reconnect import Reconnecting
from rtseg.models.model import Model
from rtseg.options.call import Call
from rtseg.start import Lasting
from rtseg.stopping import Signalled
from test_cli import environment

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# Children of a shell's background jobs, tests too, inherit that signals are ignored.
LISTENING = """
import os, signal, sys
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
number = int(sys.argv.pop(1))
at = sys.argv.pop() if sys.argv[-1].startswith("at ") else ""
at = at.removeprefix("at ")
"""
IMPORTING = """
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == at:
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
from rtseg.start import main
main()
"""
HANGING = """
import hashlib, pathlib, threading
from rtseg import stopping
from rtseg.files import whole_file
stopping.end_cleanly()
threading.Timer(0.3, os.kill, [os.getpid(), number]).start()
with stopping.finishing(), whole_file(pathlib.Path("result.bin")):
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # no step of Python's until it is done
"""
FINISHING = """
from rtseg import stopping
from rtseg.early import end_at_once
end_at_once()  # as every start does
stopping.end_cleanly()
try:
    with stopping.finishing():
        os.kill(os.getpid(), number)
except KeyboardInterrupt as e:
    print("finished", e.number == number)
os.kill(os.getpid(), number)
print("never")
"""


def run(program: str, number: int, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LISTENING + program, str(int(number)), *words]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("number", "at"),
    [*((number, "numpy") for number in SIGNALS), *((signal.SIGINT, at) for at in ("typing", "rtseg.stopping"))],
)
def test_while_it_imports(number: signal.Signals, at: str) -> None:
    done = run(IMPORTING, number, "apply", "x.jpg", "--out", "y.jpg", f"at {at}")
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "stopped\n")


def test_while_a_library_does_not_come_back() -> None:
    done = run(HANGING, signal.SIGINT)
    assert (done.returncode, done.stderr) == (130, "stopped\n") and list(Path().iterdir()) == []


@pytest.mark.parametrize("number", SIGNALS)
def test_what_has_something_to_finish_does(number: signal.Signals) -> None:
    done = run(FINISHING, number)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "finished True\n", "stopped\n")


def test_before_the_first_frame_nothing_has_gone_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(self: Loop, *_: object) -> None:
        raise Signalled(signal.SIGTERM)

    set_up(monkeypatch)
    monkeypatch.setattr(cam, "Window", lambda *_: Hand())
    monkeypatch.setattr(cam, "choose_source", lambda *_, **__: Room())
    monkeypatch.setattr(Model, "run", lambda self, frame, previous: Net()(frame))
    monkeypatch.setattr(Loop, "_run", ended)
    said = io.StringIO()
    options = CamOptions(bg="#00ff00", source="x", out="out.mkv", provider="cpu", threads=1, model="fast")
    with pytest.raises(Signalled):
        cam.run(options, Call("cam", (), {}), Console(file=said))
    assert "stopped" not in said.getvalue() and list(Path().iterdir()) == []


@pytest.mark.parametrize("where", ["> /dev/full", "| head -1"])
def test_a_recording_outlives_its_standard_output(clip: Path, where: str) -> None:
    if where == "> /dev/full" and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    command = (
        f'"{sys.executable}" -m rtseg cam --source clip.mp4 --out out.mp4 --no-window --bg "#00ff00" --provider cpu'
    )
    line = f"{command} {where}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(read_clip(Path("out.mp4"))[0]) == len(read_clip(clip)[0])
    assert done.stderr.count("No space left") == (where == "> /dev/full") and "bug" not in done.stderr


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    stream = Lasting(Full())
    for _ in range(3):
        stream.write("x")
        stream.flush()
    assert capsys.readouterr().err.count("No space left") == 1


@pytest.mark.parametrize("at_rest", [False, True])
def test_a_camera_that_was_being_opened_at_the_end_is_closed(monkeypatch: pytest.MonkeyPatch, at_rest: bool) -> None:
    monkeypatch.setattr(reconnect, "FIRST_WAIT", 0.01)
    opening, go_on, late = Event(), Event(), Room()

    def slowly() -> Room:
        opening.set()
        go_on.wait(10)
        return late

    source = Reconnecting(slowly, Room(breaks=None if at_rest else 2))
    source.wanted(not at_rest)
    thread = Thread(target=lambda: list(source))
    thread.start()
    if at_rest:
        while source.notice is None:
            time.sleep(0.01)
        source.wanted(True)
    assert opening.wait(10)
    source.close()
    go_on.set()
    thread.join(10)
    assert late.closed
