"""A real window on a virtual X display: what it shows, what each key does; and no display at all."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rtseg.sinks.window import display_problem, window_size
from screen import Player, keep, near, press_close_button, screenshot, wait_for_picture, xdotool
from test_cli import environment, rtseg

NEEDED = ("Xvfb", "xdotool", "xwd")
WHY = "needs {} to make a display (apt: xvfb xdotool x11-apps)"
missing = [tool for tool in NEEDED if not shutil.which(tool)]
needs_tools = pytest.mark.skipif(bool(missing), reason=WHY.format(", ".join(missing)))


@pytest.fixture
def display() -> Iterator[str]:
    """A virtual screen of 800x600; its DISPLAY."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with os.fdopen(read) as f:
        number = f.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


def start(display: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rtseg", "cam", *arguments]
    process = subprocess.Popen(
        command, env=environment(DISPLAY=display), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if wait_for_picture(display, process):
        return process
    process.kill()
    raise AssertionError(process.communicate(timeout=5)[0])


@pytest.fixture
def still(tmp_path: Path, demo_frames: list[np.ndarray]) -> str:
    """Five minutes of one frame with the person at its left, so that a slow machine has time to look."""
    from conftest import write_clip

    return str(
        write_clip(tmp_path / "still.mkv", [demo_frames[0][:, 180:].copy()] * 300, [float(i) for i in range(300)])
    )


@pytest.mark.parametrize("mirror", [False, True], ids=["plain", "mirror"])
@pytest.mark.display
@needs_tools
def test_window_shows_the_person_without_the_room(
    display: str, still: str, mirror: bool, demo_frames: list[np.ndarray]
) -> None:
    process = start(display, "--source", still, "--bg", "#00ff00", *(["--mirror"] if mirror else []))
    deadline = time.monotonic() + 60
    jumper = np.array([20, 150, 210])  # BGR, orange
    while True:
        screen = screenshot(display).astype(int)
        orange = np.abs(screen - jumper).max(-1) < 60
        if orange.sum() > 5000 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    keep(screen, f"window-{'mirror' if mirror else 'plain'}")
    assert orange.sum() > 5000
    green = np.abs(screen - (0, 255, 0)).max(-1) < 40
    assert green.sum() > 50_000
    left_of_centre = np.nonzero(orange)[1].mean() < np.nonzero(green | orange)[1].mean()
    assert left_of_centre != mirror

    xdotool(display, "search", "--name", "^rtseg$", "windowfocus", "key", "q")
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 0 and "frames in" in said, said


@pytest.fixture
def player(display: str) -> Iterator[Player]:
    player = Player(display)
    yield player
    player.close()


GREEN, RED, WALL = (0, 255, 0), (40, 40, 220), (176, 186, 180)  # WALL: of the room in the demo clip


@pytest.mark.display
@needs_tools
def test_real_keys_do_what_they_say(player: Player) -> None:
    changes = [
        ("m", {"mirror": True}),
        ("shift+m", {"mirror": False}),
        ("i", {"inset": True}),
        ("t", {"timings": True}),
        ("s", {"smoothing": False, "event": "MATTE"}),
        ("p", {"event": "SNAPSHOT"}),
        ("r", {"recording": True, "event": "RECORD"}),
        ("bracketright", {"background": "beach.jpg", "event": "BACKGROUND"}),
        ("plus", {"blur": 1.0}),
        ("equal", {"blur": 2.0}),
        ("KP_Add", {"blur": 3.0}),
        ("minus", {"blur": 2.0}),
        ("bracketleft", {"background": "#00ff00", "blur": None}),
        ("question", {"help": True, "event": None}),
        ("h", {"help": False}),
        ("space", {"paused": True}),
        ("b", {"paused": False}),
    ]
    for key, change in changes:
        seen = player.press(key)
        seen.pop("message", None)
        assert change.items() <= player.state.items(), (key, seen)
        assert set(seen) <= {*change, "event"}, key
        time.sleep(0.15)  # longer than a keyboard's own repeats
    for key in ("Left", "Up", "Home", "F1", "Shift_L"):  # whose codes end like those of letters
        xdotool(player.display, "key", key)
    assert player.press("v")["view"] == "mask"
    assert player.press("Escape")["event"] == "QUIT"
    assert player.process.wait(20) == 0


@pytest.mark.display
@needs_tools
def test_the_window_says_so_when_the_room_is_visible(player: Player) -> None:
    assert near(player.screen(), GREEN) > 50_000 and near(player.screen(), WALL) < 10_000
    assert "Enter" in str(player.press("e")["message"])
    assert near(player.screen(), WALL) < 10_000
    assert player.press("Return")["effect"] is False
    screen = player.screen()
    keep(screen, "window-effect-off")
    assert near(screen, WALL) > 50_000 and near(screen, RED) > 5000
    player.press("b")
    screen = player.screen()
    assert near(screen, WALL) < 1000 and near(screen, RED) < 1000 and near(screen, GREEN) > 150_000


@pytest.mark.display
@needs_tools
def test_help_is_drawn_over_the_picture(player: Player) -> None:
    before = player.screen()
    player.press("question")
    screen = player.screen()
    keep(screen, "window-help")
    panel = screen.sum(-1) < before.sum(-1) * 0.5
    assert panel.sum() > 40_000
    assert near(screen, (255, 255, 255)) > near(before, (255, 255, 255)) + 1500  # letters


@pytest.mark.display
@needs_tools
def test_closing_the_window_quits(player: Player) -> None:
    press_close_button(player.display)
    assert player._line()["event"] == "QUIT"
    assert player.process.wait(20) == 0


@pytest.mark.display
@needs_tools
def test_a_display_that_works_is_no_problem(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display)
    assert display_problem() is None


@pytest.mark.parametrize(
    ("picture", "window"),
    [((1280, 720), (1280, 720)), ((3840, 2160), (1280, 720)), ((1080, 1920), (405, 720)), ((320, 240), (480, 360))],
)
def test_the_window_opens_as_large_as_any_screen_has(picture: tuple[int, int], window: tuple[int, int]) -> None:
    assert window_size(*picture) == window


@pytest.mark.display
@needs_tools
def test_events_are_not_taken_from_qt(display: str) -> None:
    """By an Xlib that OpenCV's own libX11-xcb can't tell to leave them alone: then windows stay black now and then."""
    program = "from rtseg.sinks.window import Window\nwith Window(640, 360) as window:\n    window.key()\n"
    program += "    print(open('/proc/self/maps').read())"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(DISPLAY=display), capture_output=True, text=True, check=True
    )
    loaded = {line.split()[-1] for line in done.stdout.splitlines() if "libX11-xcb" in line}
    assert any("opencv" not in path for path in loaded)


def test_no_display_is_named() -> None:
    assert "DISPLAY" in (display_problem() or "")


def test_dead_display_is_no_crash(monkeypatch: pytest.MonkeyPatch, clip: Path) -> None:
    monkeypatch.setenv("DISPLAY", ":9876")
    assert "can't be used" in (display_problem() or "")
    done = subprocess.run(
        [sys.executable, "-m", "rtseg", "cam", "--source", str(clip), "--out", "o.mp4"],
        env=environment(DISPLAY=":9876"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0 and "can't be used" in done.stdout and Path("o.mp4").exists(), done.stderr


def test_without_a_display_a_file_is_written(clip: Path) -> None:
    assert "rtseg-clip.mp4" in rtseg("cam", "--source", str(clip))
    assert Path("rtseg-clip.mp4").exists()
