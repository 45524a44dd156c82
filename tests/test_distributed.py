"""Two processes, as torchrun starts them: they reach the weights of one, go on exactly and end together."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.distributed import World, check_shares, current_world
from rtseg_train.loop import fit
from rtseg_train.starting import SHIPPED
from tiny_runs import environment, options, read_log, tiny

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
FAILS_ON_THE_SECOND = """
import os
from rtseg.errors import DataError
from rtseg_train import __main__, loop

real = loop.train_step

def step(config, state, batch):
    if state.step == 3 and os.environ["RANK"] == "1":
        raise DataError("the second one's disk is gone")
    return real(config, state, batch)

loop.train_step = step
__main__.main()
"""


def config(pictures: Path, **settings: object) -> TrainConfig:
    """Both phases, half of the batches pairs; from trained weights, as fresh ones magnify every rounding."""
    values: dict[str, object] = {"steps": 4, "frozen_steps": 2, "checkpoint_every": 2, "paired": 0.5}
    return tiny(pictures, **{**values, "batch": 4, "area": 4096, "max_area": 4096, "init": None, **settings})


def torchrun(program: Sequence[str], arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    command = [*TORCHRUN, *program, *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300)


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], part: str) -> float:
    """Euclidean, over a part of the current weights and statistics."""
    names = [n for n in a if n.startswith(f"net.{part}") and b[n].dtype.is_floating_point]
    return torch.cat([(a[n] - b[n]).flatten() for n in names]).norm().item()


def test_two_processes_stop_together_and_reach_the_weights_of_one(pictures: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    settings = config(pictures)
    (tmp_path / "fails.py").write_text(FAILS_ON_THE_SECOND)
    failed = torchrun([str(tmp_path / "fails.py")], [*options(settings), "--out", str(two)])
    assert failed.returncode != 0
    errors = [line for line in failed.stderr.splitlines() if line.startswith("error: ")]
    assert errors == ["error: the second one's disk is gone"]
    assert int(load_file(two / "state.safetensors")["step"]) == 2

    resumed = torchrun(["-m", "rtseg_train"], ["--resume", str(two)])
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout.count("next: rtseg export") == 1
    fit(settings, one)
    start = {f"net.{name}": tensor for name, tensor in load_file(SHIPPED / f"{settings.arch}.safetensors").items()}
    ends = [load_file(folder / "state.safetensors") for folder in (one, two)]
    assert ends[0].keys() == ends[1].keys() and all(int(end["step"]) == 4 for end in ends)
    # The encoder's may differ more: Adam makes whole steps of a gradient that is nothing but rounding.
    for part, most in (("encoder", 0.05), ("bridge", 1e-3), ("ups", 1e-3), ("head", 1e-3)):
        assert distance(*ends, part) < most * distance(ends[0], start, part), part
    logs = [read_log(folder) for folder in (one, two)]
    for column in ("loss", "segmentation", "boundary", "temporal"):
        values = [[float(row[column]) for row in log] for log in logs]
        assert values[0] == pytest.approx(values[1], rel=1e-3, abs=1e-5)
    assert any(float(row["temporal"]) for row in logs[0])


def test_an_interrupt_ends_both(pictures: Path, tmp_path: Path) -> None:
    arguments = [*options(config(pictures, steps=5000, paired=0)), "--out", str(tmp_path / "run")]
    command = [*TORCHRUN, "-m", "rtseg_train", *arguments]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        while run.poll() is None and not (tmp_path / "run" / "state.safetensors").exists():
            time.sleep(0.05)
        run.send_signal(signal.SIGINT)
        said, complained = run.communicate(timeout=120)  # ends when the last process that holds the pipes does
    assert run.returncode != 0
    assert "go on from the last checkpoint" in said, complained
    assert "error" not in [line.split(":")[0] for line in complained.splitlines()]
    assert "Fatal Python error" not in complained


def test_shares_make_up_the_batch(pictures: Path) -> None:
    whole = TrainBatches(config(pictures))
    shares = [TrainBatches(config(pictures)) for _ in range(2)]
    for rank, data in enumerate(shares):
        data.shard = rank, 2
    for data in (whole, *shares):
        list(data.preload())
    kinds = set()
    for step in range(6):
        *tensors, pairs = whole[step]
        *parts, counts = zip(*(data[step] for data in shares), strict=True)
        assert all(torch.equal(tensor, torch.cat(part)) for tensor, part in zip(tensors, parts, strict=True))
        assert counts == (pairs // 2, pairs // 2)
        kinds.add(pairs)
    assert kinds == {0, 2}


def test_batches_that_cannot_be_shared_equally() -> None:
    def check(batch: int, processes: int, paired: float) -> None:
        check_shares(TrainConfig(train="", batch=batch, paired=paired), World(0, processes))

    check(7, 1, 0.25)
    check(6, 2, 0)
    check(8, 2, 0.25)
    with pytest.raises(DataError, match=r"batch of 6 .* 2 equal shares of whole pairs; give --batch 8 or --paired 0"):
        check(6, 2, 0.25)
    with pytest.raises(DataError, match=r"batch of 7 .* 2 equal shares; give --batch 8$"):
        check(7, 2, 0)


def test_processes_that_did_not_join_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(DataError, match="torchrun --nproc-per-node N -m rtseg_train"):
        current_world()
