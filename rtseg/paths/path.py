"""What a pipeline needs of a way from frames to composites, and which way a model takes."""

from __future__ import annotations

from typing import Protocol

from rtseg.arrays import F32, U8
from rtseg.models.fused import FusedModel
from rtseg.models.networks import Loaded
from rtseg.paths.cpu import CpuPath
from rtseg.paths.cuda import CudaPath
from rtseg.pixels.edge import Edge


class FramePath(Protocol):
    """Frames of one size to composites, by one model at one area; `CpuPath` or `CudaPath`."""

    area: int  # pixels at network size
    timings: dict[str, float]  # milliseconds of the last frame by stage
    save_power: bool  # the network may be left out where nothing moves; a way that can't do that never does
    follow: bool  # the network may be given a box around the people; likewise
    skipped: bool  # it was left out for the last frame

    @property
    def model(self) -> object: ...

    def composite(self, frame_bgr: U8, background: U8 | None, blur: float, controls: Edge = ...) -> U8:
        """The person before the background or, where that is None, before the room, blurred by `blur`.

        frame_bgr, background and the result: uint8 HxWx3 BGR, contiguous; the result is an array that nobody else
        holds. Raises ModelError when there is no good alpha: nothing of the frame comes out then.
        """
        ...

    def alpha(self, frame_bgr: U8) -> F32:
        """float32 HxW of the last frame, which has to be given again."""
        ...

    @property
    def network_alpha(self) -> F32:
        """float32 hxw of the last frame, of all of it, at network size."""
        ...

    @property
    def memory(self) -> tuple[F32, F32] | None:
        """What the next frame will be told of the last one: alpha and grey, hxw; None before the first."""
        ...

    def remember(self, memory: tuple[F32, F32]) -> None:
        """Go on from what another path, of any size, knew of the last frame; for a path that has seen none."""
        ...

    def forget(self) -> None:
        """Tell the next frame nothing of the last one."""
        ...

    def reset(self) -> None:
        """Begin anew: nothing of the frames so far is kept."""
        ...

    @property
    def remark(self) -> str | None:
        """What the user should know of how frames are done."""
        ...


def path_of(model: Loaded, width: int, height: int, area: int) -> FramePath:
    """The way of a model's frames of this size; raises ModelError where it can't be gone."""
    if isinstance(model, FusedModel):
        return CudaPath(model, width, height, area)
    return CpuPath(model, width, height, area)
