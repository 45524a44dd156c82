"""Frame in, composite out: resize, infer, fit the edge, blend. What `cam`, `apply` and `bench` all run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rtseg.backgrounds.background import Background, check_blur
from rtseg.backgrounds.scene import open_behind
from rtseg.cpu_path import CpuPath
from rtseg.errors import BackgroundError, ModelError, ProviderError
from rtseg.frames import check_frame, check_size
from rtseg.inputs import background_inputs, model_inputs
from rtseg.models.foreign import ForeignModel
from rtseg.models.fused import FusedModel, FusedPath
from rtseg.models.model import TIERS, Model, check_area
from rtseg.models.networks import open_network
from rtseg.models.nobody import require_nobody
from rtseg.pixels.buffers import BufferPool
from rtseg.pixels.cache import troubles
from rtseg.pixels.edge import Edge, Limited
from rtseg.stream import Result, Streamed, streamed

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


class Pipeline:
    """Segments frames and puts the person in front of a background.

    Args:
        background: a picture, film or folder of them by path, the name of a shipped picture, "#rrggbb" or a colour's
            name, or uint8 HxWx3 BGR array; "blur" or None for the room, blurred.
        blur: strength 1..100, sigma in pixels at 720 lines: of the background or, without one, of the room.
            Without either the room is blurred by 20.
        model: tier name, or path of an .onnx file: made by `rtseg export`, or with an adapter file beside it.
        provider: "auto", "cuda" or "cpu".
        threads: CPU threads of the network; None for half the cores, at most 4.
        area: pixels at network size; None for what the model prefers.

    Raises:
        BackgroundError, ModelError, ProviderError: what was asked for can't be had.
    """

    edge, feather, specks = Limited(), Limited(), Limited()  # see pixels/edge.py; from the next frame on

    def __init__(
        self,
        *,
        background: str | Path | U8 | None = None,
        blur: float | None = None,
        model: str | Path = "balanced",
        provider: str = "auto",
        threads: int | None = None,
        area: int | None = None,
    ) -> None:
        if area is not None:
            check_area(area)
        self._blur, self._background = open_behind(background, blur)
        self.provider, self._name, self._threads = provider, model, threads
        self.model = self._open(provider)
        self._read_for_model = model_inputs(model)
        self.reads = [*background_inputs(background), *self._read_for_model]  # files that nothing may be written over
        fixed = self.model.signature.size if isinstance(self.model, ForeignModel) else self.model.static
        if fixed and area not in (None, fixed[0] * fixed[1]):
            raise ModelError("{} works at {}x{} alone, not at an area of {}; leave it out".format(model, *fixed, area))
        self._area = area or self.model.info.area
        self.timings: dict[str, float] = {}
        self.smoothing = True  # False: each frame by itself
        self.save_power = False  # True: the network is left out where nothing moves
        self.follow = True  # on the CPU the network sees a box around the people, larger than they would else be
        self.processed = self.skipped = 0  # frames; those that took the alpha of one before
        self.recovering = False  # CUDA has failed, and the next frame will be done on the CPU
        self.failure: str | None = None  # why CUDA was left on the way
        self._pool = BufferPool()
        self._loaded: dict[str, Model | ForeignModel | FusedModel] = {}  # tiers that `use` has put aside
        self._path: CpuPath | FusedPath | None = None
        self._size: tuple[int, ...] | None = None  # HxWx3 of the path's frames
        self._frame: U8 | None = None
        self._alpha: F32 | None = None
        self._changing = Lock()
        self._next: tuple[float | None, Background] | None = None  # what `change` has opened

    def _open(self, provider: str, name: str | None = None) -> Model | ForeignModel | FusedModel:
        effect = "picture" if self.blur is None else "blur"
        return open_network(name or self._name, effect=effect, provider=provider, threads=self._threads)

    def __call__(self, frame_bgr: U8, seconds: float | None = None) -> U8:
        """The composite, uint8 HxWx3 BGR, of a frame of the same type; a new array, never the frame itself.

        seconds: the frame's time in its file, by which a film in the background moves; None: by the clock.

        Raises ModelError when there is no good alpha (show `hidden(width, height)` then) and SourceError for what is
        not a frame. After either the state is as after `reset()`. When CUDA fails on the way, `auto` raises once and
        does the next frame on the CPU (`recovering` says so in between); `cuda` raises ProviderError from then on.
        """
        if self.recovering:
            self._recover()
        with self._changing:
            following, self._next = self._next, None
        if following:
            self._take_over(*following)
        try:
            return self._process(frame_bgr, seconds)
        except ModelError as e:
            self.reset()
            if self.model.provider != "cuda":
                raise
            self.failure = str(e)
            if self.provider == "cuda":
                raise ProviderError(f"--provider cuda: {e}; free the GPU's memory, or use --provider auto") from e
            self.recovering = True
            raise ModelError(f"{e}; going on on the CPU") from e
        except Exception:
            self.reset()
            raise

    def _process(self, frame_bgr: U8, seconds: float | None) -> U8:
        path = self._path_for(frame_bgr)
        if not self.smoothing:
            path.forget()
        frame_bgr = np.ascontiguousarray(frame_bgr)
        room = None if self.blur else self.background.at(seconds, *frame_bgr.shape[1::-1])
        controls = Edge(self.edge, self.feather, self.specks)
        if isinstance(path, FusedPath):
            out = path.composite(frame_bgr, room, self.blur or 0.0, controls)
        else:
            out = self._pool.get(frame_bgr.shape)
            path.save_power, path.follow = self.save_power, self.follow
            path.composite(frame_bgr, room, self.blur or 0.0, out, controls)
            self.skipped += path.skipped
        self._frame, self._alpha = frame_bgr, None
        self.timings = path.timings
        self.processed += 1
        return out

    def change(self, background: str | Path | U8 | None = None, blur: float | None = None) -> None:
        """Another background or blur from the next frame on; may be called while another thread is in a frame.

        Raises BackgroundError, and leaves what there is, when it can't be had.
        """
        following = open_behind(background, blur)
        if isinstance(self.model, FusedModel) and str(self._name) not in TIERS:
            self.model.require("picture" if following[0] is None else "blur")  # there is no file of the other effect
        reads = [*background_inputs(background), *self._read_for_model]
        with self._changing:
            replaced, self._next, self.reads = self._next, following, reads
        if replaced:
            replaced[1].close()

    def _take_over(self, blur: float | None, background: Background) -> None:
        """Put what `change` has opened in place."""
        old = self.blur, self.background
        self._blur, self._background = blur, background
        try:
            if isinstance(self.model, FusedModel) and (blur is None) != (old[0] is None):
                self.model = self._open(self.model.provider)
        except Exception:
            self._blur, self._background = old
            raise
        old[1].close()

    @property
    def blur(self) -> float | None:
        """How much the room is blurred, 1..100; None where a background takes its place. Raises BackgroundError."""
        return self._blur

    @blur.setter
    def blur(self, strength: float) -> None:
        if self._blur is None:
            raise BackgroundError("there is a background in the room's place: use change(blur=...)")
        self._blur = check_blur(strength)

    @property
    def background(self) -> Background:
        """What is shown where there is no person, or no alpha; `change` puts another in its place."""
        return self._background

    @property
    def area(self) -> int:
        """Pixels at network size; may be changed between two frames."""
        return self._area

    @area.setter
    def area(self, pixels: int) -> None:
        check_area(pixels)
        self._area = pixels

    @property
    def ships(self) -> bool:
        """Whether the model is one of those that ship, which `use` changes for one another."""
        return str(self._name) in TIERS

    def use(self, name: str, area: int | None = None) -> None:
        """Another model that ships, from the next frame on; what is known of the last frame is carried over.

        area: pixels at network size; None for what the model prefers. Models stay loaded for the way back. To be
        checked by `warm_up` before its first real frame. Raises ModelError.
        """
        if name != self._name:
            model = self._loaded.pop(name, None) or self._open(self.model.provider, name)
            if self.model.provider == "cpu":  # on CUDA there is one for each effect, and no need to change
                self._loaded[str(self._name)] = self.model
            self._name, self.model = name, model
        self._area = area or self.model.info.area

    def _recover(self) -> None:
        """Put the CPU in CUDA's place."""
        self._path = None
        self.model = self._open("cpu")
        self.model.fallback_reason = self.failure
        self.recovering = False

    @property
    def alpha(self) -> F32:
        """float32 HxW in 0..1 of the last frame, at its size. Computed when first asked for.

        It is derived from the frame's own pixels: read it before the frame's buffer is used for another.
        Raises ModelError when no frame has been processed.
        """
        if self._frame is None or self._path is None:
            raise ModelError("there is no alpha yet: no frame has been processed since the start or a reset")
        if self._alpha is None:
            self._alpha = self._path.alpha(self._frame)
        return self._alpha

    @property
    def share(self) -> float:
        """How much of the last frame is person, 0..1: the mean of its alpha at network size."""
        return 0.0 if self._path is None else float(self._path.network_alpha.mean())

    def hidden(self, width: int, height: int, seconds: float | None = None) -> U8:
        """The background alone, uint8 HxWx3 BGR, not to be written to: for when there is no good alpha."""
        check_size(width, height)
        with self._changing:
            background = self._next[1] if self._next else self.background
        return background.at(seconds, width, height)

    @property
    def remark(self) -> str | None:
        """What the user should know of how frames are done now: CUDA left on the way, a graph that is not recorded,
        compiled code that can't be kept.
        """
        if self.failure:
            return f"CUDA failed: {self.failure}; going on on the CPU"
        return self._path.remark if isinstance(self._path, FusedPath) else "; ".join(troubles()) or None

    def stream(self, source: Streamed) -> Iterator[Result]:
        """Every frame of a source, with its composite and its alpha, one after the other.

        source: what `rtseg cam --source` takes (a camera's number, a file, a URL, "demo"), something that gives
        `Frame`, as `rtseg.Video` does, or arrays, uint8 HxWx3 BGR. Begins by forgetting the frames so far.

        Raises SourceError, and ModelError where there is no good alpha; nothing of such a frame comes out. In a live
        picture that is suddenly full of person, and to the shipped `balanced` is not, there is nobody: alpha 0.
        """
        return streamed(self, source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End what runs for a background that moves."""
        self.background.close()
        if self._next:
            self._next[1].close()

    def reset(self) -> None:
        """Forget the frames so far; the next one is treated as the first."""
        self._frame = self._alpha = None
        if isinstance(self._path, FusedPath) and not self.recovering:
            self._path.forget()  # its buffers on the device are worth keeping
        else:
            self._path = None
        if not isinstance(self.model, FusedModel):
            self.model.reset()

    def warm_up(self, width: int, height: int, frames: int = 3) -> None:
        """Compile, allocate and settle for frames of this size, then reset."""
        check_size(width, height)
        frame = noise(width, height)
        for _ in range(frames):
            try:
                self(frame, seconds=0.0)
            except ModelError:
                if not self.recovering:  # a library that CUDA misses may be missed at the first run only
                    raise
        self.reset()
        self.processed = self.skipped = 0

    def _path_for(self, frame_bgr: U8) -> CpuPath | FusedPath:
        """The path so far, or another for the first frame and after a change of size, model or area."""
        height, width = check_frame(frame_bgr)
        old = self._path if self._size == frame_bgr.shape else None
        if old is not None and (old.model, old.area) == (self.model, self._area):
            return old
        way = FusedPath if isinstance(self.model, FusedModel) else CpuPath
        path = way(self.model, width, height, self._area)  # type: ignore[arg-type]
        require_nobody(self.model)  # whoever runs it: nothing comes out of a model that sees people in walls
        if old is not None and (memory := old.memory):
            path.remember(memory)
        self._path, self._size = path, frame_bgr.shape
        return self._path


def noise(width: int, height: int) -> U8:
    """A frame to warm up with, uint8 HxWx3."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
