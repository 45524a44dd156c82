"""What the trainer and the exporter write, where, and with what permissions; and a disk that is full."""

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import typer

from rtseg.errors import DataError, OutputError
from rtseg_export import cli as exporting
from rtseg_train import cli as training
from rtseg_train.article import train_article
from rtseg_train.checkpoint import save_weights
from rtseg_train.config import AREAS
from rtseg_train.dataset import read_list
from rtseg_train.loop import fit
from rtseg_train.memory import NET
from rtseg_train.nets import build
from rtseg_train.run_folder import writing
from tiny_runs import tiny, write_pictures


def test_the_trainers_files(tmp_path: Path) -> None:
    """Each of these would have written over what it reads."""
    pictures = write_pictures(tmp_path)
    save_weights(build("fast"), Path("model.safetensors"), {"name": "x", "arch": "fast", "area": 4096})
    Path("settings").mkdir()
    Path("settings/config.json").write_text("{}")
    Path("linked").mkdir()
    Path("linked/data.png").symlink_to(tmp_path / "0.png")
    os.link("0.jpg", "sheet.png")
    before = {name: Path(name).read_bytes() for name in os.listdir() if Path(name).is_file()}
    for app, *arguments in (
        (training.app, "eval", "model.safetensors", pictures, "--json", "model.json"),
        (training.app, "eval", "model.safetensors", pictures, "--json", pictures),
        (training.app, "eval", "model.safetensors", pictures, "--sheet", "sheet.png"),
        (training.app, "eval", "model.safetensors", pictures, "--sheet", "x.png", "--reliability", "x.png"),
        (training.app, "train", pictures, "--check", "--out", "linked"),
        (training.app, "train", pictures, "--out", "linked", "--steps", "1"),
        (training.app, "train", pictures, "--out", ".", "--init", "model.safetensors", "--steps", "1"),
        (training.app, "train", pictures, "--out", "settings", "--config", "settings/config.json"),
        (training.app, "train", pictures, "--out", "linked", "--preset", "article"),
        (exporting.app, "export", "model.safetensors", "--json", "model.json"),
        (exporting.app, "export", "model.safetensors", "--out", "x.onnx", "--json", "./x.onnx"),
        (exporting.app, "export", "model.safetensors", "--pictures", pictures, "--json", "sheet.png"),
    ):
        with pytest.raises(OutputError, match=r"itself|same file"):
            typer.main.get_command(app).main(args=[str(a) for a in arguments], standalone_mode=False)
        assert {name: Path(name).read_bytes() for name in os.listdir() if Path(name).is_file()} == before, arguments
        assert os.listdir("linked") == ["data.png"] and os.listdir("settings") == ["config.json"]


@contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """A limit on the size of files stands for it: writes fail in the same way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_no_bug_and_keeps_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pictures = write_pictures(tmp_path / "in")
    with full_disk(500_000), pytest.raises(DataError, match=r"cannot write the run's folder run: .*[Tt]oo large"):
        fit(tiny(pictures, steps=2, frozen_steps=0, checkpoint_every=1), Path("run"))
    assert not [name for name in os.listdir("run") if name.endswith(".safetensors") or name[0] == "."]
    fit(tiny(pictures, steps=1, frozen_steps=0, checkpoint_every=1), Path("run"))
    before = Path("run/state.safetensors").read_bytes()
    modes = {stat.S_IMODE(p.stat().st_mode) for p in Path("run").iterdir()}
    assert len(modes) == 1, "the weights may be read by whoever may read the rest"
    longer = tiny(pictures, steps=2, frozen_steps=0, checkpoint_every=1)
    with full_disk(500_000), pytest.raises(DataError, match="rtseg train --resume run"):
        fit(longer, Path("run"), resume=True)
    assert Path("run/state.safetensors").read_bytes() == before
    fit(longer, Path("run"), resume=True)


def test_what_the_article_writes(tmp_path: Path) -> None:
    pairs = read_list(write_pictures(tmp_path)).pairs
    with full_disk(20_000), pytest.raises(DataError, match="cannot write the run's folder run: "), writing(Path("run")):
        train_article(pairs[:2], pairs[2:], Path("run"), epochs=1, size=32, widths=(8, 8, 8, 8, 8, 8), workers=0)
    assert [name for name in os.listdir("run") if name[0] == "."] == []


def test_every_net_has_a_figure_for_its_memory() -> None:
    assert NET.keys() == AREAS.keys()
