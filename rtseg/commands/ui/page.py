"""Opens the control page in the place of the window of `rtseg cam`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from rtseg.commands.cam.options import CamOptions
from rtseg.commands.cam.session import Page
from rtseg.commands.ui.options import PageOptions
from rtseg.errors import PageError
from rtseg.live.controls import Controls
from rtseg.live.surface import Surface
from rtseg.options.call import Call
from rtseg.options.saving import config_target, save_config
from rtseg.pipeline import Pipeline
from rtseg.ui.address import Address, listen, open_browser
from rtseg.ui.desk import Desk
from rtseg.ui.folders import data_folder, kept_secret
from rtseg.ui.gallery import Gallery
from rtseg.ui.origins import Origins
from rtseg.ui.server import Server
from rtseg.ui.surface import OnPage

PORT = 8765  # where it is free
COOKIE_FILE = "page-cookie"


@contextmanager
def page_for(options: PageOptions, cam: CamOptions, console: Console) -> Iterator[Page]:
    """The port is taken now, before a camera is; what serves a session on it. Raises PageError."""
    folder = options.backgrounds or data_folder() / "backgrounds"
    if folder.exists() and not folder.is_dir():
        raise PageError(f"--backgrounds {folder} is not a folder; give another")
    address = listening(options)
    if address.local:  # else it may have been read on its way
        address = replace(address, cookie=kept_secret(data_folder() / COOKIE_FILE))

    @contextmanager
    def served(controls: Controls, pipeline: Pipeline) -> Iterator[Surface]:
        surface = OnPage()
        desk = Desk(surface, Gallery(folder), Origins(cam.source), lambda call: keep(call, cam.config))
        desk.look_for_virtual()
        with Server(desk, address, lambda text: console.print(text)):
            announce(address, options, console)
            yield surface

    with closing(address.socket):
        yield served


def listening(options: PageOptions) -> Address:
    """On the port that was asked for; else on ours, or where that is taken on a free one."""
    if options.port is not None:
        return listen(options.host, options.port)
    try:
        return listen(options.host, PORT)
    except PageError:
        return listen(options.host, 0)


def announce(address: Address, options: PageOptions, console: Console) -> None:
    """Print where the page is, and open it."""
    console.print(Text(address.url))  # as it is: its token is not to be hidden here
    if not address.local:
        console.print(
            f"note: --host {options.host} lets others in your network reach the page; who has this address can watch "
            "and control the camera, and what is sent is not encrypted"
        )
    if options.browser:
        open_browser(address.url)


def keep(call: Call, config: Path | None) -> str:
    """Write the options as the defaults; what there is to say. Raises OutputError."""
    target = config_target("", config)
    before = save_config(target, call)
    return str(target) + (f"; the file before is {before}" if before else "")
