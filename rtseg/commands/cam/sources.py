"""Which source a session plays: the one asked for, a camera that may come back, one that the page can change."""

from __future__ import annotations

from rich.console import Console

from rtseg.commands.cam.options import CamOptions
from rtseg.frames import Source
from rtseg.live.reconnect import Reconnecting
from rtseg.live.switching import Played, Switching
from rtseg.sources.again import Again
from rtseg.sources.camera import Camera
from rtseg.sources.opening import default_camera, open_source


def choose_source(options: CamOptions, console: Console, *, watched: bool, again: bool, page: bool = False) -> Source:
    """The source asked for; without one the first camera, and without any camera the demo clip.

    watched: whether there is a window or a virtual camera, to be kept alive. again: whether the demo clip is for the
    window alone: then it goes round until the user quits. page: whether another source can be put in its place.
    """
    name = options.source if options.source is not None else default_camera()
    if name is not None:
        source = lasting(name, options, watched)
    else:
        console.print("no camera found: playing the bundled demo clip (choose another with --source)")
        source = Again(lambda: open_source("demo")) if again else open_source("demo")
    if not source.live and (options.size or options.fps):
        console.print(f"note: --size and --fps are for cameras; {source.name} stays as it is")
    if page and (again or source.live):
        name = name or "demo"
        return Switching(lambda other: on_page(other, options), as_live(source, name), name)
    return source


def lasting(name: str, options: CamOptions, watched: bool) -> Source:
    """The source; a camera that is unplugged is waited for, and one in the network too if anybody watches."""

    def opened() -> Source:
        return open_source(name, size=options.camera_size, fps=options.fps)

    source = opened()
    return Reconnecting(opened, source) if isinstance(source, Camera) or (watched and source.live) else source


def on_page(name: str, options: CamOptions) -> Source:
    """A source in another's place: a clip goes round, at its own speed."""
    return as_live(lasting(name, options, watched=True), name)


def as_live(source: Source, name: str) -> Source:
    """A live source as it is; of a clip that name opens one that is live."""
    if source.live:
        return source
    return Played(source if isinstance(source, Again) else Again(lambda: open_source(name), source))
