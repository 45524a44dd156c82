"""Weights that a model keeps in other files: from its own folder or not at all."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import onnx
import pytest

from rtseg.errors import ModelError
from rtseg.files import ASSETS
from rtseg.models.model import Model
from rtseg.models.outside import check_outside, locations

ODD = os.fsdecode(b"o\xff")


def in_two(path: Path, location: str, name: str = "w.bin") -> Path:
    """The shipped `fast`, its weights in the file `name` beside it, said to be at `location`."""
    path.parent.mkdir(exist_ok=True)
    model = onnx.load(str(ASSETS / "fast-int8.onnx"))
    plain = path.with_name("plain.onnx")
    onnx.save(model, str(plain), save_as_external_data=True, location=name, size_threshold=64)
    model = onnx.load(str(plain), load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())
    plain.unlink()
    return path


def test_weights_beside_the_model_are_read() -> None:
    Model(in_two(Path("m/x.onnx"), "w.bin"), provider="cpu", threads=1)
    Path("m/inner").mkdir()
    Path("m/w.bin").rename("m/inner/w.bin")
    check_outside(in_two(Path("m/y.onnx"), "inner/w.bin"))


@pytest.mark.parametrize("location", ["../w.bin", "{here}/w.bin", "/dev/zero", "link.bin", "up/w.bin", "x/../../w.bin"])
def test_others_are_not(location: str) -> None:
    model = in_two(Path("m/x.onnx"), location.format(here=Path().absolute()))
    Path("m/w.bin").rename("w.bin")
    Path("m/link.bin").symlink_to("../w.bin")
    Path("m/up").symlink_to("..")
    with pytest.raises(ModelError, match="outside of its folder"):
        check_outside(model)  # onnxruntime would say so too, but not an older one
    with pytest.raises(ModelError, match="outside of its folder"):
        Model(model, provider="cpu", threads=1)


def test_weights_that_are_missing_are_named() -> None:
    model = in_two(Path("m/x.onnx"), "gone.bin")
    with pytest.raises(ModelError, match=r"m/x\.onnx keeps weights in gone\.bin, which is no file beside it"):
        Model(model, provider="cpu", threads=1)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are text here")
def test_those_of_the_working_directory_are_none_of_a_models() -> None:
    """Where onnxruntime looks for them when it gets a model as bytes."""
    shutil.copy(in_two(Path("m/x.onnx"), "w.bin"), Path("m", f"{ODD}.onnx"))
    shutil.copy("m/w.bin", "w.bin")
    with pytest.raises(ModelError, match="not UTF-8; rename"):
        Model(Path("m", f"{ODD}.onnx"), provider="cpu", threads=1)


def test_what_is_no_model_is_left_to_others() -> None:
    for content in (b"", b"\x3a\xff\xff\xff\xff\x0f", b"\x3a\x05abc", b"\xff" * 40, bytes(range(256))):
        Path("x.onnx").write_bytes(content)
        check_outside(Path("x.onnx"))
    nested = b""
    for _ in range(2000):
        nested = b"\x32" + varint(len(nested)) + nested if len(nested) % 2 else b"\x2a" + varint(len(nested)) + nested
    with pytest.raises((ValueError, StopIteration)):
        next(locations(memoryview(nested), "attribute"))


def varint(value: int) -> bytes:
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + varint(value >> 7)
