"""Somebody else's model in cuda.py: in rtseg's place, and RobustVideoMatting as its authors mean it to be used."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from cuda_ways import AROUND, BLUR, Way

from rtseg.arrays import U8
from rtseg.errors import ModelError, RtsegError
from rtseg.models.foreign.model import ForeignModel
from rtseg.models.networks import open_foreign
from rtseg.models.session import open_session
from rtseg.pipeline import Pipeline

PAGE = Path(__file__).parents[1] / "docs" / "foreign-models.md"
# Of RobustVideoMatting's authors, by the frame's longer side: about 512 pixels are left of it.
RATIO_SIDE = 512
SMALL, WHOLE, ALONE = "rtseg around it, small frame", "whole frame and ratio", "net alone on the device, whole frame"


@cache
def documented() -> str:
    """RobustVideoMatting's adapter, as docs/foreign-models.md shows it."""
    for text in re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        if "downsample_ratio" in text:
            return str(text)
    raise ModelError(f"{PAGE} shows no adapter with a downsample_ratio")


def whole_frame(size: tuple[int, int]) -> str:
    """The adapter for whole frames of this (width, height), the net itself making them small."""
    ratio = min(1.0, RATIO_SIDE / max(size))
    text = re.sub(r"(?m)^area = .*$", f"area = {size[0] * size[1]}", documented())
    return re.sub(r"(?m)^downsample_ratio = .*$", f"downsample_ratio = [{ratio:.4f}]", text)


def is_ours(file: Path) -> bool:
    """Whether `rtseg export` made the file. Raises ModelError for what is no model."""
    return any(key.startswith("rtseg.") for key in open_session(file, "cpu", 1).ort.get_modelmeta().custom_metadata_map)


def is_rvm(file: Path) -> bool:
    """Whether a file takes what RobustVideoMatting takes. Raises ModelError for what is no model."""
    names = {i.name for i in open_session(file, "cpu", 1).ort.get_inputs()}
    return {"src", "r1i", "r2i", "r3i", "r4i", "downsample_ratio"} <= names


def foreign_ways(
    file: Path, _tier: str | None, effect: str, provider: str, background: U8, remarks: list[str]
) -> Iterator[Way]:
    """All of a file that is not ours: with its adapter, or each of those for RobustVideoMatting.

    Raises ModelError and ProviderError; what fails of RobustVideoMatting is said in `remarks`.
    """
    size = background.shape[1::-1]
    if not is_rvm(file):
        yield placed(file, effect, provider, background, AROUND)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / file.name
        shutil.copyfile(file, copy)
        for how, adapter in ((SMALL, documented()), (WHOLE, whole_frame(size))):
            copy.with_suffix(".toml").write_text(adapter, encoding="utf-8")
            try:
                yield placed(copy, effect, provider, background, how)
                if how == WHOLE and effect == "picture":
                    model = open_foreign(open_session(copy, provider))
                    yield Way(file.stem, None, effect, model.info.precision, ALONE, alone(model, size), dict)
            except RtsegError as e:
                remarks.append(f"{file.name} at {size[0]}x{size[1]}, {how}: {e}")


def placed(file: Path, effect: str, provider: str, background: U8, how: str) -> Way:
    """The model in a Pipeline; its first frame is done here, as the adapter may be gone later."""
    pipeline = Pipeline(
        model=file,
        provider=provider,
        background=background if effect == "picture" else None,
        blur=None if effect == "picture" else BLUR,
    )
    pipeline(background)
    pipeline.reset()
    return Way(file.stem, None, effect, pipeline.model.info.precision, how, pipeline, lambda: pipeline.timings)


def alone(model: ForeignModel, size: tuple[int, int]) -> Callable[[U8], None]:
    """The net at its best: picture and states stay on the device, nothing is composited, nothing comes back."""
    device, names = model.provider, model.signature
    session: Any = open_session(model.path, device, model.threads).ort
    picture = ort.OrtValue.ortvalue_from_numpy(np.zeros((1, 3, size[1], size[0]), names.dtype), device)
    states = {name: ort.OrtValue.ortvalue_from_numpy(zeros, device) for name, zeros in names.first_states().items()}

    def run(_frame_bgr: U8) -> None:
        binding = session.io_binding()
        binding.bind_ortvalue_input(names.image, picture)
        for name, value in names.constants.items():
            binding.bind_cpu_input(name, value)
        for name, value in states.items():
            binding.bind_ortvalue_input(name, value)
        order = [names.output, *names.states.values()]
        for name in order:
            binding.bind_output(name, device)
        session.run_with_iobinding(binding)
        states.update(zip(names.states, binding.get_outputs()[1:], strict=True))

    return run
