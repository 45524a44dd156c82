"""What the trainer and the exporter write, where, and with what permissions; and a disk that is full."""

import os
from pathlib import Path

import pytest
import typer

from rtseg.errors import OutputError
from rtseg_export import cli as exporting
from rtseg_train import cli as training
from rtseg_train.checkpoint import save_weights
from rtseg_train.unet import UNet
from tiny_runs import write_pictures


def test_the_trainers_files(tmp_path: Path) -> None:
    """Each of these would have written over what it reads."""
    pictures = write_pictures(tmp_path)
    save_weights(UNet().eval(), Path("model.safetensors"), {"name": "x", "arch": "balanced", "area": 4096})
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
        (training.app, "tune", "--video", "0.jpg", "--model", "model.safetensors", "--out", "."),
        (exporting.app, "export", "model.safetensors", "--json", "model.json"),
        (exporting.app, "export", "model.safetensors", "--out", "x.onnx", "--json", "./x.onnx"),
        (exporting.app, "export", "model.safetensors", "--frames", pictures, "--json", "sheet.png"),
    ):
        with pytest.raises(OutputError, match=r"itself|same file"):
            typer.main.get_command(app).main(args=[str(a) for a in arguments], standalone_mode=False)
        assert {name: Path(name).read_bytes() for name in os.listdir() if Path(name).is_file()} == before, arguments
        assert os.listdir("linked") == ["data.png"] and os.listdir("settings") == ["config.json"]
