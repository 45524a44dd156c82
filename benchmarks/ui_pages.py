"""The pages of ui.py, in a program of their own: the port and the cookie come on standard input as JSON.

Pages that watch say how many pictures they took, in the end; one that stalls asks for pictures and reads none.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from threading import Thread
from typing import Any

from websockets.sync.client import connect

VISIT = 200  # pictures that a page takes before it goes
DAY = 86_400.0  # seconds


def page(given: dict[str, Any]) -> Any:
    host = f"127.0.0.1:{given['port']}"
    origin: Any = f"http://{host}"
    return connect(f"ws://{host}/live", origin=origin, additional_headers={"Cookie": given["cookie"]}, close_timeout=1)


def watch(given: dict[str, Any], pictures: int) -> None:
    """Take so many pictures; every VISIT a new page."""
    while pictures > 0:
        with page(given) as socket:
            for _ in range(min(VISIT, pictures)):
                socket.send('{"type": "ready"}')
                while isinstance(socket.recv(), str):
                    continue
        pictures -= VISIT


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("watching", "stalled"))
    parser.add_argument("--pictures", type=int, default=10**9, help="in all, of those that watch")
    parser.add_argument("--pages", type=int, default=1, help="at a time")
    chosen = parser.parse_args()
    given = json.load(sys.stdin)
    if chosen.what == "stalled":
        with page(given) as socket:
            for _ in range(20):
                socket.send('{"type": "ready"}')
            time.sleep(DAY)
    each = -(-chosen.pictures // chosen.pages)
    threads = [Thread(target=watch, args=(given, each)) for _ in range(chosen.pages)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(each * chosen.pages)


if __name__ == "__main__":
    main()
