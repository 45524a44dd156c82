"""The rate of frames and the work that each gets, with made-up clocks."""

from itertools import pairwise

from rtseg.live.pace import LEVELS, Governor, Metronome


def run(governor: Governor, seconds: float, cost: float, start: float = 0.0) -> list[float]:
    """Shares over a run in which a frame of the full area takes `cost` seconds; frames come at 30 a second."""
    shares = []
    for i in range(round(seconds * 30)):
        governor.note(cost * governor.share, start + i / 30)
        shares.append(governor.share)
    return shares


def test_enough_time_changes_nothing() -> None:
    assert set(run(Governor(30), 20, cost=0.02)) == {1.0}


def test_too_much_work_is_lowered_until_it_fits() -> None:
    shares = run(Governor(30), 3, cost=0.08)
    assert shares[0] == 1.0 and shares[-1] == 0.35 and 0.08 * shares[-1] < 1 / 30
    assert run(Governor(30), 10, cost=1.0)[-1] == LEVELS[-1]


def test_it_comes_back_when_there_is_room() -> None:
    governor = Governor(30)
    run(governor, 3, cost=0.08)
    assert run(governor, 60, cost=0.01, start=3)[-1] == 1.0


def test_it_does_not_swing() -> None:
    governor, start, changes = Governor(30), 0.0, 0
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
