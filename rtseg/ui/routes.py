"""What a browser can fetch and send, all of it behind the guard."""

from __future__ import annotations

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from rtseg.errors import PageError, RtsegError
from rtseg.ui.desk import Desk
from rtseg.ui.gallery import made
from rtseg.ui.stream import Line
from rtseg.ui.uploads import receive

PAGE = Path(__file__).parent / "page"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
MOST_PAGES, TRY_LATER = 32, 1013  # open at a time; the code of a WebSocket that is one too many


def app(desk: Desk) -> Starlette:
    """The pages and what they ask for."""
    answers = Answers(desk)
    routes = [
        Route("/", answers.index),
        Route("/page/{name}", answers.file),
        Route("/api/state", answers.state),
        Route("/api/cameras", answers.cameras),
        Route("/api/backgrounds", answers.backgrounds),
        Route("/api/backgrounds", answers.add, methods=["POST"]),
        Route("/api/backgrounds/{id}/thumb", answers.thumb),
        Route("/api/backgrounds/{id}", answers.remove, methods=["DELETE"]),
        WebSocketRoute("/live", answers.live),
    ]
    return Starlette(routes=routes, exception_handlers={RtsegError: refused, HTTPException: no_such})


class Answers:
    """One method for each address."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._one_upload = asyncio.Lock()  # at a time: each may be large

    async def index(self, request: Request) -> Response:
        return page_file("index.html")

    async def file(self, request: Request) -> Response:
        return page_file(request.path_params["name"])

    async def state(self, request: Request) -> Response:
        moment = self._desk.surface.moment
        return JSONResponse(self._desk.state(moment) if moment else {"type": "state", "status": "starting"})

    async def cameras(self, request: Request) -> Response:
        return JSONResponse({"items": await asyncio.to_thread(self._desk.origins.items)})

    async def backgrounds(self, request: Request) -> Response:
        items = await asyncio.to_thread(self._desk.gallery.items)
        folder = str(self._desk.gallery.folder)
        return JSONResponse({"items": [item.public() for item in items], "folder": folder})

    async def thumb(self, request: Request) -> Response:
        gallery = self._desk.gallery
        item = await asyncio.to_thread(gallery.find, request.path_params["id"])
        try:
            data = await asyncio.to_thread(gallery.thumb, item)
        except OSError as e:
            raise PageError(f"{item.name} can't be read: {e.strerror or e}") from e
        return Response(data, media_type="image/jpeg")

    async def add(self, request: Request) -> Response:
        length = request.headers.get("content-length", "")
        announced = int(length) if length.isdecimal() else None
        name = request.query_params.get("name", "")
        async with self._one_upload:
            try:
                path = await receive(request.stream(), self._desk.gallery.folder, name, announced)
            except ClientDisconnect as e:
                raise PageError(f"{name} broke off on its way") from e
        self._desk.backgrounds += 1
        return JSONResponse(made(path).public(), status_code=201)

    async def remove(self, request: Request) -> Response:
        gallery = self._desk.gallery
        item = await asyncio.to_thread(gallery.find, request.path_params["id"])
        await asyncio.to_thread(gallery.remove, item)
        self._desk.backgrounds += 1
        return JSONResponse({"removed": item.id})

    async def live(self, socket: WebSocket) -> None:
        if self._desk.surface.pages >= MOST_PAGES:
            await socket.close(TRY_LATER)
            return
        await Line(socket, self._desk).run()


def page_file(name: str) -> Response:
    """One of the page's own; names are looked up, never followed."""
    there = {path.name: path for path in PAGE.iterdir() if path.suffix in KINDS and path.is_file()}
    if name not in there:
        raise HTTPException(404)
    path = there[name]
    return Response(path.read_bytes(), headers={"cache-control": "no-cache", "content-type": KINDS[path.suffix]})


async def refused(request: Request, e: Exception) -> Response:
    return JSONResponse({"error": str(e)}, status_code=400)


async def no_such(request: Request, e: Exception) -> Response:
    status = e.status_code if isinstance(e, HTTPException) else 500
    return JSONResponse({"error": f"{request.method} {request.url.path[:80]}: there is no such thing"}, status)
