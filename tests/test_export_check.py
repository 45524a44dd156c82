"""`rtseg export CHECKPOINT --compare FILE`: the parity of a file that exists already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import typer
from onnx import TensorProto

from rtseg.errors import ExportError, ModelError, RtsegError
from rtseg_export.check import check_file
from rtseg_export.int8_graph import Graph
from tiny_exports import call, changed_net, make_frames, save_run, tiny_checkpoint, tiny_export, write_frames


@pytest.fixture
def checkpoint() -> Path:
    return tiny_checkpoint()


@pytest.fixture(params=["fp32", "fp16", "int8"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an exported file, alone in the test's folder."""
    path = tmp_path / f"{request.param}.onnx"
    shutil.copy(tiny_export(request.param).path, path)
    return path


@pytest.fixture
def fp32(tmp_path: Path) -> Path:
    path = tmp_path / "fp32.onnx"
    shutil.copy(tiny_export("fp32").path, path)
    return path


def test_a_good_file_holds_and_is_reported(file: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames, before = write_frames(file.parent / "frames"), file.read_bytes()
    call(checkpoint, "--compare", file, "--pictures", frames, "--json", "report.json")
    said = capsys.readouterr().out
    assert "parity with torch fp32" in said and f"rtseg cam --model {file}" in said
    report = json.loads(Path("report.json").read_text())
    assert report["model"]["precision"] == file.stem and report["file"] == str(file)
    assert file.read_bytes() == before
    assert sorted(p.name for p in file.parent.iterdir()) == sorted([file.name, "frames", "report.json"])


def test_a_file_of_another_checkpoint_is_refused(file: Path, tmp_path: Path) -> None:
    other = changed_net()
    with torch.no_grad():
        other.head.weight.neg_()
    with pytest.raises(ExportError, match=r"misses its parity tolerance[\s\S]*runs on[\s\S]*not this checkpoint's"):
        check_file(file, save_run(tmp_path / "other", other), make_frames(), rooms=())


def test_a_net_that_is_as_good_is_refused_too(file: Path, tmp_path: Path) -> None:
    other = changed_net()
    with torch.no_grad():
        other.head.weight *= 1.02
    generous = 1.0  # what int8 is allowed
    with pytest.raises(ExportError, match=r"not made from .*convolution (\d+) of \1 are others|misses its parity"):
        check_file(file, save_run(tmp_path / "other", other), make_frames(), max_error=generous, rooms=())


def test_ruined_scales_are_refused(tmp_path: Path, checkpoint: Path) -> None:
    model = onnx.load(tiny_export("int8").path)
    graph = Graph(model)
    for node in [n for n in model.graph.node if n.op_type == "QuantizeLinear"][5:]:
        graph.set(node.input[1], np.array(float(graph.value(node.input[1])) / 16, np.float32))
    onnx.save(model, tmp_path / "ruined.onnx")
    with pytest.raises(ExportError, match="misses its parity tolerance"):
        check_file(tmp_path / "ruined.onnx", checkpoint, make_frames(), rooms=())


def test_nan_in_the_file_is_refused(fp32: Path, checkpoint: Path) -> None:
    model = onnx.load(fp32)
    graph = Graph(model)
    graph.set("net.head.bias", np.full(4, np.nan, np.float32))
    onnx.save(model, fp32)
    with pytest.raises(ExportError, match="not finite"):
        check_file(fp32, checkpoint, make_frames(), rooms=())


def test_a_file_that_sees_people_in_empty_rooms_is_refused(fp32: Path, checkpoint: Path) -> None:
    """Though it agrees with its checkpoint, as it does."""
    check_file(fp32, checkpoint, make_frames(), rooms=())
    with pytest.raises(ExportError, match=r"fp32\.onnx: it calls more than 10% of \d+ of \d+ empty pictures a person"):
        check_file(fp32, checkpoint, make_frames(), rooms=(1.0,))


def test_a_stricter_tolerance_is_heeded(fp32: Path, checkpoint: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    with pytest.raises(ExportError, match=r"max 0, mean"):
        call(checkpoint, "--compare", fp32, "--pictures", frames, "--tolerance", 0)


def no_graph(path: Path) -> None:
    path.write_text("hello")


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100_000])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def edited(change: Callable[[onnx.ModelProto], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        model = onnx.load(path)
        change(model)
        path.write_bytes(model.SerializeToString())

    return spoil


def missing_input(model: onnx.ModelProto) -> None:
    model.graph.node[5].input[0] = "nobody"


def weights_elsewhere(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].data_location = TensorProto.EXTERNAL
    model.graph.initializer[0].external_data.add(key="location", value="../secret.bin")


def no_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


def other_precision(model: onnx.ModelProto) -> None:
    for item in model.metadata_props:
        item.value = "int3" if item.key == "rtseg.precision" else item.value


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_graph, "cut off or not an ONNX file"),
        (cut_off, "cut off or not an ONNX file"),
        (empty, "not valid ONNX"),
        (gone, "No such file"),
        (edited(missing_input), "not valid ONNX"),
        (edited(weights_elsewhere), "in another file"),
        (edited(no_metadata), "not an rtseg model"),
        (edited(other_precision), "int3"),
    ],
)
def test_hostile_files_are_refused(fp32: Path, checkpoint: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(fp32)
    with pytest.raises((ExportError, ModelError), match=words):
        check_file(fp32, checkpoint, make_frames(), rooms=())


@pytest.mark.parametrize(
    "options",
    [
        ["--compare", "x.onnx", "--out", "y.onnx"],
        ["--compare", "x.onnx", "--precision", "fp32"],
        ["--compare", "x.onnx", "--area", "4096"],
        ["--compare", "x.onnx", "--static", "64x64"],
        ["--compare", "x.onnx", "--calibration", "."],
        ["--compare", "x.onnx", "--data-note", "mine"],
        ["--calibration", "."],
        ["--calibration", ".", "--precision", "fp16"],
        ["--area", "4096", "--static", "64x64"],
        ["--static", "big"],
        ["--static", "64"],
    ],
)
def test_options_that_make_no_sense_are_usage_errors(checkpoint: Path, options: list[str]) -> None:
    with pytest.raises(typer.BadParameter):
        call(checkpoint, *options)
    assert not list(Path().iterdir())


def test_a_report_does_not_overwrite_what_it_is_about(fp32: Path, checkpoint: Path) -> None:
    before = fp32.read_bytes()
    with pytest.raises(RtsegError, match="is the model itself"):
        call(checkpoint, "--compare", fp32, "--json", fp32)
    assert fp32.read_bytes() == before
