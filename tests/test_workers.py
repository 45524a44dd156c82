"""What a training takes of the machine: the memory by which workers hand batches over, and the memory of a step."""

import gc
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from rtseg.errors import DataError
from rtseg_train import memory, workers
from rtseg_train.article import train_article
from rtseg_train.data import TrainBatches, batches
from rtseg_train.dataset import read_list
from rtseg_train.loop import fit
from rtseg_train.workers import Shared, one_thread
from tiny_runs import call, environment, options, tiny, write_pictures

MIB, GIB = 2**20, 2**30
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return write_pictures(tmp_path / "in")


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As little shared memory as there is in a container."""
    monkeypatch.setattr(workers, "SHARED", tmp_path)
    monkeypatch.setattr(workers.shutil, "disk_usage", lambda _: Usage(64 * MIB, 0, 64 * MIB))


@pytest.mark.usefixtures("docker")
def test_little_shared_memory_is_told_before_anything_waits_for_it(pictures: Path) -> None:
    large = {"batch": 32, "area": 90_000, "max_area": 90_000}
    with pytest.raises(DataError, match=r"64 MiB free.*--workers 0.*--shm-size \d+m"):
        fit(tiny(pictures, workers=1, **large), Path("run"))
    pairs = read_list(pictures).pairs
    with pytest.raises(DataError, match="--shm-size"):
        train_article(pairs, pairs, Path("run"), batch=64, size=256, workers=2)
    assert not Path("run").exists()
    workers.check_shared_memory(200 * MIB, 0)
    fit(tiny(pictures, workers=0, steps=1, frozen_steps=0), Path("run"))


def test_a_step_that_does_not_fit_is_refused_with_figures(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This one took 24 GB, and the machine with it."""
    monkeypatch.setattr(memory, "memory", lambda: (20 * GIB, 24 * GIB))
    with pytest.raises(
        DataError, match=r"about \d+\.\d GiB are needed for --batch 64 of up to 36\d+ pixels .*24.0 GiB"
    ):
        fit(tiny(pictures, area=16_700_000, max_area=None, batch=64), Path("run"))
    assert not Path("run").exists()


def test_a_step_that_may_not_fit_is_told(
    pictures: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(memory, "memory", lambda: (GIB // 2, 24 * GIB))
    fit(tiny(pictures, steps=1, frozen_steps=0), Path("run"))
    assert "0.5 of them free; if it fails, give a smaller --batch" in capsys.readouterr().out


def test_a_gpu_that_may_be_too_small_is_told(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (MIB, 24 * GIB))
    monkeypatch.setattr(memory, "memory", lambda: (20 * GIB, 24 * GIB))
    note = memory.check_memory(tiny(pictures), torch.device("cuda"))
    assert "and the GPU has 24.0 GiB, 0.0 of them free" in str(note)


@pytest.mark.parametrize(
    ("files", "free", "total"),
    [
        ({"meminfo": "MemTotal: 4096 kB\nMemAvailable: 1024 kB\n"}, MIB, 4 * MIB),
        ({"meminfo": "MemTotal: 4096 kB\nMemAvailable: 4096 kB\n", "memory.max": "max"}, 4 * MIB, 4 * MIB),
        (
            {
                "meminfo": "MemTotal: 4096 kB\nMemAvailable: 4096 kB\n",
                "memory.max": "2097152",
                "memory.current": "1048576",
            },
            MIB,
            2 * MIB,
        ),
    ],
)
def test_memory_is_the_containers(
    files: dict[str, str], free: int, total: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    assert memory.memory() == (free, total)


def test_workers_that_are_no_forks_get_a_file(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And not a copy of all pictures each."""
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda: "spawn")
    monkeypatch.setattr(workers.tempfile, "gettempdir", lambda: ".")
    data = TrainBatches(tiny(pictures, workers=1))
    list(data.preload())
    wanted, size = data[0], len(pickle.dumps(data.cache))
    loader = batches(data, 0)
    sent = pickle.dumps(data.cache)
    assert len(sent) < size / 20 and isinstance(data.cache, Shared)
    got = pickle.loads(sent)
    assert got.keys() == data.cache.keys()
    data.cache = got
    for mine, theirs in zip(wanted, data[0], strict=True):
        np.testing.assert_array_equal(np.asarray(mine), np.asarray(theirs))
    del loader, data
    gc.collect()
    assert not list(Path().glob(".rtseg-pictures*"))


def test_a_worker_keeps_to_one_core() -> None:
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        one_thread(0)
        assert cv2.getNumThreads() == 1
    finally:
        cv2.setNumThreads(before)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the workers as Linux lists them")
@pytest.mark.parametrize(
    ("number", "everyone", "code", "said"),
    [
        (signal.SIGKILL, False, 1, "most likely the machine ran out of memory"),
        (signal.SIGTERM, True, 128 + signal.SIGTERM, "stopped; go on from the last checkpoint"),
    ],
)
def test_a_worker_that_is_ended_is_told_apart_from_a_run_that_is(
    number: int, everyone: bool, code: int, said: str, pictures: Path, tmp_path: Path
) -> None:
    config = tiny(pictures, steps=5000, workers=1, val="none", checkpoint_every=1)
    command = [sys.executable, "-m", "rtseg", "train", *options(config), "--out", str(tmp_path / "run")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, env=environment(), text=True, start_new_session=True, **pipes) as run:
        while run.poll() is None and not (tmp_path / "run" / "state.safetensors").exists():
            time.sleep(0.05)
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        if everyone:
            os.killpg(run.pid, number)
        else:
            os.kill(int(children[-1]), number)
        text, _ = run.communicate(timeout=120)
    assert (run.returncode, "a bug" in text) == (code, False), text
    assert said in " ".join(text.split()), text


def test_a_run_goes_on_with_what_another_machine_has(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    call("train", *options(tiny(pictures, steps=2, frozen_steps=1, val="none", checkpoint_every=1)), "--out", str(run))
    kept = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(kept | {"steps": 3}))
    call("train", "--resume", str(run), "--workers", "1", "--cache-mib", "10")
    assert json.loads((run / "config.json").read_text()) == kept | {"steps": 3, "workers": 1, "cache_mib": 10}
    assert int(load_file(run / "state.safetensors")["step"]) == 3
    with pytest.raises(DataError, match="workers"):
        call("train", "--resume", str(run), "--workers", "-1")
