"""The commands that are for use: `cam`, `ui`, `apply`. Imported at every start: nothing heavy."""

from __future__ import annotations

import typer

from rtseg.commands.apply.options import ApplyOptions
from rtseg.commands.cam.options import CamOptions
from rtseg.commands.ui.options import PageOptions
from rtseg.files import STDIO
from rtseg.options.fields import with_options
from rtseg.options.panels import InPanels

PANEL = "Use"  # of the list of commands
app = typer.Typer()


@app.command(
    cls=InPanels,
    rich_help_panel=PANEL,
    epilog="rtseg cam --bg beach.jpg\nrtseg cam --source talk.mp4 --blur 30 --out talk-blur.mp4 --no-window",
)
@with_options(CamOptions)
def cam(context: typer.Context, options: CamOptions) -> None:
    """Run on a camera, file or stream, in a window and/or to a file."""
    from rtseg.commands.cam.capture import capture
    from rtseg.console import Messages

    capture(context, options, Messages())


@app.command(
    cls=InPanels, rich_help_panel=PANEL, epilog="rtseg ui\nrtseg ui --bg beach.jpg --out virtual --no-open --port 8765"
)
@with_options(CamOptions, PageOptions, hidden=("window",))
def ui(context: typer.Context, options: CamOptions, page: PageOptions) -> None:
    """As cam, but with a page in the browser in the window's place.

    The page's address is printed on a line of its own; no display is needed. It ends with Ctrl-C.
    """
    from rtseg.commands.cam.capture import capture
    from rtseg.commands.ui.page import page_for
    from rtseg.console import Messages

    console = Messages()
    capture(context, options, console, lambda cam, stack: stack.enter_context(page_for(page, cam, console)))


@app.command(
    cls=InPanels,
    rich_help_panel=PANEL,
    epilog="rtseg apply portrait.jpg --out portrait-beach.jpg --bg beach.jpg\n"
    "rtseg apply photos --out cut --emit cutout --jobs 2",
)
@with_options(ApplyOptions)
def apply(context: typer.Context, options: ApplyOptions) -> None:
    """Process files or pipes; frames, sound and timestamps are kept.

    Raw frames out (--out -) are bgr24, gray for alpha, bgra for cutout; messages then go to standard error.
    """
    from rtseg.commands.apply.run import run
    from rtseg.console import messages

    o = options
    if o.out == "-" and o.json_file == STDIO:
        raise typer.BadParameter("standard output takes the frames of --out -; give --json a file")
    one_each = 1 if o.jobs > 1 and o.threads is None else None
    first, *more = [o.pipeline(one_each) for _ in range(o.jobs)]
    said = messages(o.json_file, stderr=o.out == "-", quiet=o.quiet)
    run(
        o.sources,
        o.out,
        first,
        o.emit,
        said,
        raw=o.raw_size,
        fps=o.fps,
        share=o.share,
        more=more,
        json_file=o.json_file,
    )
