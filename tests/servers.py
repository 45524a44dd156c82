"""Streams for the tests, on the loopback interface: MJPEG and files over HTTP, and writers into named pipes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Literal

import cv2
import numpy as np


class Quiet(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The tests' output is not the place for an access log."""


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Answer in threads; yields the address without a path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mjpeg_server(
    frames: list[np.ndarray],
    fps: float = 30.0,
    count: int | None = None,
    then: Literal["close", "finish", "stall"] = "close",
) -> Iterator[str]:
    """Serve the frames again and again as multipart JPEG, or `count` of them to each who asks; yields the URL.

    then: what comes after them: the connection is closed, the protocol's end of a stream is sent, or nothing comes.
    """
    pictures = [cv2.imencode(".jpg", f)[1].tobytes() for f in frames]
    over = Event()

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path != "/stream":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.send_header("Connection", "close")
            if then == "finish":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                for data in itertools.islice(itertools.cycle(pictures), count):
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                    part = head + data + b"\r\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part) if then == "finish" else part)
                    time.sleep(1 / fps)
                if then == "finish":
                    self.wfile.write(b"0\r\n\r\n")
                if then == "stall":
                    over.wait(60)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the viewer has left

    with serving(Handler) as address:
        try:
            yield f"{address}/stream"
        finally:
            over.set()


@contextmanager
def file_server(content: bytes, kind: str) -> Iterator[str]:
    """Serve the same bytes to every request, without ranges; yields the URL."""

    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

    with serving(Handler) as address:
        yield f"{address}/file"


def feed_pipe(pipe: Path, data: bytes) -> Thread:
    """Write data into a named pipe from a thread."""

    def feed() -> None:
        with pipe.open("wb") as f:
            f.write(data)

    thread = Thread(target=feed, daemon=True)
    thread.start()
    return thread
