"""A frame's way to its composite on CUDA: one graph. It runs on a CPU too, many times slower, to be tested.

Frames and composites are the only pictures that cross the bus; the background crosses once, and what lasts from
frame to frame stays on the device, in two sets of buffers that take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import onnxruntime as ort

from rtseg.arrays import F32, U8
from rtseg.errors import ModelError
from rtseg.models.fused import NO_PICTURE, FusedModel
from rtseg.models.session import Session, Tuning, open_session
from rtseg.paths.pinned import Pinned
from rtseg.pixels.composite import full_alpha
from rtseg.pixels.edge import PLAIN, Edge
from rtseg.pixels.geometry import scaled
from rtseg.pixels.guided import CELL

STAGES = ("upload", "run", "download")
CAPTURE = {"enable_cuda_graph": "1"}  # one launch for the whole graph instead of one for each of its nodes


@dataclass
class Turn:
    """One of the two bindings: reads one set of state buffers, writes the other."""

    binding: Any
    options: Any
    inputs: dict[str, Any]  # previous_alpha, previous_grey
    outputs: dict[str, Any]


class CudaPath:
    """Frames of one size to composites, with all buffers made once; a `FramePath`, see path.py.

    Args:
        model: the fused model.
        width, height: of the frames.
        area: pixels at network size.
        capture: run as a CUDA graph; None: where CUDA can.
        pinned: memory that composites come back to; None: made on CUDA, and done without elsewhere.

    Raises ModelError when CUDA fails.
    """

    def __init__(
        self,
        model: FusedModel,
        width: int,
        height: int,
        area: int,
        capture: bool | None = None,
        pinned: Pinned | None = None,
    ) -> None:
        self.model, self.area = model, area
        self.save_power = self.follow = self.skipped = False  # the graph does the same for every frame
        self.timings = dict.fromkeys(STAGES, 0.0)
        self.size = model.size_for(width, height, area)
        self._shape = (1, height, width, 3)
        self._given: object = None  # the background or strength that the device has
        self._controls = PLAIN  # those of the edge
        self.remark: str | None = None  # what is done without, and why
        if capture is None:
            capture = model.provider == "cuda"
        try:
            self._pinned = pinned or (self._pinned_memory(3 * width * height) if model.provider == "cuda" else None)
            if not (capture and self._try(self._captured())):
                # With free sizes onnxruntime 1.31 blurs wrongly on CUDA, by 4.4 grey levels in the mean.
                self._bind(self._fixed({}) if model.provider == "cuda" else model.session)
        except ModelError:
            raise
        except Exception as e:  # onnxruntime's exceptions have no common base
            raise model.failure(e) from e

    def _pinned_memory(self, nbytes: int) -> Pinned | None:
        """None, and a remark, where there is none: composites take longer then."""
        try:
            return Pinned(nbytes)
        except ModelError as e:
            self.remark = f"composites come back by ordinary memory: {e}"
            return None

    def _captured(self) -> Session | None:
        """A session that CUDA may record and replay; None where it can't."""
        try:
            return self._fixed(CAPTURE if self.model.provider == "cuda" else {})
        except ModelError as e:
            self.remark = f"no CUDA graph: {e}"
            return None

    def _fixed(self, cuda: dict[str, str]) -> Session:
        """A session for frames of this size alone. cuda: what its provider is told."""
        dimensions = self.model.dimensions(self._shape[2], self._shape[1], self.area)
        return open_session(self.model.path, self.model.provider, self.model.threads, Tuning(dimensions, cuda))

    def _try(self, session: Session | None) -> bool:
        """Whether replays of the recorded graph give what its first run gave."""
        if session is None:
            return False
        self._bind(session)
        noise = np.random.default_rng(0).integers(0, 256, self._shape[1:], np.uint8)
        try:
            first = self._once(noise)
            for _ in range(4):  # onnxruntime records a run after the first two
                again = self._once(noise)
        except ModelError as e:
            self.remark = f"no CUDA graph: {e}"
            return False
        if int(np.abs(first.astype(np.int16) - again).max()) > 1:
            self.remark = "no CUDA graph: its replays differ from its first run"
            return False
        self.forget()
        return True

    def _once(self, frame_bgr: U8) -> U8:
        self.forget()
        return self.composite(frame_bgr, np.zeros_like(frame_bgr), 20.0)

    def _bind(self, session: Session) -> None:
        """Make the buffers, and a binding for each direction between the two sets of state."""
        self._session, device = session.ort, session.provider
        self._turn = 0
        self._given = None

        def empty(shape: tuple[int, ...], dtype: type = np.float32) -> Any:
            return ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype), device)

        small = (1, 1, *self.size[::-1])
        self._frame, composite, extent = empty(self._shape, np.uint8), empty(self._shape, np.uint8), empty((3,))
        second = "background" if self.model.effect == "picture" else "blur"
        self._second = empty(self._shape, np.uint8) if second == "background" else empty(())
        states = [{"alpha": empty(small), "grey": empty(small)} for _ in range(2)]
        self._edge, self._controls = empty((len(PLAIN),)), PLAIN
        fit = empty((1, 4, *(n // CELL for n in small[2:])))
        self._turns = []
        for number, (before, after) in enumerate((states, states[::-1]), start=1):
            inputs = {f"previous_{name}": value for name, value in before.items()}
            outputs = {"composite": composite, "extent": extent, "fit": fit, **after}
            options = ort.RunOptions()
            options.add_run_config_entry("gpu_graph_id", str(number))
            turn = Turn(self._session.io_binding(), options, inputs, outputs)
            for name, value in {"frame_bgr": self._frame, second: self._second, "edge": self._edge, **inputs}.items():
                turn.binding.bind_ortvalue_input(name, value)
            for name, value in outputs.items():
                turn.binding.bind_ortvalue_output(name, value)
            self._turns.append(turn)
        self.forget()

    def composite(self, frame_bgr: U8, background: U8 | None, blur: float, controls: Edge = PLAIN) -> U8:
        """The person before the background or the blurred room, by what the file was made for; uint8 HxWx3 BGR.

        frame_bgr, background: uint8 HxWx3 BGR, contiguous. Raises ModelError when there is no good alpha.
        """
        marks = [perf_counter()]
        turn = self._turns[self._turn]
        try:
            self._frame.update_inplace(frame_bgr[None])
            self._send(background, blur, controls)
            marks.append(perf_counter())
            self._session.run_with_iobinding(turn.binding, turn.options)
            marks.append(perf_counter())
            self.model.check(turn.outputs["extent"].numpy())
            out = self._download(turn.outputs["composite"])
        except ModelError:
            raise
        except Exception as e:  # onnxruntime's exceptions have no common base
            raise self.model.failure(e) from e
        marks.append(perf_counter())
        self._turn = 1 - self._turn
        self.timings = {s: 1e3 * (t1 - t0) for s, t0, t1 in zip(STAGES, marks, marks[1:], strict=False)}
        return out

    def _download(self, composite: Any) -> U8:
        if self._pinned:
            return self._pinned.download(composite.data_ptr()).reshape(self._shape[1:])
        # onnxruntime's array may look into the buffer that the next frame will use
        return np.array(composite.numpy()[0])

    def _send(self, background: U8 | None, blur: float, controls: Edge) -> None:
        """The background or the strength, and what is set of the edge, where they are others than before."""
        if controls != self._controls:
            self._edge.update_inplace(np.array(controls, np.float32))
            self._controls = controls
        if self.model.effect == "blur":
            if blur != self._given:
                self._second.update_inplace(np.array(blur, np.float32))
                self._given = blur
        elif background is not self._given:
            assert background is not None
            self._second.update_inplace(background[None])
            self._given = background

    @property
    def network_alpha(self) -> F32:
        """float32 hxw of the last frame, at network size: what the next one remembers."""
        out: F32 = np.array(self._turns[1 - self._turn].outputs["alpha"].numpy()[0, 0])
        return out

    def alpha(self, frame_bgr: U8) -> F32:
        """float32 HxW of the last frame, which has to be given again."""
        outputs = self._turns[1 - self._turn].outputs
        out = np.empty(frame_bgr.shape[:2], np.float32)
        full_alpha(frame_bgr, outputs["fit"].numpy()[0], out)
        return out

    def reset(self) -> None:
        """Begin anew: nothing but the buffers is kept, which are worth it."""
        self.forget()

    def forget(self) -> None:
        """Treat the next frame as the first."""
        inputs = self._turns[self._turn].inputs
        inputs["previous_alpha"].update_inplace(np.zeros((1, 1, *self.size[::-1]), np.float32))
        inputs["previous_grey"].update_inplace(np.full((1, 1, *self.size[::-1]), NO_PICTURE, np.float32))

    @property
    def memory(self) -> tuple[F32, F32] | None:
        """What the next frame will be told of the last one, alpha and grey, hxw; None before the first."""
        inputs = self._turns[self._turn].inputs
        alpha, grey = (np.array(inputs[f"previous_{name}"].numpy()[0, 0]) for name in ("alpha", "grey"))
        return None if grey[0, 0] == NO_PICTURE else (alpha, grey)

    def remember(self, memory: tuple[F32, F32]) -> None:
        """Go on from what another path, of any size, knew of the last frame."""
        inputs = self._turns[self._turn].inputs
        for name, plane in zip(("alpha", "grey"), memory, strict=True):
            inputs[f"previous_{name}"].update_inplace(scaled(plane, self.size)[None, None])
