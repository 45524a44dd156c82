"""The control page: whether pages slow the camera's loop, and whether its memory grows as they come and go.

python benchmarks/ui.py --seconds 20 --rounds 3 --pictures 20000 --json benchmarks/ui.json

A session on a made-up camera, as `rtseg ui` runs it. In turn no page is open, one that watches, one that asks for
pictures and reads none; latency is from the moment a frame was there until the loop had handed it to the page. Pages
are in a program of their own. Then eight watch at a time, each for 200 pictures before it goes and another comes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np
from latency import SteadyCamera
from memory import resident
from rich.console import Console
from ui_pages import DAY, VISIT

from rtseg import Pipeline
from rtseg.commands.bench import PACKAGES, demo_frames, surroundings
from rtseg.errors import RtsegError
from rtseg.files import write_json
from rtseg.live.controls import Controls
from rtseg.live.engine import Engine
from rtseg.live.events import Event
from rtseg.live.loop import Loop
from rtseg.live.overlay import Shown
from rtseg.live.parts import Parts
from rtseg.live.settings import Settings
from rtseg.live.surface import News, Order
from rtseg.options.call import Call
from rtseg.options.values import parse_size
from rtseg.ui.address import Address, listen
from rtseg.ui.desk import Desk
from rtseg.ui.gallery import Gallery
from rtseg.ui.origins import Origins
from rtseg.ui.server import Server
from rtseg.ui.surface import OnPage

WAYS = ("no page", "one page", "a stalled page")
SETTLE = 1.0  # seconds after a page has come, that do not count
PAGES_PROGRAM = Path(__file__).with_name("ui_pages.py")
PAGES = 8  # at a time
SAMPLES = 200  # looks at the resident memory


class Timed(OnPage):
    """Notes the latency of each frame that the loop hands over."""

    def __init__(self) -> None:
        super().__init__()
        self.latencies: list[float] = []

    def show(self, shown: Shown, settings: Settings, news: News) -> None:
        super().show(shown, settings, news)
        if news.latency is not None and not news.trouble:
            self.latencies.append(news.latency)


@contextmanager
def session(size: tuple[int, int], fps: float, model: str) -> Iterator[tuple[Timed, Address, Desk]]:
    """A camera, the loop in a thread, and the server."""
    source = SteadyCamera(demo_frames(size), fps, DAY)
    pipeline = Pipeline(background="beach.jpg", model=model, provider="cpu", threads=1)
    surface, address = Timed(), listen("127.0.0.1", 0)
    desk = Desk(surface, Gallery(Path("/nonexistent")), Origins(None), lambda call: "")
    engine = Engine(source, pipeline)  # type: ignore[arg-type]
    controls = Controls(Settings("beach.jpg"), [], Call("ui", (), {}))
    loop = Loop(Parts(source, pipeline, engine, controls), None, surface, Console(quiet=True))  # type: ignore[arg-type]
    thread = Thread(target=loop.run)
    thread.start()
    try:
        with Server(desk, address, print):
            yield surface, address, desk
    finally:
        surface.ask(Order(lambda controls, now: [Event.QUIT]))
        thread.join()
        engine.stop()


def visitor(address: Address, what: str, **options: int) -> subprocess.Popen[str]:
    """A program with pages in it."""
    command = [sys.executable, str(PAGES_PROGRAM), what]
    command += [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin
    json.dump({"port": address.port, "cookie": f"rtseg-{address.port}={address.cookie}"}, process.stdin)
    process.stdin.close()
    process.stdin = None
    return process


def latencies(surface: Timed, address: Address, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds with each of WAYS, in turn."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way in WAYS:
            process = None if way == WAYS[0] else visitor(address, "stalled" if way == WAYS[2] else "watching")
            deadline = time.monotonic() + 60
            while surface.pages != (process is not None) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(SETTLE)
            surface.latencies.clear()
            time.sleep(seconds)
            found[way] += [1e3 * latency for latency in surface.latencies]
            if process:
                process.kill()
                process.communicate()
    return {way: figures(values) for way, values in found.items()}


def figures(values: list[float]) -> dict[str, float]:
    middle, high = np.percentile(values, (50, 95))
    return {"frames": len(values), "median_ms": round(float(middle), 2), "p95_ms": round(float(high), 2)}


def growth(address: Address, desk: Desk, pictures: int) -> dict[str, float]:
    """Resident MiB while pages come and go, and its growth over the second half as a straight line through it."""
    until_settled = min(PAGES * VISIT, pictures)
    visitor(address, "watching", pictures=until_settled, pages=PAGES).communicate()
    start, samples, seconds = time.monotonic(), [resident()], [0.0]
    before, process = desk.preview.encoded, visitor(address, "watching", pictures=pictures, pages=PAGES)
    while process.poll() is None:
        time.sleep(max(0.05, min(1.0, pictures / 100 / SAMPLES)))
        samples.append(resident())
        seconds.append(time.monotonic() - start)
    sent = int(process.communicate()[0])
    half = len(samples) // 2
    slope = float(np.polyfit(seconds[half:], samples[half:], 1)[0]) if len(samples) - half > 2 else 0.0
    found = {"first_mib": samples[0], "last_mib": resident(), "highest_mib": max(samples)}
    return {"pictures": sent, "encoded": desk.preview.encoded - before, "pages": -(-sent // VISIT)} | {
        name: round(value, 2) for name, value in found.items()
    } | {"kib_per_1000_pictures": round(1024 * slope * seconds[-1] * 1000 / sent, 2)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each way in each round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=1000, help="previews sent while pages come and go")
    parser.add_argument("--size", default="640x360", help="WIDTHxHEIGHT of the camera")
    parser.add_argument("--fps", type=float, default=30.0, help="of the camera")
    parser.add_argument("--model", default="fast", help="a model that ships or an .onnx file")
    parser.add_argument("--json", type=Path, help="write the figures here")
    chosen = parser.parse_args()
    console = Console(highlight=False)
    with session(parse_size(chosen.size), chosen.fps, chosen.model) as (surface, address, desk):
        while not surface.latencies:
            time.sleep(0.1)
        spent = latencies(surface, address, chosen.seconds, chosen.rounds)
        for way, row in spent.items():
            console.print(
                f"{way}: {row['frames']} frames, {row['median_ms']:.1f} ms from the camera, p95 {row['p95_ms']:.1f}"
            )
        memory = growth(address, desk, chosen.pictures)
    console.print(
        f"{memory['pictures']} pictures to {memory['pages']} pages, {memory['encoded']} JPEGs made: resident "
        f"{memory['first_mib']:.1f} MiB at first, {memory['last_mib']:.1f} in the end, highest "
        f"{memory['highest_mib']:.1f}; in the second half {memory['kib_per_1000_pictures']:+.1f} KiB per 1000 pictures"
    )
    if chosen.json:
        about = {name: getattr(chosen, name) for name in ("size", "fps", "model", "seconds", "rounds")}
        write_json(chosen.json, {**surroundings(PACKAGES), **about, "latency": spent, "memory": memory})


if __name__ == "__main__":
    try:
        main()
    except RtsegError as e:
        sys.exit(str(e))
