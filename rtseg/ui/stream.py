"""The live line of one page, a WebSocket: pictures and state to it, wishes from it.

Whatever a page does, at most one picture is on its way to it, and only this line waits for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from rtseg.errors import RtsegError
from rtseg.live.controls import Controls
from rtseg.live.events import Event
from rtseg.live.surface import Outcome
from rtseg.options.call import Call
from rtseg.texts import parse_json
from rtseg.ui import wishes
from rtseg.ui.desk import Desk
from rtseg.ui.preview import ROOM_WIDTH, Kind, width_for
from rtseg.ui.surface import Moment

FASTEST = 1 / 30  # seconds between two pictures, at least
STATS_INTERVAL = 0.5  # seconds
WAITING, IDLE = 0.01, 0.1  # seconds between two looks for news, with a page that waits for a picture and without
FIRST_WIDTH = 640  # pixels, until a page says its own
CONFIRM_TIME, ROOM_TIME = 10.0, 60.0  # seconds within which the second click has to come; that the room is shown
MOST_WISHES = 64  # that may wait of one page
NOT_TEXT, TOO_MANY, BROKEN = 1003, 1008, 1011  # codes of a WebSocket's end


class Line:
    """One page."""

    def __init__(self, socket: WebSocket, desk: Desk) -> None:
        self._socket, self._desk = socket, desk
        self._wishes: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue(MOST_WISHES)
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WISHES)
        self._ready, self._width = False, FIRST_WIDTH
        self._news = asyncio.Event()
        self._sent, self._due = 0, 0.0  # number of the last picture; when the next may go
        self._state: dict[str, Any] | None = None
        self._stats_at, self._told, self._backgrounds = 0.0, desk.surface.told, desk.backgrounds
        self._asked = self._until = float("-inf")  # monotonic: when the room was asked for, until when it is shown

    async def run(self) -> None:
        """Until the page is gone."""
        await self._socket.accept()
        self._desk.surface.pages += 1
        tasks = [asyncio.create_task(work()) for work in (self._hear, self._fulfil, self._tell)]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._desk.surface.pages -= 1
            self._end_room()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for error in filter(None, (task.exception() for task in ended)):
            if not isinstance(error, WebSocketDisconnect | RuntimeError):  # who is gone can't be told
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await self._socket.close(BROKEN)
                raise error

    async def _hear(self) -> None:
        while (message := await self._socket.receive())["type"] != "websocket.disconnect":
            try:
                said = parse_json(message.get("text") or "")
                kind = said["type"]
            except (ValueError, TypeError, LookupError):
                await self._socket.close(NOT_TEXT)
                return
            match kind:
                case "ready":
                    self._ready = True
                    self._news.set()
                case "size" if isinstance(width := said.get("width"), int):
                    self._width = width_for(width)
                case "set" | "do":
                    try:
                        self._wishes.put_nowait(said)
                    except asyncio.QueueFull:
                        await self._socket.close(TOO_MANY)
                        return
                case _:
                    await self._answer(said, Outcome(f"{kind!r} is not known here"))

    async def _fulfil(self) -> None:
        while True:
            said = await self._wishes.get()
            try:
                outcome = await self._wish(said)
            except RtsegError as e:
                outcome = Outcome(str(e))
            await self._answer(said, outcome)

    async def _answer(self, said: Mapping[str, Any], outcome: Outcome) -> None:
        if isinstance(number := said.get("id"), int):
            await self._answers.put({"type": "answer", "to": number, "error": outcome.error, "text": outcome.text})
            self._news.set()

    async def _wish(self, said: Mapping[str, Any]) -> Outcome:
        """Do what a page wants. Raises RtsegError."""
        if said["type"] == "set":
            desk = self._desk
            values = await asyncio.to_thread(wishes.changes, said.get("values"), desk.gallery, desk.origins)
            return await desk.ask(lambda controls, now: controls.set(values))
        actions: dict[str, Callable[[Mapping[str, Any]], Awaitable[Outcome]]] = {
            "pause": lambda said: self._switch(said, lambda c: c.settings.paused, pause),
            "record": lambda said: self._switch(said, lambda c: c.settings.recording, Controls.record),
            "virtual": self._virtual,
            "snapshot": lambda said: self._desk.ask(lambda controls, now: [Event.SNAPSHOT]),
            "copy": lambda said: self._copy(),
            "keep": lambda said: self._keep(),
            "room": self._room,
            "room_off": self._room_off,
        }
        action = actions.get(str(said.get("action")))
        if action is None:
            return Outcome(f"{said.get('action')!r} can't be done; known are {', '.join(actions)}")
        return await action(said)

    async def _switch(
        self, said: Mapping[str, Any], now: Callable[[Controls], bool], do: Callable[[Controls, bool], list[Event]]
    ) -> Outcome:
        """To what `on` says, or else to the other."""
        on = said.get("on")
        return await self._desk.ask(
            lambda controls, _: do(controls, on if isinstance(on, bool) else not now(controls)),
        )

    async def _virtual(self, said: Mapping[str, Any]) -> Outcome:
        moment, on = self._desk.surface.moment, said.get("on")
        wanted = on if isinstance(on, bool) else not (moment and moment.news.virtual)
        outcome = await self._desk.ask(lambda *_: [Event.VIRTUAL_ON if wanted else Event.VIRTUAL_OFF])
        await asyncio.to_thread(self._desk.look_for_virtual)
        return outcome

    async def _call(self) -> Call | None:
        """The command with what has been changed."""
        calls: list[Call] = []

        def take(controls: Controls, now: float) -> list[Event]:
            calls.append(controls.call())
            return []

        await self._desk.ask(take)
        return calls[0] if calls else None

    async def _copy(self) -> Outcome:
        call = await self._call()
        return Outcome(text=call.command_line()) if call else Outcome("the session does not answer")

    async def _keep(self) -> Outcome:
        call = await self._call()
        return Outcome(text=await asyncio.to_thread(self._desk.keep, call)) if call else Outcome("no answer")

    async def _room(self, said: Mapping[str, Any]) -> Outcome:
        """The first time it is asked for, the second time it is shown, to this page alone."""
        now, moment = time.monotonic(), self._desk.surface.moment
        if said.get("confirm") is not True:
            self._asked = now
            return Outcome(text=f"confirm within {CONFIRM_TIME:g} seconds to see your room here")
        if now - self._asked > CONFIRM_TIME:
            return Outcome("that came too late; ask for the room again")
        self._asked = float("-inf")
        if moment is None or moment.settings.paused:
            return Outcome("paused: go on first")
        self._until = now + ROOM_TIME
        self._desk.surface.show_room(self._until)
        return Outcome()

    async def _room_off(self, said: Mapping[str, Any]) -> Outcome:
        self._end_room()
        return Outcome()

    def _end_room(self) -> None:
        self._asked = self._until = float("-inf")

    async def _tell(self) -> None:
        while True:
            moment, now = self._desk.surface.moment, time.monotonic()
            if moment is not None:
                await self._tell_moment(moment, now)
            while not self._answers.empty():
                await self._socket.send_json(self._answers.get_nowait())
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._pause(moment))

    def _pause(self, moment: Moment | None) -> float:
        """Seconds until there may be something to send."""
        if not self._ready or moment is None:
            return IDLE
        return max(WAITING, min(IDLE, self._due - time.monotonic()))

    async def _tell_moment(self, moment: Moment, now: float) -> None:
        if moment.settings.paused or now >= self._until:
            self._until = float("-inf")
        await self._tell_state(moment, now)
        if self._ready and moment.number > self._sent and now >= self._due:
            self._ready, self._sent, self._due = False, moment.number, now + FASTEST
            if now < self._until:
                await self._picture(moment, "room", ROOM_WIDTH)
            await self._picture(moment, "composite", self._width)

    async def _tell_state(self, moment: Moment, now: float) -> None:
        state = self._desk.state(moment) | {"room": self._until > now}
        if state != self._state:
            self._state = state
            left = round(self._until - now, 1) if self._until > now else None
            await self._socket.send_json({**state, "room_until": left})
        if self._backgrounds != self._desk.backgrounds:
            self._backgrounds = self._desk.backgrounds
            await self._socket.send_json({"type": "backgrounds"})
        for number, text in self._desk.surface.lines_after(self._told):
            self._told = number
            await self._socket.send_json({"type": "message", "text": text, "level": "warning"})
        if now - self._stats_at >= STATS_INTERVAL:
            self._stats_at = now
            await self._socket.send_json(self._desk.stats(moment))

    async def _picture(self, moment: Moment, kind: Kind, width: int) -> None:
        if (data := self._desk.preview.jpeg(moment, kind, width)) is not None:
            await self._socket.send_bytes(data)


def pause(controls: Controls, on: bool) -> list[Event]:
    controls.pause(on)
    return []
