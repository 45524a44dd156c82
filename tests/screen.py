"""A virtual X display from outside: what is seen on it, which keys are pressed there."""

import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

from test_cli import environment

CLIENT_MESSAGE = 33  # Xlib's number for the event


def screenshot(display: str) -> np.ndarray:
    """The whole screen, uint8 600x800x3 BGR, from xwd's raw dump."""
    dump = b""
    while not dump:  # xwd fails while windows come and go
        dump = subprocess.run(["xwd", "-root", "-silent", "-display", display], capture_output=True, check=False).stdout
    header = np.frombuffer(dump[:100], ">u4")
    width, height, bits, stride = header[4], header[5], header[11], header[12]
    rows = np.frombuffer(dump[header[0] + 12 * header[19] :], np.uint8)[: height * stride].reshape(height, stride)
    return rows[:, : width * (bits // 8)].reshape(height, width, bits // 8)[..., :3]


def wait_for_picture(display: str, process: subprocess.Popen[str], seconds: float = 60.0) -> bool:
    """Whether anything is seen within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if screenshot(display).any():
            return True
        time.sleep(0.1)
    return False


def keep(screen: np.ndarray, name: str) -> None:
    """For people to look at, where RTSEG_ARTEFACTS names a folder."""
    if folder := os.environ.get("RTSEG_ARTEFACTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(Path(folder) / f"{name}.png"), screen.astype(np.uint8))


def xdotool(display: str, *words: str) -> None:
    subprocess.run(["xdotool", *words], env=environment(DISPLAY=display), check=True, capture_output=True)


def near(screen: np.ndarray, colour: tuple[int, int, int]) -> int:
    """How many pixels have about this colour (BGR)."""
    return int((np.abs(screen - colour).max(-1) < 40).sum())


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, as long as an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 24),
    )


def press_close_button(display: str) -> None:
    """What a window manager, which there is none of here, sends for it."""
    found = subprocess.run(
        ["xdotool", "search", "--name", "^rtseg$"], env=environment(DISPLAY=display), stdout=subprocess.PIPE, check=True
    )
    xlib = ctypes.CDLL("libX11.so.6")
    xlib.XOpenDisplay.restype, xlib.XInternAtom.restype = ctypes.c_void_p, ctypes.c_ulong
    server = ctypes.c_void_p(xlib.XOpenDisplay(display.encode()))
    atoms = [xlib.XInternAtom(server, name, 0) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW")]
    for window in map(int, found.stdout.split()):
        message = ClientMessage(type=CLIENT_MESSAGE, window=window, message_type=atoms[0], format=32)
        message.data[0] = atoms[1]
        xlib.XSendEvent(server, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(message))
    xlib.XCloseDisplay(server)


class Player:
    """player.py run as a program on a display, and the keys pressed there."""

    def __init__(self, display: str) -> None:
        self.display = display
        command = [sys.executable, str(Path(__file__).with_name("player.py"))]
        self.process = subprocess.Popen(command, env=environment(DISPLAY=display), stdout=subprocess.PIPE, text=True)
        self._limit = threading.Timer(120, self.process.kill)
        self._limit.start()
        self.state = self._line()
        assert wait_for_picture(display, self.process), "the window is not painted"
        xdotool(display, "search", "--sync", "--name", "^rtseg$", "windowfocus", "--sync")

    def _line(self) -> dict[str, object]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, "no answer within two minutes"
        state: dict[str, object] = json.loads(line)
        return state

    def press(self, key: str) -> dict[str, object]:
        """Press a key that has an effect; what is different then."""
        before = self.state
        xdotool(self.display, "key", key)
        self.state = self._line()
        return {k: v for k, v in self.state.items() if v != before.get(k)}

    def screen(self) -> np.ndarray:
        """The screen once it shows the state."""
        time.sleep(0.3)
        return screenshot(self.display).astype(int)

    def close(self) -> None:
        self._limit.cancel()
        self.process.kill()
        self.process.communicate()
