"""`rtseg tune`: adapt a model to yourself and your room from a minute of your own video.

rtseg tune --video me.mp4 --out mine && rtseg export mine --out mine.onnx && rtseg cam --model mine.onnx
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rtseg.errors import DataError
from rtseg.options.call import quoted


def tune_command(
    video: Annotated[Path | None, typer.Option(help="A clip of you in your room.", show_default=False)] = None,
    camera: Annotated[str | None, typer.Option(help="Or record from this camera.", show_default=False)] = None,
    seconds: Annotated[float, typer.Option(min=5, max=600, help="How long to record from the camera.")] = 60,
    plate: Annotated[
        Path | None, typer.Option(help="A picture of the empty room from the same camera.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="A model that ships, or a model.safetensors of yours.")] = "balanced",
    steps: Annotated[int, typer.Option(min=1, help="Training steps of 8 pictures.")] = 240,
    out: Annotated[Path, typer.Option(help="Folder for the result.")] = Path("tuned"),
) -> None:
    """Adapt a model to one person and one room, without labels, and keep it only if it is better.

    Sit as in a call, then move about and lean out of the picture once: what the camera sees of the room
    behind you is what it learns from.
    """
    from rtseg.console import Messages
    from rtseg_train.tune import tune

    if (video is None) == (camera is None):
        raise DataError(
            "what to learn from? Give --video CLIP or --camera NUMBER, for example rtseg tune --video me.mp4"
        )
    source = str(video) if video is not None else str(camera)
    verdict = tune(source, model, out, plate=plate, seconds=seconds, steps=steps)
    console = Messages()
    for name, row in (("before", verdict.old), ("after", verdict.new)):
        figures = ", ".join(f"{key.replace('_', ' ')} {value:.2f} %" for key, value in row.items())
        console.print(f"{name}, on the held-back part: {figures}")
    if verdict.better:
        console.print(f"{out / 'model.safetensors'}: the tuned model\nnext: rtseg export {quoted(str(out))}")
    else:
        console.print(f"not better: nothing was kept; go on with --model {model}")
