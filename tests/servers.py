"""Streams for the tests, on the loopback interface: MJPEG over HTTP, and writers into named pipes."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import cv2
import numpy as np


@contextmanager
def mjpeg_server(frames: list[np.ndarray], fps: float = 30.0, count: int | None = None) -> Iterator[str]:
    """Serve the frames again and again (or `count` of them) as multipart JPEG; yields the URL."""
    pictures = [cv2.imencode(".jpg", f)[1].tobytes() for f in frames]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/stream":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                for data in itertools.islice(itertools.cycle(pictures), count):
                    head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
                    self.wfile.write(head + data + b"\r\n")
                    time.sleep(1 / fps)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the viewer has left

        def log_message(self, *_: object) -> None:
            """The tests' output is not the place for an access log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/stream"
    finally:
        server.shutdown()
        server.server_close()


def feed_pipe(pipe: Path, data: bytes) -> Thread:
    """Write data into a named pipe from a thread."""

    def feed() -> None:
        with pipe.open("wb") as f:
            f.write(data)

    thread = Thread(target=feed, daemon=True)
    thread.start()
    return thread
