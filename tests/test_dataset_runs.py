"""Runs on a folder of pictures: a look at them first, settings from a file, resuming, the article's recipe."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from rtseg.errors import DataError
from rtseg_train import article
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.dataset import Pair
from rtseg_train.loop import fit
from test_dataset import as_the_article, images_and_masks
from tiny_runs import bust, call

SMALL = ("--steps=2", "--frozen-steps=1", "--batch=2", "--area=2048", "--max-area=2048", "--workers=0", "--threads=1")


def test_check_and_show_batch_draw_and_do_not_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, run = images_and_masks(tmp_path / "data", "abcde"), tmp_path / "run"
    cv2.imwrite(str(folder / "masks" / "e.png"), 255 - bust())
    call("train", str(folder), "--out", str(run), "--check")
    assert {p.name for p in run.iterdir()} == {"data.json", "data.png"}
    found = json.loads((run / "data.json").read_text())
    assert len(found["training"]) == 4 and len(found["validation"]) == 1
    assert found["training"][-1]["doubts"] == ["looks inverted"]
    sheet = cv2.imread(str(run / "data.png"))
    assert sheet is not None and np.all(sheet == (0, 255, 0), axis=2).any()
    call("train", str(folder), "--out", str(run), "--show-batch", *SMALL)
    assert cv2.imread(str(run / "batch.png")) is not None and not (run / "state.safetensors").exists()
    assert "batch.png" in capsys.readouterr().out


def tiny(folder: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {"steps": 2, "frozen_steps": 1, "batch": 2, "area": 2048, "max_area": 2048}
    values |= {"workers": 0, "threads": 1, "warmup": 1, "checkpoint_every": 1, "init": "scratch", **settings}
    return TrainConfig(train=str(folder), **values)  # type: ignore[arg-type]


def test_show_batch_has_a_batch_of_pairs(tmp_path: Path) -> None:
    from rtseg_train.preview import draw_batches
    from rtseg_train.runs import first_batches

    data = TrainBatches(tiny(images_and_masks(tmp_path), steps=60, seed=3))
    list(data.preload())
    paired = [step for step in range(60) if data[step][-1]]
    assert paired[0] > 2, "another seed: this one shall have none among the first"
    batches = first_batches(data)
    assert list(batches) == [0, 1, paired[0]]
    draw_batches(batches, tmp_path / "batch.png")
    assert cv2.imread(str(tmp_path / "batch.png")) is not None


def test_a_run_on_a_folder_resumes_only_with_the_same_pictures(tmp_path: Path) -> None:
    folder, run = images_and_masks(tmp_path / "data", "abcdef"), tmp_path / "run"
    (folder / "images" / "b.jpg").write_text("not a picture")
    fit(tiny(folder), run)
    config = TrainConfig.load(run / "config.json")
    assert config.train == str(folder)
    fit(config, run, resume=True)
    whole = (folder / "masks" / "c.png").read_bytes()
    (folder / "masks" / "c.png").write_text("not a picture")
    with pytest.raises(DataError, match=r"not those[\s\S]*gone: .*c\.jpg[\s\S]*--init"):
        fit(config, run, resume=True)
    (folder / "masks" / "c.png").write_bytes(whole)
    fit(config, run, resume=True)


def test_settings_from_a_file_give_way_to_options(tmp_path: Path) -> None:
    folder, recipe = images_and_masks(tmp_path / "data"), tmp_path / "recipe.json"
    recipe.write_text('{"train": "elsewhere", "steps": 9, "seed": 5, "lr": 1, "val": "none"}')
    call("train", str(folder), "--config", str(recipe), "--out", str(tmp_path / "run"), *SMALL, "--init", "scratch")
    saved = TrainConfig.load(tmp_path / "run" / "config.json")
    assert (saved.train, saved.steps, saved.seed, saved.lr, saved.val) == (str(folder), 2, 5, 1, "none")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the settings"),
        ("[1]", "holds no settings"),
        ('{"colour": 1}', "recipe.json: colour is not a training setting; known are val, "),
        ('{"step": 5}', "step is not a training setting; did you mean steps?"),
        ('{"steps": "many"}', 'steps is "many"; give a whole number'),
        ('{"steps": true}', "steps is true; give a whole number"),
        ('{"weight_decay": Infinity}', "weight_decay is inf; give a number"),
        ('{"steps": ' + "[" * 100_000, "nests more than 32 levels"),
        ('{"steps": ' + "[" * 40 + "]" * 40 + "}", "nests more than 32 levels"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(DataError, match=message):
        call("train", str(tmp_path), "--config", str(tmp_path / "recipe.json"))


def test_the_articles_recipe_gets_what_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = as_the_article(tmp_path / "data")
    (folder / "training" / "00001.png").write_text("not a picture")
    given: list[tuple[int, int, int, int]] = []

    # The recipe itself takes a GPU; tests/test_article.py runs it small.
    def recipe(train: list[Pair], test: list[Pair], out: Path, *, epochs: int, seed: int, **_: object) -> Path:
        given.append((len(train), len(test), epochs, seed))
        return out / "model.safetensors"

    monkeypatch.setattr(article, "train_article", recipe)
    call("train", str(folder), "--preset", "article", "--out", str(tmp_path / "run"), "--epochs", "2")
    assert given == [(3, 2, 2, 2021)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "article", "--steps", "3", "--lr", "1"], "leave out --lr, --steps"),
        (["--preset", "article", "--show-batch"], "leave out --show-batch"),
        (["--epochs", "3"], "--epochs: only with --preset article; this training counts steps"),
        (["--size", "128"], "--size: only with --preset article; here it is --area"),
        (["--width", "16"], "--width: only with --preset article"),
        (["--resume", "run", "--check", "--strict"], "leave out DATA, --check, --strict"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        call("train", str(tmp_path), *options)


@pytest.mark.parametrize(
    "break_it", [lambda f: (f / "masks" / "b.png").unlink(), lambda f: (f / "masks" / "b.png").write_text("x")]
)
def test_strict_refuses(tmp_path: Path, break_it: Callable[[Path], object]) -> None:
    folder = images_and_masks(tmp_path / "data")
    break_it(folder)
    with pytest.raises(DataError, match=r"--strict refuses[\s\S]*b\."):
        call("train", str(folder), "--strict", "--out", str(tmp_path / "run"), *SMALL)
    assert not (tmp_path / "run" / "state.safetensors").exists()
