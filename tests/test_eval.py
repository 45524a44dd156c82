"""`rtseg eval`: pictures and clips through checkpoints and model files, the files it writes, what it refuses."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from rtseg.errors import DataError, RtsegError
from rtseg.models.model import ModelInfo
from rtseg_train import report
from rtseg_train.checkpoint import save_weights
from rtseg_train.clips import find_clips, is_clip, score_clip
from rtseg_train.dataset import read_list
from rtseg_train.evaluate import evaluate, load_predictor, torch_predictor
from rtseg_train.masks import Mask
from rtseg_train.metrics import Score, summary
from rtseg_train.nets import build
from rtseg_train.report import WorstTiles
from test_clips import SIZE, bright, disc, picture_of, write_pictures
from tiny_runs import call

pytestmark = pytest.mark.usefixtures("unchecked")  # what is scored here sees people wherever it is bright
AREA = 4096  # pixels at network size


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "moving")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The list of four stills of two sources, and one with nobody in it."""
    folder = write_pictures(tmp_path / "stills", "images")
    rows = ["source,image,mask"] + [f"{'ab'[i % 2]},images/{i:05}.png,masks/{i:05}.png" for i in range(4)]
    cv2.imwrite(str(folder / "room.png"), picture_of(np.zeros((SIZE, SIZE), np.uint8)))
    cv2.imwrite(str(folder / "none.png"), np.zeros((SIZE, SIZE), np.uint8))
    (folder / "list.csv").write_text("\n".join([*rows, "rooms,room.png,none.png"]) + "\n")
    return folder / "list.csv"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, with random weights that heed the alpha before."""
    torch.manual_seed(0)
    net = build("fast").eval()
    frame = torch.from_numpy(picture_of(disc(32)))[None]
    with torch.no_grad():
        net.head.weight *= 3 / net(frame, torch.zeros(1, 1, SIZE, SIZE)).std()
    folder = tmp_path_factory.mktemp("run")
    save_weights(net, folder / "model.safetensors", {"name": "tiny", "arch": "fast", "area": AREA})
    return folder


BRIGHTNESS, MEMORY, LEVEL = 6.0, 2.0, -4.0


class Glow(nn.Module):
    """Bright pixels are a person, and more so where one was before."""

    def forward(self, frame_bgr: torch.Tensor, previous_alpha: torch.Tensor) -> torch.Tensor:
        return BRIGHTNESS / 255 * frame_bgr.float().mean(3)[:, None] + MEMORY * previous_alpha + LEVEL


@pytest.fixture(scope="module")
def glow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file that `Glow` would be exported to."""
    steps = [
        ("Cast", ["frame_bgr"], "float", {"to": TensorProto.FLOAT}),
        ("ReduceMean", ["float", "channels"], "grey", {}),
        ("Transpose", ["grey"], "plane", {"perm": [0, 3, 1, 2]}),
        ("Mul", ["plane", "brightness"], "bright", {}),
        ("Mul", ["previous_alpha", "memory"], "remembered", {}),
        ("Sum", ["bright", "remembered", "level"], "logits", {}),
        ("Sigmoid", ["logits"], "alpha", {}),
    ]
    values = {"brightness": BRIGHTNESS / 255, "memory": MEMORY, "level": LEVEL}
    constants = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in values.items()]
    graph = helper.make_graph(
        [helper.make_node(kind, inputs, [output], **attributes) for kind, inputs, output, attributes in steps],
        "glow",
        [
            helper.make_tensor_value_info("frame_bgr", TensorProto.UINT8, [1, "h", "w", 3]),
            helper.make_tensor_value_info("previous_alpha", TensorProto.FLOAT, [1, 1, "h", "w"]),
        ],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, [1, 1, "h", "w"])],
        [*constants, helper.make_tensor("channels", TensorProto.INT64, [1], [3])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    info = ModelInfo("glow", "0", AREA, "fp32", "none", "none", {}, "test")
    helper.set_model_props(model, info.metadata())
    path = tmp_path_factory.mktemp("glow") / "glow.onnx"
    onnx.save(model, path)
    return path


def test_a_perfect_and_a_shifted_predictor(pictures: Path) -> None:
    pairs = read_list(pictures).pairs
    perfect = summary(evaluate(bright, pairs))
    assert list(perfect) == ["a", "b", "rooms", "ALL", "EMPTY"]
    for source in ("a", "b", "ALL"):
        row = perfect[source]
        assert row["iou"] == row["boundary_iou"] == row["mean_iou"] == 100
        assert row["mae"] == 0 and row["gradient"] < 1e-9
    assert perfect["EMPTY"]["false_alarm"] == 0
    shifted = summary(evaluate(lambda frame: np.roll(bright(frame), 2, axis=1), pairs))["ALL"]
    assert shifted["boundary_iou"] < shifted["iou"] < 100 and shifted["mae"] > 0 and shifted["gradient"] > 0.1


def scores_of(*args: object) -> dict[str, dict[str, float]]:
    call("eval", *args, "--provider", "cpu", "--json", "scores.json")
    table: dict[str, dict[str, float]] = json.loads(Path("scores.json").read_text())["scores"]
    return table


def test_a_net_scores_stills_as_the_file_exported_from_it(glow: Path, pictures: Path) -> None:
    pairs = read_list(pictures).pairs
    from_net, from_file = (
        summary(evaluate(predict, pairs))
        for predict in (torch_predictor(Glow(), AREA), load_predictor(glow, None, "cpu"))
    )
    assert from_net.keys() == from_file.keys()
    for source, row in from_net.items():
        assert row == pytest.approx(from_file[source], abs=0.1), source
    assert from_net["ALL"]["mae"] > 0.5  # else anything would agree


@pytest.mark.parametrize("keep_state", [True, False])
def test_a_net_scores_a_clip_as_the_file_exported_from_it(glow: Path, clip: Path, keep_state: bool) -> None:
    from_net, from_file = (
        summary(score_clip(predict, find_clips(clip)[0]))["moving"]
        for predict in (
            torch_predictor(Glow(), AREA, keep_state=keep_state),
            load_predictor(glow, None, "cpu", keep_state=keep_state),
        )
    )
    assert from_net == pytest.approx(from_file, abs=0.1) and from_net["dtssd"] > 0.5


@pytest.mark.parametrize("kind", ["run", "glow"])
def test_only_a_video_remembers(kind: str, request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(kind)
    first, second, other = picture_of(disc(28)), picture_of(disc(30)), np.full((SIZE, SIZE, 3), 255, np.uint8)
    still, video = (load_predictor(model, None, "cpu", keep_state=keep) for keep in (False, True))
    alone = still(second)
    np.testing.assert_array_equal(video(first), still(first))
    assert np.abs(video(second) - alone).max() > 0.01
    np.testing.assert_array_equal(still(second), alone)
    np.testing.assert_array_equal(video(other), still(other))  # another scene: what was before says nothing


def test_single_frame_forgets_and_the_video_does_not(run: Path, glow: Path, clip: Path) -> None:
    for model in (run, glow):
        video, single = scores_of(model, clip)["moving"], scores_of(model, clip, "--single-frame")["moving"]
        assert abs(video["mae"] - single["mae"]) > 1e-3


def test_a_model_that_never_moves(make_model: Callable[..., Path], clip: Path) -> None:
    row = scores_of(make_model("one"), clip)["moving"]
    labels = [cv2.imread(str(p), cv2.IMREAD_GRAYSCALE) > 127 for p in sorted((clip / "masks").iterdir())]
    changes = [np.mean(a != b) for a, b in itertools.pairwise(labels)]
    assert row["dtssd"] == pytest.approx(100 * np.mean(np.sqrt(changes)), rel=1e-4)
    assert row["iou"] == pytest.approx(100 * np.mean(labels), rel=1e-4)
    assert row["flicker"] > 100 * np.mean(changes)


def test_the_files_it_writes(run: Path, pictures: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("s.json", "sheet.png", "curve.png")}
    call(
        *("eval", run, pictures, "--json", files["s.json"], "--sheet", files["sheet.png"]),
        "--reliability",
        files["curve.png"],
    )
    written = json.loads(files["s.json"].read_text())
    assert [Path(p["image"]).name for p in written["pictures"]] == [*(f"{i:05}.png" for i in range(4)), "room.png"]
    assert written["pictures"][0]["source"] == "a" and written["mode"] == "stills"
    bins = written["reliability"]
    assert sum(bins["pixels"]) == 5 * SIZE * SIZE and 0 < bins["expected_calibration_error"] < 1
    assert all(cv2.imread(str(files[name])) is not None for name in ("sheet.png", "curve.png"))


def test_one_bad_mask_costs_its_own_score_alone(run: Path, pictures: Path, tmp_path: Path) -> None:
    """`train` leaves such pictures out, so that `eval` of the same folder has to come to an end."""
    cv2.imwrite(str(pictures.parent / "masks" / "00001.png"), disc(32)[::2, ::2])
    (pictures.parent / "images" / "00002.png").write_bytes(b"junk")
    with pytest.raises(DataError, match=r"^2 of 5 pictures can't be used, and are in none of the figures:") as e:
        call("eval", run, pictures, "--json", tmp_path / "s.json", "--sheet", tmp_path / "sheet.png")
    assert "00001.png is 32x32, its picture" in str(e.value) and "00002.png: not a picture" in str(e.value)
    written = json.loads((tmp_path / "s.json").read_text())
    assert [Path(p["image"]).name for p in written["pictures"]] == ["00000.png", "00003.png", "room.png"]
    assert len(written["failed"]) == 2 and (tmp_path / "sheet.png").is_file()


def test_without_a_usable_picture_nothing_is_written(run: Path, pictures: Path, tmp_path: Path) -> None:
    for image in [*(pictures.parent / "images").iterdir(), pictures.parent / "room.png"]:
        image.write_bytes(b"junk")
    with pytest.raises(DataError, match=r"^5 of 5 pictures can't be used"):
        call("eval", run, pictures, "--json", tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists()


def test_the_sheet_begins_with_the_worst(tmp_path: Path) -> None:
    worst = WorstTiles(2)
    label = disc(32)
    for iou, shade in ((0.9, 90), (0.2, 20), (0.5, 50)):
        grey = np.full((SIZE, SIZE, 3), shade, np.uint8)
        alpha = np.zeros((SIZE, SIZE), np.float32)
        scores = Score("x", iou, iou, 0.5, 0.1, False, iou, 0.0)
        worst.look(f"{shade}.png", grey, Mask(label, "0/255", ()), alpha, scores)
    worst.write(tmp_path / "sheet.png")
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    tile_width = 4 * 192 + 6
    assert [sheet[90, x, 0] for x in (5, tile_width + 5)] == [20, 50]
    titles, captions = sheet[:16], sheet[16 + 192 :]
    for x in range(4):  # something is written over each column, and below the first
        assert titles[:, 192 * x : 192 * (x + 1)].max() > 150
    assert captions[:, :192].max() > 150 and captions.shape[0] == 16 + 6


def test_a_tile_says_which_picture_it_is_and_how_good(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    real = report.captioned
    monkeypatch.setattr(report, "captioned", lambda picture, text, c: said.append(text) or real(picture, text, c))
    sheet, grey, alpha = report.Sheet({0, 2}), np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.float32)
    mask = Mask(disc(32), "0/255", ())
    for name, empty in (("anna.jpg", False), ("skipped.jpg", False), ("room.jpg", True)):
        sheet.look(name, grey, mask, alpha, Score("x", 0.873, 0.65, 0.032, 0.1, empty, 0.9, 0.0))
    assert said == ["anna.jpg: IoU 87.3, boundary IoU 65.0", "room.jpg: nobody there, 3.2% called person"]


def test_pictures_of_no_source_are_not_told_twice(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    folder = write_pictures(tmp_path / "set", "images")
    assert list(scores_of(make_model("one"), folder)) == ["ALL"]


def test_folders_called_images_are_stills_unless_told(
    tmp_path: Path, make_model: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_pictures(tmp_path / "set", "images")
    assert not is_clip(folder)
    assert "dtssd" not in scores_of(make_model("one"), folder)["ALL"]
    assert "images/ and masks/, 4 pictures" in capsys.readouterr().out
    assert "dtssd" in scores_of(make_model("one"), folder, "--clip")["set"]


def test_a_folder_of_clips_is_scored_clip_by_clip(tmp_path: Path, make_model: Callable[..., Path]) -> None:
    for name in ("one", "two"):
        write_pictures(tmp_path / "clips" / name)
    table = scores_of(make_model("one"), tmp_path / "clips", "--clip")
    assert [(name, row["pictures"]) for name, row in table.items()] == [("one", 4), ("two", 4), ("ALL", 8)]


def test_what_is_refused(pictures: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--single-frame is for clips"):
        call("eval", run, pictures, "--single-frame")
    for option in ([], ["--clip"]):
        with pytest.raises(RtsegError, match="nothing"):
            call("eval", run, tmp_path / "nothing", *option)
    with pytest.raises(RtsegError, match="does not exist"):
        call("eval", run, pictures, "--json", tmp_path / "no" / "where.json")
