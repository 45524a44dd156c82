"""What docs/foreign-models.md shows: each adapter is right, and each key of an adapter is in it."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import foreign_nets
from rtseg import Pipeline
from rtseg.arrays import F32, U8
from rtseg.models.foreign.adapter import Adapter, Input, Output, State, read_adapter
from test_foreign import load

DOCUMENT = (Path(__file__).parents[1] / "docs" / "foreign-models.md").read_text(encoding="utf-8")


def documented() -> list[str]:
    return re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize("text", documented())
def test_the_documented_adapters_are_right(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(text)
    adapter = read_adapter(tmp_path / "x.toml")
    assert adapter.name != "x"


def test_the_adapter_of_robust_video_matting_feeds_its_states(
    tmp_path: Path, person: F32, demo_frames: list[U8], unchecked: None
) -> None:
    path = foreign_nets.rvm(tmp_path, person)
    path.with_suffix(".toml").write_text(next(text for text in documented() if "downsample_ratio" in text))
    model = load(path)
    assert (model.size_for(1920, 1080, model.info.area), model.info.terms) == ((320, 192), "GPL-3.0")
    frame, nothing = cv2.resize(demo_frames[0], (320, 192)), np.zeros((192, 320), np.float32)
    tops = [float(model.run(frame, nothing).max()) for _ in range(3)]
    np.testing.assert_allclose(tops, [0.5, 0.75, 0.875], atol=0.02)
    pipeline = Pipeline(background="#00ff00", model=path, provider="cpu")
    for _ in range(5):
        out = pipeline(demo_frames[0])
    assert (out[:100, :100] == (0, 255, 0)).all() and pipeline.share > 0.1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_adapters_as_editors_of_windows_save_them(tmp_path: Path, encoding: str) -> None:
    text = documented()[0].replace("\n", "\r\n")
    for name, kind in (("plain", "utf-8"), ("windows", encoding)):
        (tmp_path / f"{name}.toml").write_bytes(text.encode(kind))
    plain, windows = (read_adapter(tmp_path / f"{name}.toml") for name in ("plain", "windows"))
    assert (plain.input, plain.output, plain.name) == (windows.input, windows.output, windows.name)


def test_every_key_is_documented() -> None:
    table = set(re.findall(r"^\| `(\w+)`", DOCUMENT, re.MULTILINE))
    keys = {name for part in (Adapter, Input, Output, State) for name in part.__dataclass_fields__}
    assert table == keys - {"path"} and len(documented()) >= 3
