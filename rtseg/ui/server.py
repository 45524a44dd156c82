"""The web server, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from threading import Thread
from typing import Self

import uvicorn

from rtseg.errors import PageError
from rtseg.ui.address import Address
from rtseg.ui.desk import Desk
from rtseg.ui.guard import Guard
from rtseg.ui.routes import app

MOST_MESSAGE = 2**16  # bytes of what a page says over its live line
MOST_CONNECTIONS = 64
CLOSE_TIMEOUT = 2.0  # seconds that closing waits for pages, and then for the thread


class Complaints(logging.Handler):
    """What goes wrong in answering a page, said once each."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._say, self._said = say, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = f"the control page: {error!r}" if error else f"the control page: {record.getMessage()}"
        if text not in self._said:
            self._said.add(text)
            self._say(text)


class Server:
    """Answers pages from its first moment to `close`, which raises PageError if it broke down on the way.

    say: prints a line.
    """

    def __init__(self, desk: Desk, address: Address, say: Callable[[str], None]) -> None:
        self.desk, self.address = desk, address
        self._log, self._complaints = logging.getLogger("uvicorn.error"), Complaints(say)
        config = uvicorn.Config(
            Guard(app(desk), address),
            ws="websockets-sansio",
            http="h11",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MOST_CONNECTIONS,
            ws_max_size=MOST_MESSAGE,
            ws_per_message_deflate=False,  # of JPEGs it would make nothing
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, name="control page", daemon=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self.address.socket]))
        except BaseException as e:
            self._error = e

    def __enter__(self) -> Self:
        self._log.propagate = False
        self._log.addHandler(self._complaints)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; pages are told."""
        self._server.should_exit = True
        self._thread.join(CLOSE_TIMEOUT)
        if self._thread.is_alive():
            self._server.force_exit = True
            self._thread.join(CLOSE_TIMEOUT)
        self._log.removeHandler(self._complaints)
        with contextlib.suppress(OSError):
            self.address.socket.close()
        if self._error:
            raise PageError(f"the control page broke down: {self._error!r}") from self._error
