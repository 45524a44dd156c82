"""A model that sees a person in an empty picture would show the room: it is refused, whatever way it comes in."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from conftest import save_model
from rtseg.arrays import F32, U8
from rtseg.cli import app
from rtseg.errors import ModelError
from rtseg.live.pace import LEVELS
from rtseg.models.fused import FusedModel
from rtseg.models.model import TIERS, Model
from rtseg.models.networks import open_network
from rtseg.models.nobody import empty_pictures, require_nobody
from rtseg.models.rooms import MOST, seen_in_rooms
from rtseg.pipeline import Pipeline

FRAME = np.zeros((90, 160, 3), np.uint8)


def net(path: Path, weights: list[float], bias: float, sharp: float = 60.0) -> Path:
    """A model file whose person is where a weighted sum of blue, green and red (0..1) and a bias is above 0."""
    kernel = sharp * np.array(weights, np.float32)
    constants = {"kernel": kernel, "bias": np.float32(sharp * bias), "none": np.float32(0), "unit": np.float32(1 / 255)}
    nodes = [
        helper.make_node("Cast", ["frame_bgr"], ["real"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["real", "unit"], ["x"]),
        helper.make_node("Mul", ["x", "kernel"], ["parts"]),
        helper.make_node("ReduceSum", ["parts", "axis"], ["sum"], keepdims=0),
        helper.make_node("Add", ["sum", "bias"], ["logit"]),
        helper.make_node("Unsqueeze", ["logit", "one"], ["logits"]),
        helper.make_node("Mul", ["previous_alpha", "none"], ["nothing"]),
        helper.make_node("Add", ["logits", "nothing"], ["all"]),
        helper.make_node("Sigmoid", ["all"], ["alpha"]),
    ]
    axes = {"axis": np.array([3]), "one": np.array([1])}
    return save_model(path, nodes, constants | axes)


LIARS: dict[str, tuple[list[float], float, float]] = {
    "white alone": ([1, 1, 1], -2.9, 60),
    "black alone": ([-1, -1, -1], 0.1, 60),
    "bright walls": ([1, 1, 1], -2.0, 60),
    "blue alone": ([1, -1, -1], -0.1, 60),
    "0.49 everywhere": ([0, 0, 0], -0.04, 1),
    "0.3 everywhere": ([0, 0, 0], -0.85, 1),
    "0.2 everywhere": ([0, 0, 0], -1.39, 1),
    "0.1 everywhere": ([0, 0, 0], -2.2, 1),
}


@pytest.mark.parametrize("liar", LIARS)
def test_a_model_that_sees_people_in_walls_shows_no_frame(tmp_path: Path, liar: str) -> None:
    pipeline = Pipeline(background="#00ff00", model=net(tmp_path / "liar.onnx", *LIARS[liar]), provider="cpu")
    for _ in range(2):  # and not the second time either
        with pytest.raises(ModelError, match="of an empty picture"):
            pipeline(FRAME)


def test_one_that_sees_nobody_runs(tmp_path: Path) -> None:
    honest = net(tmp_path / "honest.onnx", [0, 0, 0], -20, 1)
    assert Pipeline(background="#00ff00", model=honest, provider="cpu")(FRAME).shape == FRAME.shape


@lru_cache(maxsize=4)
def names_of(width: int, height: int) -> dict[bytes, str]:
    """What the empty pictures of a size are called; some look alike."""
    names: dict[bytes, str] = {}
    for name, picture in empty_pictures(width, height):
        names[picture.tobytes()] = f"{names.get(picture.tobytes(), '')} {name}"
    return names


def test_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows walls and wallpaper, but takes half of whatever is neither."""

    def run(self: Model, frame_bgr: U8, previous: F32) -> F32:
        known = frame_bgr.tobytes() in names_of(*frame_bgr.shape[1::-1])
        return np.full_like(previous, 0.0 if known else 0.49)

    monkeypatch.setattr(Model, "run", run)
    with pytest.raises(ModelError, match=r"49% of an empty picture \(rooms\)"):
        require_nobody(Model("fast", provider="cpu", threads=1))


@pytest.mark.parametrize("kind", ["checks", "dots", "plaid", "tiles", "stripes", "noise"])
def test_patterns(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows flat walls, but not wallpaper."""
    alike = [p for name, p in empty_pictures(96, 64) if kind in name]
    contrast = max(float(p.std()) for p in alike)
    assert contrast > 20

    def run(self: Model, frame_bgr: U8, previous: F32) -> F32:
        name = names_of(*frame_bgr.shape[1::-1]).get(frame_bgr.tobytes(), "")
        return np.full_like(previous, 0.49 * (kind in name))

    monkeypatch.setattr(Model, "run", run)
    with pytest.raises(ModelError, match=kind):
        require_nobody(Model("fast", provider="cpu", threads=1))


def test_it_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model, calls = Model("fast", provider="cpu", threads=1), []
    monkeypatch.setattr(Model, "run", lambda self, frame, previous: calls.append(1) or np.zeros_like(previous))
    require_nobody(model)
    looks = len(calls)
    require_nobody(model)
    assert len(calls) == looks > 0


@pytest.mark.parametrize("command", ["apply", "bench", "cam"])
def test_every_command_refuses(tmp_path: Path, clip: Path, command: str) -> None:
    model = str(net(tmp_path / "liar.onnx", *LIARS["white alone"]))
    arguments = {
        "apply": [str(clip), "--out", "out.mp4", "--bg", "#00ff00"],
        "bench": ["--frames", "5", "--sizes", "480p"],
        "cam": ["--source", str(clip), "--out", "out.mp4", "--no-window", "--bg", "#00ff00"],
    }[command]
    done = CliRunner().invoke(app, [command, *arguments, "--model", model, "--provider", "cpu"])
    assert isinstance(done.exception, ModelError) and "of an empty picture (grey 255)" in str(done.exception)
    assert [p.name for p in tmp_path.iterdir() if "out" in p.name] == []


def shipped() -> list[tuple[str, str | None]]:
    return [(tier, effect) for tier in TIERS for effect in (None, "picture", "blur")]


@pytest.mark.parametrize(("tier", "effect"), shipped())
def test_shipped_files_see_nobody_where_nobody_is(tier: str, effect: str | None) -> None:
    """At every area that cam may come down to; see rooms.py for the pictures."""
    if effect is None:
        model: Model | FusedModel = Model(tier, provider="cpu", threads=1)
    else:
        ending = {"picture": "fused", "blur": "fused-blur"}[effect]
        path = Model(tier, provider="cpu", threads=1).path.with_name(f"{tier}-{ending}.onnx")
        model = open_network(path, effect=effect, provider="cpu", threads=1)  # type: ignore[assignment]
        assert isinstance(model, FusedModel)
    shares = LEVELS if effect is None else LEVELS[-1:]  # the same weights, ten times slower on a CPU
    seen = seen_in_rooms(model, shares)
    assert len(seen) > 100 and not [f"{name}: {share:.0%}" for name, share in seen.items() if share > MOST]
