"""What is said of a model file that holds: size, cost, parity, speed and the next command; as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np
import onnx
from rich.console import Console
from rich.table import Table

from rtseg.arrays import U8
from rtseg.commands.bench import middle_and_p95, surroundings
from rtseg.models.fused import FusedModel
from rtseg.models.model import Model
from rtseg.models.providers import cuda_problem
from rtseg.models.session import open_session
from rtseg.options.call import quoted
from rtseg.paths.cuda import CudaPath
from rtseg.pixels.geometry import network_size
from rtseg_export.compare import cropped_to
from rtseg_export.count import gmac, parameters
from rtseg_export.export import Exported
from rtseg_export.parity import Parity

SECONDS = 1.0  # of timing on each provider
FEWEST, WARM_UP = 5, 3  # runs
FRAME = (1920, 1080)  # width, height of the frames that fused files are timed with
PACKAGES = ("rtseg", "torch", "onnx", "onnxruntime-gpu", "onnxruntime", "numpy")


@dataclass(frozen=True)
class Report:
    """A model file in figures."""

    made: Exported
    size: tuple[int, int]  # width, height of the network for 16:9, for which gmac and the times are
    static: bool
    fused: bool
    bytes: int
    nodes: int
    parameters: int
    gmac: float
    times: dict[str, list[float]]  # provider -> milliseconds of each run; the CPU with one thread
    next: str  # command to type


def report(made: Exported, frame_bgr: U8, seconds: float = SECONDS) -> Report:
    """Count and time a model file, on a frame uint8 HxWx3 of any size. Raises ModelError when it can't be run."""
    graph = onnx.load(made.path)
    sessions = [open_session(made.path, "cpu", 1)]
    if cuda_problem() is None:
        sessions.append(open_session(made.path, "cuda"))
    times, fused = {}, FusedModel.fits(sessions[0])
    for session in sessions:
        model = FusedModel(session) if fused else Model(session)
        w, h = size = model.static or network_size(1600, 900, made.info.area)
        times[session.provider] = timed(work(model, frame_bgr, size), seconds)
    shapes: dict[str, tuple[int, ...]] = {"frame_bgr": (1, h, w, 3), "previous_alpha": (1, 1, h, w)}
    command = f"rtseg cam --model {quoted(str(made.path))}"
    if isinstance(model, FusedModel):
        frame = (1, FRAME[1], FRAME[0], 3)
        shapes |= {"frame_bgr": frame, "edge": (3,), "previous_grey": (1, 1, h, w)}
        shapes |= {"background": frame} if model.effect == "picture" else {"blur": ()}
        command += " --bg beach.jpg" if model.effect == "picture" else " --blur 20"
    return Report(
        made=made,
        size=size,
        static=model.static is not None,
        fused=fused,
        bytes=made.path.stat().st_size,
        nodes=len(graph.graph.node),
        parameters=parameters(graph),
        gmac=gmac(graph, shapes),
        times=times,
        next=command,
    )


def work(model: Model | FusedModel, frame_bgr: U8, size: tuple[int, int]) -> Callable[[], object]:
    """What is timed: the network at its size (width, height), or a whole frame of FRAME through a fused file."""
    if isinstance(model, FusedModel):
        frame = cropped_to(frame_bgr, FRAME)
        path = CudaPath(model, *FRAME, size[0] * size[1])
        return lambda: path.composite(frame, frame, 20.0)
    small, nothing = cropped_to(frame_bgr, size), np.zeros(size[::-1], np.float32)
    return lambda: model.run(small, nothing)


def timed(run: Callable[[], object], seconds: float) -> list[float]:
    """Milliseconds of each run, after a few that don't count, for about so many seconds."""
    for _ in range(WARM_UP):
        run()
    times: list[float] = []
    while len(times) < FEWEST or sum(times) < 1e3 * seconds:
        start = perf_counter()
        run()
        times.append(1e3 * (perf_counter() - start))
    return times


def show(found: Report, console: Console) -> None:
    """The parity table, the figures and the next command."""
    info, (w, h) = found.made.info, found.size
    console.print(parity_table(found.made.parity), soft_wrap=False)
    takes = f"{w}x{h} alone" if found.static else f"area {info.area} pixels"
    lines = [
        f"{found.made.path}: {info.name}, {found.bytes / 1e6:.1f} MB, {info.precision}, {takes}",
        f"{found.nodes} nodes, {found.parameters / 1e6:.2f} million parameters, {found.gmac:.3f} GMAC at {w}x{h}",
    ]
    for provider, times in found.times.items():
        middle, high = middle_and_p95(times)
        where = "CPU, one thread" if provider == "cpu" else provider.upper()
        what = "{}x{} frames, whole".format(*FRAME) if found.fused else f"at {w}x{h}"
        lines.append(f"{where}: {middle:.2f} ms {what} (median of {len(times)}; 95 % within {high:.2f})")
    for line in (*lines, f"try it: {found.next}"):
        console.print(line, highlight=False, soft_wrap=True, markup=False)


def parity_table(parity: Parity) -> Table:
    """A rich table, one row per runner and size."""
    table = Table(title=f"parity with torch fp32 (tolerance: {parity.tolerance})", title_justify="left")
    for column in ("runs on", "size", "max error", "mean error", "flipped", "IoU"):
        table.add_column(column, justify="left" if column == "runs on" else "right")
    for row in parity.worst():
        size = f"{row.size[0]}x{row.size[1]}"
        table.add_row(
            row.runner, size, f"{row.max_error:.2g}", f"{row.mean_error:.2g}", f"{row.flipped:.3%}", f"{row.iou:.5f}"
        )
    return table


def as_json(found: Report) -> dict[str, Any]:
    """The same for --json, with the machine and the versions."""
    info, parity = found.made.info, found.made.parity
    rows = [asdict(row) | {"size": f"{row.size[0]}x{row.size[1]}"} for row in parity.worst()]
    speed = {}
    for provider, times in found.times.items():
        middle, high = middle_and_p95(times)
        speed[provider] = {"median_ms": round(middle, 4), "p95_ms": round(high, 4), "runs": len(times)}
    return {
        "file": str(found.made.path),
        "model": {"name": info.name, "version": info.version, "precision": info.precision, "area": info.area},
        "revision": info.revision,
        "static": found.static,
        "fused": found.fused,
        "bytes": found.bytes,
        "nodes": found.nodes,
        "parameters": found.parameters,
        "size": f"{found.size[0]}x{found.size[1]}",
        "gmac": round(found.gmac, 6),
        "parity": {"tolerance": asdict(parity.tolerance), "worst": rows},
        "speed": speed,
        "next": found.next,
        **surroundings(PACKAGES),
    }
