"""A browser's side of the control page, by hand: what a page sends and gets, and what none should be let to."""

import http.client
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from rich.console import Console
from websockets.sync.client import ClientConnection, connect

from leaks import GREEN, Net, Room, set_up
from rtseg.closing import Closing
from rtseg.commands.cam import session as cam
from rtseg.commands.cam import sources
from rtseg.commands.cam.options import CamOptions
from rtseg.commands.ui.options import PageOptions
from rtseg.commands.ui.page import page_for
from rtseg.live import reconnect, switching
from rtseg.models.model import Model
from rtseg.options.call import Call
from rtseg.ui.address import Address, listen
from rtseg.ui.desk import Desk
from rtseg.ui.gallery import Gallery
from rtseg.ui.origins import Origins
from rtseg.ui.server import Server
from rtseg.ui.surface import OnPage

PATIENCE = 180.0  # seconds until a test gives up: the first one may have the pixel loops compiled
CALL = Call("ui", (), {})


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Browser:
    """Opens the address as a browser does, and keeps its cookie."""

    def __init__(self, url: str, *, enter: bool = True) -> None:
        parts = urlsplit(url)
        self.host, self.token, self.cookie = f"{parts.hostname}:{parts.port}", parts.query, ""
        if enter:
            answer = self.ask("GET", f"/?{self.token}")
            assert answer.status == 303 and answer.headers["location"] == "/"
            self.cookie = answer.headers["set-cookie"].partition(";")[0]

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str | None) -> Answer:
        """Any request; a header that is None is left out, `_` stands for `-`."""
        given: dict[str, str | None] = {"Host": self.host, "Cookie": self.cookie or None}
        if method not in ("GET", "HEAD"):
            given["Origin"] = f"http://{self.host}"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None and "Content-Length" not in given:
            connection.putheader("Content-Length", str(len(body)))
        try:
            connection.endheaders(body)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str) -> Any:
        """What an address has to say, as JSON."""
        answer = self.ask("GET", path)
        assert answer.status == 200, answer
        return answer.json

    def backgrounds(self) -> dict[str, Any]:
        """The gallery by name."""
        return {item["name"]: item for item in self.get("/api/backgrounds")["items"]}

    def live(self) -> "Live":
        """A page that is open."""
        origin: Any = f"http://{self.host}"
        headers = {"Cookie": self.cookie}
        url = f"ws://{self.host}/live"
        return Live(connect(url, origin=origin, additional_headers=headers, max_size=None, close_timeout=1))

    def knock(self, **headers: str | None) -> int:
        """The status that opening a WebSocket gets; 101 when it is opened."""
        opening = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec_WebSocket_Version": "13"}
        key = {"Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": f"http://{self.host}"}
        return self.ask("GET", "/live", **opening | key | headers).status


class Live(Closing):
    """A page's live line. `states`, `lines` and `pictures` are all that came so far."""

    def __init__(self, opened: AbstractContextManager[ClientConnection]) -> None:
        self._opened, self.socket = opened, opened.__enter__()
        self.states: list[dict[str, Any]] = []
        self.stats: list[dict[str, Any]] = []
        self.lines: list[str] = []
        self.pictures: list[np.ndarray] = []
        self.rooms: list[np.ndarray] = []
        self.answers: dict[int, dict[str, Any]] = {}
        self.renewed = 0

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def hear(self) -> None:
        """Take the next message, whatever it is; a picture is answered with `ready`."""
        message = self.socket.recv(timeout=PATIENCE)
        if isinstance(message, bytes):
            picture = cv2.imdecode(np.frombuffer(message, np.uint8, offset=1), cv2.IMREAD_COLOR)
            (self.rooms if message[0] else self.pictures).append(picture)
            if not message[0]:
                self.say(type="ready")
            return
        said = json.loads(message)
        match said["type"]:
            case "state":
                self.states.append(said)
            case "stats":
                self.stats.append(said)
            case "message":
                self.lines.append(said["text"])
            case "answer":
                self.answers[said["to"]] = said
            case "backgrounds":
                self.renewed += 1

    def until(self, done: Callable[[], Any]) -> Any:
        """Listen until it is true; gives what that is."""
        deadline = time.monotonic() + PATIENCE
        while not (found := done()):
            assert time.monotonic() < deadline, (self.states[-1:], self.lines)
            self.hear()
        return found

    def watch(self, count: int) -> list[np.ndarray]:
        """The next `count` pictures."""
        before = len(self.pictures)
        self.say(type="ready")
        self.until(lambda: len(self.pictures) >= before + count)
        return self.pictures[before:]

    def ask(self, type: str, **message: Any) -> dict[str, Any]:
        """`set` or `do`; the answer."""
        number = len(self.answers) + 1
        self.say(type=type, id=number, **message)
        answer: dict[str, Any] = self.until(lambda: self.answers.get(number))
        return answer

    def set(self, **values: Any) -> str | None:
        """Set values; why they are refused, or None."""
        error: str | None = self.ask("set", values=values)["error"]
        return error

    def do(self, action: str, **more: Any) -> dict[str, Any]:
        return self.ask("do", action=action, **more)

    @property
    def state(self) -> dict[str, Any]:
        self.until(lambda: self.states)
        return self.states[-1]

    def close(self) -> None:
        self._opened.__exit__(None, None, None)


@contextmanager
def served(folder: Path, address: Address | None = None) -> Iterator[Browser]:
    """The server alone, without a session behind it."""
    address = address or listen("127.0.0.1", 0)
    desk = Desk(OnPage(), Gallery(folder), Origins(None), lambda call: "kept")
    with Server(desk, address, print):
        yield Browser(address.url)


@dataclass
class Session:
    """`rtseg ui` on made-up cameras, in a thread: `url` is its address, `cameras` what there is by number."""

    url: str
    rooms: list[Room]
    said: io.StringIO
    error: list[BaseException] = field(default_factory=list)


@contextmanager
def session(
    world: pytest.MonkeyPatch,
    cameras: dict[str, Callable[[], Any]] | None = None,
    net: Net | None = None,
    **options: Any,
) -> Iterator[Session]:
    """Run until the block is left. cameras: opens what --source names."""
    set_up(world)
    world.setattr(reconnect, "FIRST_WAIT", 0.05)
    world.setattr(switching, "PAUSE", 0.05)
    made = Session("", [], io.StringIO())
    there = cameras or {"0": Room}

    def opened(name: str, **_: Any) -> Any:
        made.rooms.append(there[name]())
        return made.rooms[-1]

    world.setattr(sources, "open_source", opened)
    net = net or Net()
    world.setattr(Model, "run", lambda self, frame, previous: net(frame))
    given = {"bg": GREEN, "provider": "cpu", "threads": 1, "model": "fast", "source": "0"} | options
    chosen = CamOptions(**given)
    console = Console(file=made.said, width=400)
    with ExitStack() as stack:
        page = stack.enter_context(page_for(PageOptions(port=0, browser=False), chosen, console))

        def run() -> None:
            try:
                cam.run(chosen, CALL, console, page)
            except BaseException as e:
                made.error.append(e)

        thread = threading.Thread(target=run)
        thread.start()
        deadline = time.monotonic() + PATIENCE
        while "token=" not in made.said.getvalue():
            assert thread.is_alive() and time.monotonic() < deadline, (made.error, made.said.getvalue())
            time.sleep(0.01)
        made.url = next(line for line in made.said.getvalue().splitlines() if "token=" in line)
        try:
            yield made
        finally:
            for room in made.rooms:
                room.closed = True
            thread.join(PATIENCE)
            assert not thread.is_alive()
