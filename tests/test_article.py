"""The article's recipe on tiny pictures with a narrow net: it learns, it leaves what it promises, it stops cleanly."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import typer
from torch.utils.data import DataLoader

from rtseg.errors import DataError
from rtseg.models.model import Model
from rtseg_export.export import export
from rtseg_train import article
from rtseg_train.article import Pictures, train_article
from rtseg_train.article_results import draw_predictions, load_net, predict_mask
from rtseg_train.checkpoint import load_weights
from rtseg_train.classes import VOID, Person
from rtseg_train.classic import ClassicUNet
from rtseg_train.cli import app
from rtseg_train.dataset import Pair
from rtseg_train.masks import read_pair

WIDTHS = (8, 8, 8, 8, 8)
SIZE = 32
pytestmark = pytest.mark.usefixtures("threads")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    """Bright ellipses on dark noise, 80 wide and 60 high; masks with a broad dark rim, which is person too."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    made = []
    for i in range(10):
        image = rng.integers(0, 80, (60, 80, 3), np.uint8)
        rim, core = np.zeros((2, 60, 80), np.uint8)
        for part, axes, value in ((rim, (14, 35), 40), (core, (10, 31), 255)):
            cv2.ellipse(part, (25 + 3 * i, 50), axes, 0, 0, 360, value, -1)
        mask = np.maximum(rim, cv2.GaussianBlur(core, (0, 0), 1))  # soft, or its few numbers would be classes
        image[mask > 0] = (60, 150, 230)
        pair = Pair("all", folder / f"{i}.png", folder / f"{i}_matte.png")
        cv2.imwrite(str(pair.image), image)
        cv2.imwrite(str(pair.mask), mask)
        made.append(pair)
    return made


def train(pairs: list[Pair], folder: Path, epochs: int = 2, batch: int = 2, again: int = 1) -> Path:
    """On the first seven pictures, each shown `again` times an epoch; tested on the rest."""
    settings = {"epochs": epochs, "batch": batch, "size": SIZE, "workers": 0, "threads": 1}
    return train_article(again * pairs[:7], pairs[7:], folder, widths=WIDTHS, **settings)


@pytest.fixture(scope="module")
def finished(pairs: list[Pair], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of a whole run."""
    return train(pairs, tmp_path_factory.mktemp("runs") / "whole", epochs=6, batch=1, again=4)


def read_log(folder: Path) -> list[dict[str, float]]:
    with (folder / "log.csv").open(newline="") as f:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(f)]


def stop_in_epoch(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """End the run as by Ctrl-C, one picture into the epoch."""
    real, seen = article.read_classes, []

    def read(pair: Pair) -> object:
        seen.append(pair)
        if len(seen) > 10 * number + 1:  # all ten are read once before the first epoch
            raise KeyboardInterrupt
        return real(pair)

    monkeypatch.setattr(article, "read_classes", read)


def test_a_run_leaves_what_an_article_shows(finished: Path) -> None:
    names = {p.name for p in finished.parent.iterdir()}
    assert names == {"model.safetensors", "model.json", "log.csv", "curves.png", "predictions.png"}
    heights = [cv2.imread(str(finished.parent / name)).shape[0] for name in ("curves.png", "predictions.png")]
    assert heights[1] > 3 * heights[0]  # six rows of pictures


def test_it_learns(finished: Path) -> None:
    log = read_log(finished.parent)
    assert [row["epoch"] for row in log] == list(range(1, 7))
    assert log[-1]["train_loss"] < 0.5 * log[0]["train_loss"]
    assert log[-1]["test_loss"] < 0.5 * log[0]["test_loss"]
    assert log[-1]["test_accuracy"] > 0.95


def test_one_line_per_epoch(pairs: list[Pair], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(pairs, tmp_path / "run")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    assert len(lines) == 2 and lines[1].startswith("epoch 2/2  train loss ")
    assert f"test loss {read_log(tmp_path / 'run')[1]['test_loss']:.4f}" in lines[1]


def test_the_learning_rate_falls_after_seven_epochs(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates = []

    def run_epoch(*args: object) -> tuple[float, float]:
        if len(args) == 4:
            optimiser = args[3]
            assert isinstance(optimiser, torch.optim.Adam)
            optimiser.step()  # torch warns when a schedule moves before its optimiser
            rates.append(optimiser.param_groups[0]["lr"])
        return 0.0, 1.0

    monkeypatch.setattr(article, "run_epoch", run_epoch)
    train(pairs, tmp_path / "run", epochs=8)
    assert rates == pytest.approx([1e-3] * 7 + [1e-4])


def test_samples_are_squashed_scaled_and_binary(pairs: list[Pair]) -> None:
    image, mask = Pictures(pairs, SIZE)[0]
    assert image.shape == (3, SIZE, SIZE) and image.dtype == torch.float32
    assert mask.shape == (SIZE, SIZE) and mask.dtype == torch.int64
    assert mask.unique().tolist() == [0, 1]
    red, _, blue = image[:, mask == 1].mean(1).tolist()
    assert red == pytest.approx(230 / 255, abs=0.05) and blue == pytest.approx(60 / 255, abs=0.05)
    truth = cv2.imread(str(pairs[0].mask), cv2.IMREAD_GRAYSCALE)
    assert mask.float().mean().item() == pytest.approx(np.mean(truth > 0), abs=0.02)


def test_void_is_neither_learned_from_nor_scored(pairs: list[Pair], tmp_path: Path) -> None:
    numbers = cv2.imread(str(pairs[0].mask), cv2.IMREAD_GRAYSCALE)
    classes = np.where(numbers == 255, 15, np.where(numbers > 0, 255, 0)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "voc.png"), classes)
    cv2.imwrite(str(tmp_path / "void.png"), np.full_like(classes, 255))
    voc, void = (
        Pair("all", pairs[0].image, tmp_path / f"{name}.png", None, Person.of("15")) for name in ("voc", "void")
    )
    image, mask = Pictures([voc], SIZE)[0]
    assert mask.unique().tolist() == [0, 1, VOID]
    assert (mask == VOID).float().mean().item() == pytest.approx(np.mean(classes == 255), abs=0.02)
    torch.manual_seed(0)
    net, known = ClassicUNet(WIDTHS).eval(), mask != VOID
    with torch.no_grad():
        said = net.classes(image[None])[0].permute(1, 2, 0)[known]
    loss, right = article.run_epoch(net, DataLoader(Pictures([voc, void], SIZE)), lambda: None)
    assert loss == pytest.approx(torch.nn.functional.cross_entropy(said, mask[known]).item(), rel=1e-4)
    assert right == pytest.approx((said.argmax(1) == mask[known]).float().mean().item())
    nothing = article.run_epoch(
        net, DataLoader(Pictures([void], SIZE)), lambda: None, torch.optim.Adam(net.parameters())
    )
    assert nothing[0] == 0, "no pixel with a class: nothing learned, and no loss that is not finite"


def test_same_seed_same_weights(pairs: list[Pair], tmp_path: Path) -> None:
    first, second = (train(pairs, tmp_path / name, epochs=1).read_bytes() for name in "ab")
    assert first == second


def test_predicts_a_picture_at_its_own_size(finished: Path, pairs: list[Pair]) -> None:
    image, truth = read_pair(pairs[8])
    net, size = load_net(finished)
    mask = predict_mask(net, image, size)
    assert mask.shape == (60, 80) and set(np.unique(mask)) == {0, 255}
    assert np.mean((mask > 0) == (truth > 0)) > 0.95


def test_predictions_are_of_the_weights_on_disk(finished: Path, pairs: list[Pair], tmp_path: Path) -> None:
    draw_predictions(finished, pairs[7:], pairs[:7], tmp_path / "again.png")
    assert (tmp_path / "again.png").read_bytes() == (finished.parent / "predictions.png").read_bytes()


@pytest.mark.parametrize("epoch", [1, 2])
def test_ctrl_c_keeps_the_last_whole_epoch(
    pairs: list[Pair],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    epoch: int,
) -> None:
    stop_in_epoch(monkeypatch, epoch)
    with pytest.raises(KeyboardInterrupt):
        train(pairs, tmp_path / "run", epochs=3)
    said = capsys.readouterr().out
    if epoch == 1:
        assert "nothing saved" in said and not list((tmp_path / "run").iterdir())
        return
    assert "model.safetensors is of epoch 1" in said and len(read_log(tmp_path / "run")) == 1
    monkeypatch.undo()
    one = train(pairs, tmp_path / "one", epochs=1)
    assert (tmp_path / "run" / "model.safetensors").read_bytes() == one.read_bytes()


def test_what_cannot_be_trained(pairs: list[Pair], finished: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("text")
    bad = Pair("all", tmp_path / "bad.png", pairs[0].mask)
    with pytest.raises(DataError, match=r"bad\.png"):
        train([*pairs, bad], tmp_path / "run")
    with pytest.raises(DataError, match="3 training and 0 test"):
        train(pairs[:3], tmp_path / "run")
    with pytest.raises(DataError, match="epochs 0"):
        train(pairs, tmp_path / "run", epochs=0)
    with pytest.raises(DataError, match="holds a run already"):
        train(pairs, finished.parent)
    with pytest.raises(DataError, match="run's folder"):
        train(pairs, tmp_path / "bad.png" / "run")


def test_a_loss_that_is_not_finite_ends_the_run(
    pairs: list[Pair], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(article, "LEARNING_RATE", 1e30)
    with pytest.raises(DataError, match=r"the loss is (nan|inf)"):
        train(pairs, tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_exports(finished: Path, pairs: list[Pair], tmp_path: Path) -> None:
    frames = [cv2.imread(str(p.image)) for p in pairs[:2]]
    made = export(finished, tmp_path / "classic.onnx", "fp32", frames, rooms=())
    assert not made.parity.failures and made.info.name == "classic" and made.info.area == SIZE * SIZE
    frame_bgr = np.ascontiguousarray(np.kron(frames[0], np.ones((2, 2, 1), np.uint8))[:96, :160])
    previous = np.zeros((96, 160), np.float32)
    alpha = Model(made.path, provider="cpu", threads=1).run(frame_bgr, previous)
    net, _ = load_weights(finished)
    with torch.inference_mode():
        wanted = torch.sigmoid(net(torch.from_numpy(frame_bgr)[None], torch.zeros(1, 1, 96, 160)))[0, 0].numpy()
    assert alpha.std() > 0.1 and np.abs(alpha - wanted).max() < 1e-3


def test_a_small_one_by_the_command_line(pairs: list[Pair], tmp_path: Path) -> None:
    words = "--preset article --epochs 1 --size 64 --batch 4 --width 2 --workers 0 --threads 1 --out"
    typer.main.get_command(app).main(
        args=["train", str(pairs[0].image.parent), *words.split(), str(tmp_path / "run")],
        prog_name="rtseg",
        standalone_mode=False,
    )
    net, notes = load_weights(tmp_path / "run" / "model.safetensors")
    assert [len(down[0].bias) for down in net.downs] == [2, 4, 8, 16, 32]  # type: ignore[union-attr, arg-type]
    assert notes["area"] == 64 * 64
