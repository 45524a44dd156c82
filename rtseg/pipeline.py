"""Frame in, composite out: resize, infer, fit the edge, blend. What `cam`, `apply` and `bench` all run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.backgrounds.background import Background
from rtseg.backgrounds.behind import Stage, open_behind
from rtseg.closing import Closing
from rtseg.errors import ModelError
from rtseg.frames import check_frame, check_size, noise
from rtseg.inputs import background_inputs, model_inputs
from rtseg.models.in_use import InUse
from rtseg.models.model import check_area
from rtseg.models.networks import Loaded, require_area, require_effect
from rtseg.models.nobody import require_nobody
from rtseg.paths.path import FramePath, path_of
from rtseg.pixels.edge import SPECKS, Edge, Limited
from rtseg.stream import Result, Streamed, streamed


class Pipeline(Closing):
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

    edge, feather, specks = Limited(), Limited(), Limited(SPECKS)  # see pixels/edge.py; from the next frame on

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
        self._stage = Stage(open_behind(background, blur))
        self._models = InUse(model, provider, threads, effect=self._stage.now.effect)
        self._read_for_model = model_inputs(model)
        self.reads = [*background_inputs(background), *self._read_for_model]  # files that nothing may be written over
        self._changing = Lock()
        require_area(self.model, area)
        self._area = area or self.model.info.area
        self.timings: dict[str, float] = {}
        self.smoothing = True  # False: each frame by itself
        self.save_power = False  # True: the network is left out where nothing moves
        self.follow = True  # on the CPU the network sees a box around the people, larger than they would else be
        self.processed = self.skipped = 0  # frames; those that took the alpha of one before
        self._path: FramePath | None = None
        self._size: tuple[int, ...] | None = None  # HxWx3 of the path's frames
        self._frame: U8 | None = None
        self._alpha: F32 | None = None

    def __call__(self, frame_bgr: U8, seconds: float | None = None) -> U8:
        """The composite, uint8 HxWx3 BGR, of a frame of the same type; a new array, never the frame itself.

        seconds: the frame's time in its file, by which a film in the background moves; None: by the clock.

        Raises ModelError when there is no good alpha (show `hidden(width, height)` then) and SourceError for what is
        not a frame. After either the state is as after `reset()`. When CUDA fails on the way, `auto` does the frame
        again on the CPU, and all that follow (`remark` says so); `cuda` raises ProviderError from then on.
        """
        self._take_over()
        try:
            try:
                return self._process(frame_bgr, seconds)
            except ModelError as e:
                if self.model.provider != "cuda":
                    raise
                self._models.leave_cuda(e, self._stage.now.effect)
                self._path = None
            return self._process(frame_bgr, seconds)
        except Exception:
            self.reset()
            raise

    def _process(self, frame_bgr: U8, seconds: float | None) -> U8:
        path = self._path_for(frame_bgr)
        if not self.smoothing:
            path.forget()
        frame_bgr = np.ascontiguousarray(frame_bgr)
        room = None if self.blur else self.background.at(seconds, *frame_bgr.shape[1::-1])
        path.save_power, path.follow = self.save_power, self.follow
        out = path.composite(frame_bgr, room, self.blur or 0.0, Edge(self.edge, self.feather, self.specks))
        self._frame, self._alpha = frame_bgr, None
        self.timings = path.timings
        self.processed += 1
        self.skipped += path.skipped
        return out

    def change(self, background: str | Path | U8 | None = None, blur: float | None = None) -> None:
        """Another background or blur from the next frame on; may be called while another thread is in a frame.

        Raises BackgroundError, and leaves what there is, when it can't be had.
        """
        following = open_behind(background, blur)
        if not self.ships:  # of those there is a file for either effect
            require_effect(self.model, following.effect)
        with self._changing:
            self.reads = [*background_inputs(background), *self._read_for_model]  # first: who sees it can look them up
            self._stage.put(following)

    def _take_over(self) -> None:
        """Put what `change` has opened in place."""
        before = self._stage.turn()
        if before is None:
            return
        try:
            self._models.follow(self._stage.now.effect)
        except Exception:
            self._stage.now = before
            raise
        before.background.close()

    @property
    def model(self) -> Loaded:
        """The network that frames go through."""
        return self._models.now

    @property
    def blur(self) -> float | None:
        """How much the room is blurred, 1..100; None where a background takes its place. Raises BackgroundError."""
        return self._stage.now.blur

    @blur.setter
    def blur(self, strength: float) -> None:
        self._stage.set_blur(strength)

    @property
    def background(self) -> Background:
        """What is shown where there is no person, or no alpha; `change` puts another in its place."""
        return self._stage.now.background

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
        return self._models.ships

    def use(self, name: str, area: int | None = None) -> None:
        """Another model that ships, from the next frame on; what is known of the last frame is carried over.

        area: pixels at network size; None for what the model prefers. Models stay loaded for the way back. To be
        checked by `warm_up` before its first real frame. Raises ModelError.
        """
        self._models.use(name, self._stage.now.effect)
        self._area = area or self.model.info.area

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
        return self._stage.newest.at(seconds, width, height)

    @property
    def remark(self) -> str | None:
        """What the user should know: CUDA left on the way, a graph that is not recorded, code that can't be kept."""
        if self._models.failure:
            return f"CUDA failed: {self._models.failure}; going on on the CPU"
        return self._path.remark if self._path else None

    def stream(self, source: Streamed) -> Iterator[Result]:
        """Every frame of a source, with its composite and its alpha, one after the other.

        source: what `rtseg cam --source` takes (a camera's number, a file, a URL, "demo"), something that gives
        `Frame`, as `rtseg.Video` does, or arrays, uint8 HxWx3 BGR. Begins by forgetting the frames so far.

        Raises SourceError, and ModelError where there is no good alpha; nothing of such a frame comes out. In a live
        picture that is suddenly full of person, and to the shipped `balanced` is not, there is nobody: alpha 0.
        """
        return streamed(self, source)

    def close(self) -> None:
        """End what runs for a background that moves."""
        self._stage.close()

    def reset(self) -> None:
        """Forget the frames so far; the next one is treated as the first."""
        self._frame = self._alpha = None
        if self._path:
            self._path.reset()

    def warm_up(self, width: int, height: int, frames: int = 3) -> None:
        """Compile, allocate and settle for frames of this size, then reset."""
        check_size(width, height)
        frame = noise(width, height)
        for _ in range(frames):
            self(frame, seconds=0.0)
        self.reset()
        self.processed = self.skipped = 0

    def _path_for(self, frame_bgr: U8) -> FramePath:
        """The path so far, or another for the first frame and after a change of size, model or area."""
        height, width = check_frame(frame_bgr)
        old = self._path if self._size == frame_bgr.shape else None
        if old is not None and (old.model, old.area) == (self.model, self._area):
            return old
        path = path_of(self.model, width, height, self._area)
        require_nobody(self.model)  # whoever runs it: nothing comes out of a model that sees people in walls
        if old is not None and (memory := old.memory):
            path.remember(memory)
        self._path, self._size = path, frame_bgr.shape
        return self._path
