"""Checkpoints, places and pictures that can't be used: one clear error each, and nothing left behind."""

from __future__ import annotations

import json
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rtseg.errors import DataError, ExportError
from rtseg_export.checkpoint import default_name, find_checkpoint
from rtseg_export.export import export
from rtseg_export.frames import PICTURE_SIDE, demo_frames, pictures
from tiny_exports import edit_notes, make_frames, tiny_checkpoint
from tiny_runs import write_pictures


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A copy of a good checkpoint, to be spoiled."""
    good = tiny_checkpoint()
    (tmp_path / "run").mkdir()
    for name in ("model.safetensors", "model.json"):
        shutil.copy(good.parent / name, tmp_path / "run" / name)
    return tmp_path / "run" / "model.safetensors"


def tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        state = load_file(path)
        change(state)
        save_file(state, path)

    return spoil


def header(shape: list[int], length: int | None = None) -> Callable[[Path], None]:
    """A safetensors file that declares one tensor of this shape and holds four bytes."""

    def spoil(path: Path) -> None:
        text = json.dumps({"head.bias": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
        path.write_bytes(struct.pack("<Q", length or len(text)) + text + bytes(4))

    return spoil


def notes(text: str | None) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        json_file = path.with_suffix(".json")
        json_file.unlink() if text is None else json_file.write_text(text)

    return spoil


HOSTILE: list[tuple[Callable[[Path], object], str]] = [
    (lambda p: edit_notes(p, arch="classic"), "holds another net"),
    (lambda p: edit_notes(p, arch="resnet"), "unknown arch"),
    (lambda p: edit_notes(p, arch=None), "names no arch"),
    (lambda p: edit_notes(p, name=None), "lacks name, area or scores"),
    (lambda p: edit_notes(p, scores=[1]), "lacks name, area or scores"),
    (lambda p: edit_notes(p, area="big"), "lacks name, area or scores"),
    (lambda p: edit_notes(p, area=-5), "area is -5"),
    (lambda p: edit_notes(p, area=10**12), "area is 1000000000000"),
    (notes(None), "cannot read"),
    (notes("{"), "cannot read"),
    (notes("[]"), "holds no settings"),
    (notes("[" * 100_000), "nests more than"),
    (tensors(lambda s: s.pop("head.bias")), "holds another net"),
    (tensors(lambda s: s.update(extra=np.zeros(3, np.float32))), "holds another net"),
    (tensors(lambda s: s.update({"head.bias": np.zeros(5, np.float32)})), "holds another net"),
    (header([10**9, 10**9]), "cut off or not safetensors"),
    (header([1], length=2**62), "cut off or not safetensors"),
    (lambda p: p.write_bytes(p.read_bytes()[:5000]), "cut off or not safetensors"),
    (lambda p: p.write_text("hello, I am no tensor"), "cut off or not safetensors"),
    (lambda p: p.write_bytes(b""), "cut off or not safetensors"),
]


@pytest.mark.parametrize(("spoil", "words"), HOSTILE)
def test_hostile_checkpoints_are_refused(
    weights: Path, tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(weights)
    with pytest.raises(DataError, match=words):
        export(weights, tmp_path / "out.onnx", "fp32", make_frames(), rooms=())
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


class Exploit:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("owned"),))


@pytest.mark.parametrize("name", ["model.pt", "model.pth", "model.safetensors"])
def test_pickles_are_never_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Exploit(), protocol=4))
    with pytest.raises(DataError, match=r"a pickle.*save_file"):
        find_checkpoint(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no checkpoint .*model\.safetensors"):
        find_checkpoint(tmp_path)
    with pytest.raises(DataError, match="no checkpoint"):
        find_checkpoint(tmp_path / "nothere")
    with pytest.raises(DataError, match="too long"):
        find_checkpoint(tmp_path / ("x" * 300))
    (tmp_path / "x.onnx").write_bytes(b"x")
    with pytest.raises(DataError, match=r"an exported model already.*--compare"):
        find_checkpoint(tmp_path / "x.onnx")


def test_names(weights: Path) -> None:
    assert find_checkpoint(weights.parent) == weights
    assert default_name(weights, "fp32") == "tiny.onnx"
    assert default_name(weights, "fp16") == "tiny-fp16.onnx"
    assert default_name(weights, "int8", (96, 64)) == "tiny-int8-96x64.onnx"
    edit_notes(weights, name="../up")
    with pytest.raises(ExportError, match="--out"):
        default_name(weights, "fp32")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("nowhere/x.onnx", "does not exist"),
        ("run/model.json/x.onnx", "Not a directory"),
        ("folder.onnx", "is a folder"),
        ("x.pt", r"ends in \.onnx; use x\.onnx"),
        ("x", r"ends in \.onnx; use x\.onnx"),
        ("x" * 300 + ".onnx", "too long"),
    ],
)
def test_places_that_cannot_be_written(weights: Path, tmp_path: Path, target: str, words: str) -> None:
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(ExportError, match=f"cannot write .*{words}"):
        export(weights, tmp_path / target, "fp32", make_frames(), rooms=())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.onnx", "run"]


def test_an_unknown_precision_is_refused(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="int3"):
        export(weights, tmp_path / "x.onnx", "int3", make_frames(), rooms=())


def test_pictures_of_a_folder_and_of_a_training_list(tmp_path: Path) -> None:
    listed = write_pictures(tmp_path)  # 0.jpg .. 3.jpg with masks 0.png .. 3.png beside them
    assert len(pictures(listed, 64)) == 4 and len(pictures(listed, 3)) == 3
    assert len(pictures(tmp_path, 64)) == 8  # a plain folder: nothing says which are masks
    split = tmp_path / "set"
    for kind, ending in (("images", "jpg"), ("masks", "png")):
        (split / kind).mkdir(parents=True)
        for i in range(4):
            shutil.copy(tmp_path / f"{i}.{ending}", split / kind)
    np.testing.assert_array_equal(pictures(split, 64), pictures(listed, 64))
    cv2.imwrite(str(split / "wide.png"), np.zeros((20, 4000, 3), np.uint8))
    shutil.rmtree(split / "masks")
    assert pictures(split)[0].shape == (5, PICTURE_SIDE, 3)


def test_pictures_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"--calibration .* has no pictures"):
        pictures(tmp_path, option="--calibration")
    (tmp_path / "a.jpg").write_text("text")
    with pytest.raises(ExportError, match=r"a\.jpg"):
        pictures(tmp_path)
    with pytest.raises(ExportError, match="no such folder"):
        pictures(tmp_path / "b")
    (tmp_path / "list.csv").write_text("image,mask\nnothere.jpg,nothere.png\n")
    with pytest.raises(DataError, match=r"nothere\.jpg"):
        pictures(tmp_path / "list.csv")


def test_the_bundled_clip_gives_frames() -> None:
    assert len(demo_frames(count=5)) == 5
