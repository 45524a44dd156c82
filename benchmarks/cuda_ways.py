"""What cuda.py measures: every way of one size, effect and tier from a frame in host memory to its composite there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rtseg.arrays import U8
from rtseg.files import ASSETS
from rtseg.models.fused import NO_PICTURE, FusedModel
from rtseg.models.networks import FUSED
from rtseg.paths.cuda import CudaPath
from rtseg.pipeline import Pipeline

BLUR = 20.0
RECORDED, BOUND, UNBOUND, AROUND = "recorded graph", "IO binding", "no IO binding", "OpenCV around the net"


@dataclass(frozen=True)
class Way:
    """One way of doing a frame."""

    model: str  # the file's name without its ending
    tier: str | None  # None for a file that was named
    effect: str  # picture or blur
    precision: str
    how: str
    run: Callable[[U8], object]  # a frame uint8 HxWx3 BGR; has its result in host memory when it returns
    stages: Callable[[], Mapping[str, float]]  # milliseconds of the last frame, by the host's clock
    up: int | None = None  # bytes of pictures over the bus per frame; None where it is not the fused graph
    down: int | None = None


def files(
    tiers: Sequence[str], effect: str, folder: Path | None, provider: str
) -> tuple[list[tuple[str, Path]], list[str]]:
    """(tier, file) of all there are for an effect, and the names of those that are missing.

    folder: of what gpu_day.sh exports beside the shipped files: fused in fp32, and the plain net in fp16.
    """
    found, missing = [], []
    for tier in tiers:
        shipped = ASSETS / f"{tier}-{FUSED[effect]}.onnx"
        fresh = folder / f"{tier}-{FUSED[effect]}-fp16.onnx" if folder else shipped
        wanted = [fresh if fresh.is_file() and not shipped.is_file() else shipped]
        if folder:
            wanted += [folder / f"{tier}-{FUSED[effect]}-fp32.onnx", folder / f"{tier}-fp16.onnx"]
        if provider == "cpu":
            wanted.append(ASSETS / f"{tier}-int8.onnx")
        found += [(tier, path) for path in wanted if path.is_file()]
        missing += [path.name for path in wanted if not path.is_file()]
    return found, missing


def ways(file: Path, tier: str | None, effect: str, provider: str, background: U8, remarks: list[str]) -> Iterator[Way]:
    """All of one file; of a tier in fp32 the best alone, to compare.

    background: uint8 HxWx3 BGR, of the frames' size. remarks: gets what could not be had. Raises ModelError and
    ProviderError.
    """
    size = background.shape[1::-1]
    behind = {"background": background} if effect == "picture" else {"blur": BLUR}
    pipeline = Pipeline(model=file, provider=provider, **behind)  # type: ignore[arg-type]
    model = pipeline.model
    precision = model.info.precision
    if not isinstance(model, FusedModel):
        yield Way(file.stem, tier, effect, precision, AROUND, pipeline, lambda: pipeline.timings)
        return
    frame = background.nbytes
    for captured in (True, False) if provider == "cuda" else (False,):
        path = CudaPath(model, *size, model.info.area, capture=captured)
        if captured and path.remark:
            remarks.append(f"{file.name} at {size[0]}x{size[1]}: {path.remark}")
            continue
        how = RECORDED if captured else BOUND
        yield Way(file.stem, tier, effect, precision, how, bound_run(path, background), stages_of(path), frame, frame)
        if tier and precision == "fp32":
            return
    up = 2 * frame if effect == "picture" else frame
    yield Way(file.stem, tier, effect, precision, UNBOUND, plain_run(model, background), dict, up, frame)


def bound_run(path: CudaPath, background: U8) -> Callable[[U8], U8]:
    return lambda frame_bgr: path.composite(frame_bgr, background, BLUR)


def stages_of(path: CudaPath) -> Callable[[], Mapping[str, float]]:
    return lambda: path.timings


def plain_run(model: FusedModel, background: U8) -> Callable[[U8], U8]:
    """The fused graph by session.run: everything, state and background included, crosses the bus each time."""
    width, height = model.size_for(background.shape[1], background.shape[0], model.info.area)
    state = {
        "edge": np.zeros(3, np.float32),
        "previous_alpha": np.zeros((1, 1, height, width), np.float32),
        "previous_grey": np.full((1, 1, height, width), NO_PICTURE, np.float32),
    }
    second = {"background": background[None]} if model.effect == "picture" else {"blur": np.array(BLUR, np.float32)}

    def run(frame_bgr: U8) -> U8:
        outputs = model.session.ort.run(
            ["composite", "alpha", "grey"], {"frame_bgr": frame_bgr[None], **second, **state}
        )
        state["previous_alpha"], state["previous_grey"] = outputs[1:]
        composite: U8 = outputs[0][0]
        return composite

    return run
