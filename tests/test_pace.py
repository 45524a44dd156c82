"""The rate of frames and the work that each gets, with made-up clocks."""

from itertools import pairwise

import pytest

from rtseg.live.pace import FULL, LEVELS, LONGEST, PATIENCE, Governor, Metronome, Point, best_within, ladder

STEPS = [Point("net", share, round(40960 * share), share) for share in LEVELS]  # one model, at five areas
TIERS = ladder(
    Point(name, share, 0, seconds * share)
    for name, seconds in (("quality", 0.02), ("balanced", 0.006), ("fast", 0.002))
    for share in (1.0, 0.75, 0.5)
)


def governor_of(fps: float = 30) -> Governor:
    return Governor(STEPS, FULL / fps)


def run(governor: Governor, seconds: float, cost: float, start: float = 0.0) -> list[float]:
    """Shares over a run in which a frame of the full area takes `cost` seconds; frames come at 30 a second."""
    shares = []
    for i in range(round(seconds * 30)):
        governor.note(cost * governor.point.share, start + i / 30)
        shares.append(governor.point.share)
    return shares


def labels(governor: Governor, seconds: float, load: float, start: float = 0.0) -> list[str]:
    """The ways of a run in which every frame takes `load` times what was measured."""
    found = []
    for i in range(round(seconds * 30)):
        governor.note(load * governor.point.seconds / governor.point.cores, start + i / 30)
        found.append(governor.point.label)
    return found


def test_enough_time_changes_nothing() -> None:
    assert set(run(governor_of(), 20, cost=0.02)) == {1.0}


def test_too_much_work_is_lowered_until_it_fits() -> None:
    shares = run(governor_of(), 3, cost=0.08)
    assert shares[0] == 1.0 and shares[-1] == 0.35 and 0.08 * shares[-1] < 1 / 30
    assert run(governor_of(), 10, cost=1.0)[-1] == LEVELS[-1]


@pytest.mark.parametrize(("slow", "share"), [(7, 1.0), (8, 0.25)])
def test_half_of_the_last_15_frames_must_have_been_slow(slow: int, share: float) -> None:
    """A machine that hiccups for a fifth of a second is no busy one."""
    governor = governor_of()
    for frame in range(20 + slow):
        governor.note(1.0 if frame >= 20 else 0.02, frame / 30)
    assert governor.point.share == share


def test_it_comes_back_when_there_is_room() -> None:
    governor = governor_of()
    run(governor, 3, cost=0.08)
    assert run(governor, 60, cost=0.01, start=3)[-1] == 1.0


def test_a_ladder_has_only_what_is_worth_it() -> None:
    """`fast` at its own area costs more than `balanced` at half of it here: nobody should be sent there."""
    points = [Point("balanced", s, 0, 0.01 * s) for s in (1.0, 0.5)] + [
        Point("fast", s, 0, 0.006 * s) for s in (1, 0.5)
    ]
    assert [p.label for p in ladder(points)] == ["balanced", "balanced 50%", "fast 50%"]


@pytest.mark.parametrize(
    ("allowed", "label"),
    [
        (1.0, "quality"),
        (0.02, "quality"),
        (0.0199, "quality 75%"),
        (0.0099, "balanced"),
        (0.0021, "fast"),
        (0, "fast 50%"),
    ],
)
def test_the_best_within_a_budget(allowed: float, label: str) -> None:
    assert TIERS[best_within(TIERS, allowed)].label == label


def test_a_busy_machine_takes_a_cheaper_tier_and_a_free_one_the_better_again() -> None:
    governor = Governor(TIERS, 0.5 / 30, level=1)
    assert set(labels(governor, 20, load=1.05)) == {"quality 75%"}
    busy = labels(governor, 2, load=3, start=20)
    assert set(busy) == {"quality 75%", "balanced 75%"} and busy[14] == "balanced 75%", "at once, not tier by tier"
    free = labels(governor, 30, load=1.05, start=22)
    assert free[round(30 * PATIENCE) - 1] == "balanced 75%" and free[-1] == "quality 50%"
    assert set(labels(governor, 10, load=0.8, start=52)) >= {"quality 75%"}


def test_all_cores_that_are_busy_count() -> None:
    """On four cores a frame is quickly done, and takes as much of the processor."""
    steps = [Point("quality", 1.0, 0, 0.04, cores=4), Point("balanced", 1.0, 0, 0.01, cores=4)]
    assert labels(Governor(steps, 0.5 / 30, level=1), 60, load=1) == ["balanced"] * 1800
    assert labels(Governor(steps, 0.5 / 30), 1, load=1)[-1] == "balanced"


def test_patience_has_an_end() -> None:
    """However often more was tried in vain, some minutes of room are enough."""
    governor = Governor(STEPS[:2], 0.03)
    for start in range(0, 100 * 1000, 1000):
        run(governor, 1, cost=0.05, start=start)
        assert run(governor, LONGEST + 2, cost=0.01, start=start + 1)[-1] == 1.0


def test_the_room_has_to_last() -> None:
    """Two seconds of it, too little for long, and two seconds more are no three seconds."""
    governor = Governor(STEPS[:2], 0.03)
    assert run(governor, 1, cost=0.05)[-1] == 0.75
    for start, seconds, cost in ((1, 2, 0.01), (3, 5, 0.028), (8, 2, 0.01)):
        assert run(governor, seconds, cost, start)[-1] == 0.75
    assert run(governor, 3, cost=0.01, start=10)[-1] == 1.0


def test_it_does_not_swing() -> None:
    governor, start, changes = governor_of(), 0.0, 0
    for _ in range(120):  # two minutes: full area just too slow, the next one with room to spare
        shares = run(governor, 1, cost=0.0305 if governor.level == 0 else 0.02, start=start)
        changes += sum(a != b for a, b in pairwise(shares))
        start += 1
    assert changes <= 11


def test_the_metronome_keeps_its_rate() -> None:
    metronome, now, times = Metronome(25), 100.0, []
    for work in [0.0, 0.01, 0.03, 0.2, 0.0, 0.0, 0.01, 0.01]:
        now += metronome.wait(now)
        times.append(now)
        now += work
    gaps = [b - a for a, b in pairwise(times)]
    assert all(abs(gap - 0.04) < 1e-9 for gap in gaps[:3])
    assert abs(gaps[3] - 0.2) < 1e-9
    assert sum(gaps[4:]) >= 2 * 0.04, "a late frame is made up for by no more than one"


def test_a_frame_that_is_a_little_late_does_not_move_the_beat() -> None:
    """Or the rate would fall with every slip; of a long stop one frame is made up for."""
    metronome = Metronome(25)
    assert [metronome.wait(now) for now in (100.0, 100.05, 100.06)] == pytest.approx([0, 0, 0.02])
    assert [metronome.wait(now) for now in (101.0, 101.0, 101.0)] == pytest.approx([0, 0, 0.04])
