"""What auto takes on machines fast and slow, and how it goes from one tier to another while frames run."""

import numpy as np
import pytest

from rtseg.commands.bench import auto_choices
from rtseg.errors import ModelError
from rtseg.files import ASSETS
from rtseg.live import choice as choice_module
from rtseg.live import pace
from rtseg.live.choice import Budget, budget_for, choose
from rtseg.models.fused import FusedModel
from rtseg.models.model import TIERS
from rtseg.paths.cuda import CudaPath
from rtseg.pipeline import Pipeline
from rtseg.pixels.geometry import scaled
from rtseg.pixels.matte import SURE
from tiers import AREAS, Machine, stand_in

U8 = np.ndarray
SIZE = (640, 360)


@pytest.mark.parametrize(
    ("slowness", "taken"),
    [
        (0.1, "quality"),  # of the 16.7 ms that are half of a core at 30 fps this takes 2.5, one step takes
        (0.6, "quality"),
        (0.8, "quality 75%"),
        (1.2, "quality 50%"),
        (3.0, "balanced"),
        (9.0, "fast"),
        (100.0, "fast 50%"),  # too much, and nothing takes less
    ],
)
def test_the_best_that_leaves_half_of_a_core(monkeypatch: pytest.MonkeyPatch, slowness: float, taken: str) -> None:
    machine = Machine(slowness)
    stand_in(monkeypatch, machine)
    pipeline = Pipeline(background="#00ff00", model="quality")
    choice = choose(pipeline, *SIZE, Budget(30), machine.clock)
    assert choice.point.label == taken
    assert (pipeline.model.info.name, pipeline.area) == (choice.point.name, choice.point.area)
    fits = choice.point.seconds <= 0.5 / 30
    assert fits == (slowness < 100) and ("too much" in str(choice)) != fits
    assert choice.tiers["fast"].seconds == pytest.approx(slowness * 50e-9 * 192 * 96, rel=0.3)


@pytest.mark.parametrize(("slowness", "opened"), [(100.0, ["fast"]), (40.0, ["fast"]), (30.0, ["fast", "balanced"])])
def test_what_can_not_be_reached_is_not_even_opened(
    monkeypatch: pytest.MonkeyPatch, slowness: float, opened: list[str]
) -> None:
    """Nor is what follows on one that takes more than twice what it may: here 0.9 ms times the slowness, of 16.7."""
    machine = Machine(slowness)
    stand_in(monkeypatch, machine)
    choice = choose(Pipeline(background="#00ff00", model="fast"), *SIZE, Budget(30), machine.clock)
    assert machine.opened == opened and sorted(choice.tiers) == sorted(opened)


@pytest.mark.parametrize(("smaller", "least"), [(0.02, 0.01), (0.001, 0.0025)])
def test_a_measurement_that_can_not_be_foretells_nothing_that_can_not_be(
    monkeypatch: pytest.MonkeyPatch, smaller: float, least: float
) -> None:
    """Half the pixels do not take longer than all, nor a tenth of the time: a quarter of them takes a quarter."""
    machine = Machine(1.0)
    stand_in(monkeypatch, machine)
    spent = iter([0.01, smaller])
    monkeypatch.setattr(choice_module, "timed", lambda work, clock: (next(spent), 1.0))
    points = choice_module.measure(Pipeline(background="#00ff00", model="quality"), "quality", *SIZE, machine.clock)
    assert points[0].seconds == 0.01 and points[-1].seconds == pytest.approx(least, rel=0.2)
    assert all(point.seconds <= 0.01 for point in points)


def test_a_rate_that_was_asked_for_may_have_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the wall, however many cores work; half of a core counts them all."""
    machine = Machine(1.0, cores=3)
    stand_in(monkeypatch, machine)
    labels = [
        choose(Pipeline(background="#00ff00", model="quality"), *SIZE, budget, machine.clock).point.label
        for budget in (budget_for(60), budget_for(60, asked=60))
    ]
    assert labels == ["balanced", "quality"]


@pytest.mark.parametrize(
    ("rate", "asked", "milliseconds"),
    [(30, None, 16.7), (15, None, 33.3), (90_000, None, 8.3), (0, None, 16.7), (np.nan, None, 16.7), (30, 20, 45.0)],
)
def test_rates(rate: float, asked: float | None, milliseconds: float) -> None:
    assert 1e3 * budget_for(rate, asked).allowed == pytest.approx(milliseconds, rel=0.01)


def test_a_rest_is_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(3.0)
    stand_in(monkeypatch, machine)
    pipeline = Pipeline(background="#00ff00", model="quality")
    pipeline.save_power = True
    assert choose(pipeline, *SIZE, Budget(30), machine.clock).point.label == "balanced"
    assert pipeline.save_power and (pipeline.processed, pipeline.skipped) == (0, 0)


@pytest.mark.parametrize("bad", TIERS)
def test_a_tier_that_would_show_the_room_is_refused(monkeypatch: pytest.MonkeyPatch, bad: str) -> None:
    machine = Machine()
    stand_in(monkeypatch, machine, lambda name: 1.0 if name == bad else 0.0)
    with pytest.raises(ModelError, match="it would show your room"):
        choose(Pipeline(background="#00ff00", model="quality"), *SIZE, Budget(30), machine.clock)


@pytest.mark.usefixtures("unchecked")
def test_another_model_is_told_of_the_last_frame(monkeypatch: pytest.MonkeyPatch, demo_frames: list[U8]) -> None:
    tiers = stand_in(monkeypatch, Machine(), lambda name: {"balanced": 0.6, "fast": 0.55}[name])
    pipeline = Pipeline(background="#00ff00", model="balanced")
    for _ in range(2):
        pipeline(demo_frames[0])
    before = pipeline.alpha.copy()
    pipeline.use("fast")
    np.testing.assert_array_equal(pipeline.alpha, before)  # still that of the last frame
    pipeline(demo_frames[0])
    told = tiers["fast"].told[-1]
    assert told.shape == (96, 192) and np.median(told) == pytest.approx(0.5 + 0.1 * SURE)
    pipeline.use("balanced", area=20_480)
    pipeline(255 - demo_frames[0])  # a cut: nothing of it counts
    assert tiers["balanced"].told[-1].shape == (96, 192) and not tiers["balanced"].told[-1].any()
    pipeline.use("fast")
    pipeline.reset()
    pipeline(demo_frames[0])
    assert not tiers["fast"].told[-1].any()


def test_nothing_jumps_where_the_tier_changes(demo_frames: list[U8]) -> None:
    """A still picture: what changes is less than with a model that has to begin anew."""
    pipeline = Pipeline(background="#00ff00", provider="cpu", threads=1)
    for _ in range(6):
        pipeline(demo_frames[0])
    before = pipeline.alpha.copy()
    changes = []
    for forget in (False, True):
        pipeline.use("fast")
        if forget:
            pipeline.reset()
        pipeline(demo_frames[0])
        changes.append(float(np.abs(pipeline.alpha - before).mean()))
        pipeline.use("balanced")
        for _ in range(6):
            pipeline(demo_frames[0])
    assert changes[0] < changes[1] and changes[0] < 0.02


def test_a_fused_graph_of_another_size_is_told_too(demo_frames: list[U8]) -> None:
    model = FusedModel(ASSETS / "fast-fused.onnx", provider="cpu")
    (height, width), background = demo_frames[0].shape[:2], np.zeros_like(demo_frames[0])
    first, second = (CudaPath(model, width, height, area) for area in (20_480, 10_240))
    assert first.memory is None
    first.composite(demo_frames[0], background, 0.0)
    memory = first.memory
    assert memory is not None
    second.remember(memory)
    again = second.memory
    assert again is not None
    np.testing.assert_allclose(again[0], scaled(first.network_alpha, second.size))
    second.forget()
    assert second.memory is None


def auto_pipeline(monkeypatch: pytest.MonkeyPatch, machine: Machine, answer: object = lambda _: 0.0) -> Pipeline:
    """A green one on a machine whose clock is as slow as it is."""
    stand_in(monkeypatch, machine, answer)  # type: ignore[arg-type]
    monkeypatch.setattr(choice_module, "now", machine.clock)
    monkeypatch.setattr(pace, "PATIENCE", 0.2)
    monkeypatch.setattr(pace, "RECENT", 5)
    return Pipeline(background="#00ff00", model="quality")


def test_bench_asks_for_every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(3.0)
    auto_pipeline(monkeypatch, machine)
    choices = auto_choices(["480p", "1080p"], None, "cpu")
    reports = {size: choice.report() for size, choice in choices.items() if choice}
    assert {r["model"] for r in reports.values()} == {"balanced"} and reports["480p"]["allowed_ms"] == 16.667
    assert set(reports["1080p"]["tiers_ms"]) == set(TIERS) and reports["1080p"]["area"] == AREAS["balanced"]


def test_a_library_has_no_rate_to_choose_by() -> None:
    with pytest.raises(ModelError, match=r"chosen by `rtseg cam`.*one of quality, balanced, fast"):
        Pipeline(model="auto")


@pytest.mark.parametrize(("name", "meant"), [("balancd", "balanced"), ("qualty", "quality"), ("atuo", "auto")])
def test_a_name_that_is_none_is_told_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(ModelError, match=f"did you mean {meant}"):
        Pipeline(model=name)
