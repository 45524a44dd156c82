"""The server as a process and a page as somebody sees it, with all that comes to it over the WebSocket."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from leaks import violet
from rtseg.arrays import U8, u8
from test_cli import environment

PATIENCE = 120.0  # seconds that a busy machine may take for anything
GREEN = "#00ff00"
COMPOSITE, ROOM = 0, 1  # the first byte of a picture
MARGIN = 4  # pixels of mixed colours at an edge, after JPEG
GAP = 0.002  # of a picture that the network may take for her, as between arm and body; what leaks is far more
START = {
    "background": {"kind": "colour", "value": GREEN},
    "blur": None,
    "edge": 0,
    "feather": 0,
    "specks": 0.3,
    "smoothing": True,
    "mirror": False,
    "save_power": False,
    "target_fps": None,
    "tier": "fast",
    "source": "start",
}


class Served:
    """`rtseg ui`, with a home and a working directory of its own."""

    def __init__(self, clip: Path, folder: Path) -> None:
        self.clip, self.folder, self.port = clip, folder, 0
        self.home, self.backgrounds = folder / "home", folder / "backgrounds"
        self.home.mkdir()
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """On a free port; after a stop on the same one again."""
        options = ["--source", str(self.clip), "--bg", GREEN, "--model", "fast", "--provider", "cpu", "--threads", "1"]
        options += ["--no-open", "--port", str(self.port), "--backgrounds", str(self.backgrounds)]
        own = {name: str(self.home) for name in ("HOME", "APPDATA", "LOCALAPPDATA")}
        env = {k: v for k, v in environment(**own).items() if not k.startswith("XDG_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "rtseg", "ui", *options], cwd=self.folder, env=env, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE
        while "?token=" not in (said := self._log.read_text(encoding="utf-8")):
            assert self._process.poll() is None and time.monotonic() < deadline, said
            time.sleep(0.05)
        self.url = next(word for word in said.split() if "?token=" in word)
        self.port = int(self.url.split("/?")[0].rpartition(":")[2])

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None


class Visit:
    """A page that is open on a server. `problems` holds what it must not do."""

    def __init__(self, context: Any, served: Served) -> None:
        self.state: dict[str, Any] = {}
        self.stats: dict[str, Any] = {}
        self.pictures: list[tuple[int, bytes]] = []
        self.problems: list[str] = []
        self.page = context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self._origin = served.url.split("?")[0]
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._hear))
        self.page.on("request", lambda request: self._check(request.url))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if "Policy" in said.text else None)
        self.page.goto(served.url)
        self.until(lambda: self.state and self["#veil"].is_hidden(), "a first picture")

    def __getitem__(self, selector: str) -> Any:
        return self.page.locator(selector)

    def until(self, true: Callable[[], object], what: str) -> None:
        """Wait for something; AssertionError when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"{what}: it did not come. Newest state: {self.state}"
            self.page.wait_for_timeout(30)

    def until_state(self, **wanted: object) -> None:
        self.until(lambda: all(self.state[name] == value for name, value in wanted.items()), f"{wanted}")

    def until_picture(self, true: Callable[[U8], object], what: str) -> U8:
        """Wait for a composite (uint8 HxWx3 BGR) of which this is true."""
        found: list[U8] = []

        def looked() -> bool:
            if (picture := self.newest()) is not None and true(picture):
                found.append(picture)
            return bool(found)

        self.until(looked, what)
        return found[0]

    def newest(self) -> U8 | None:
        """The newest composite."""
        data = next((data for kind, data in reversed(self.pictures) if kind == COMPOSITE), None)
        return None if data is None else decoded(data)

    def of_kind(self, kind: int) -> list[U8]:
        return [decoded(data) for k, data in self.pictures if k == kind]

    def reset(self) -> None:
        """Everything as it was started, by the page's own way to the server; nothing open, nothing focused."""
        self.page.evaluate(
            """() => {
                for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
                for (const toast of document.querySelectorAll(".toast")) toast.remove();
                document.activeElement.blur();
                scrollTo(0, 0);
            }"""
        )
        self.page.evaluate(
            """([values]) => new Promise((done) => {
                const socket = new WebSocket(location.href.replace("http", "ws") + "live");
                let open = 2;
                socket.onmessage = ({ data }) => {
                    if (typeof data === "string" && JSON.parse(data).type === "answer" && --open === 0) {
                        socket.close();
                        done();
                    }
                };
                socket.onopen = () => {
                    socket.send(JSON.stringify({ type: "do", action: "pause", on: false, id: 1 }));
                    socket.send(JSON.stringify({ type: "set", values, id: 2 }));
                };
            })""",
            [START],
        )
        self.until_state(paused=False, background=START["background"], edge=0, tier="fast")
        self.pictures.clear()
        self.until_picture(person_before_green, "the person before green")

    def keep(self, name: str, **options: Any) -> bytes:
        """A screenshot, for people to look at where RTSEG_ARTEFACTS names a folder."""
        folder = os.environ.get("RTSEG_ARTEFACTS")
        path = Path(folder) / f"page-{name}.png" if folder else None
        taken: bytes = self.page.screenshot(path=path, **options)
        return taken

    def drawn(self, selector: str) -> U8:
        """The pixels of a canvas, uint8 HxWx4 BGRA."""
        address = self.page.evaluate("(selector) => document.querySelector(selector).toDataURL()", selector)
        png = base64.b64decode(address.partition(",")[2])
        return u8(cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED))

    def _hear(self, data: bytes | str) -> None:
        if isinstance(data, bytes):
            self.pictures.append((data[0], data[1:]))
            return
        message = json.loads(data)
        if message["type"] in ("state", "stats"):
            setattr(self, message["type"], message)

    def _check(self, url: str) -> None:
        if not url.startswith((self._origin, self._origin.replace("http", "ws"), "blob:", "data:")):
            self.problems.append(f"asks for {url}")


def decoded(jpeg: bytes) -> U8:
    """uint8 HxWx3 BGR."""
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return u8(picture)


def share_of(picture: U8, bgr: tuple[int, int, int]) -> float:
    """The share of a picture (HxWx3) that has about this colour."""
    return float((np.abs(picture.astype(int) - bgr).max(-1) < 40).mean())


def person_before_green(picture: U8) -> bool:
    return 0.3 < share_of(picture, (0, 255, 0)) < 0.95


def has_room(picture: U8) -> bool:
    """Whether a picture (HxWx3 BGR) holds any of the violet room."""
    return bool(violet(picture, MARGIN).mean() > GAP)
