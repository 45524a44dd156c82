"""`rtseg apply` over many files: several at a time, a share of them, quietly, and told as JSON."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from rich.console import Console

from rtseg.cli import app
from rtseg.commands.apply import run as apply
from rtseg.commands.apply.plan import plan, share_of
from rtseg.errors import SourceError
from rtseg.options.values import parse_share
from rtseg.pipeline import Pipeline

COUNT = 7


@pytest.fixture
def folder(demo_frames: list[np.ndarray]) -> Path:
    """Seven different pictures in `in`, in the working directory."""
    Path("in").mkdir()
    for number in range(COUNT):
        cv2.imwrite(f"in/{number}.png", cv2.resize(demo_frames[number], (160, 90)))
    return Path("in")


def pipelines(count: int) -> list[Pipeline]:
    return [Pipeline(background="#00ff00", model="fast", provider="cpu", threads=1) for _ in range(count)]


def call(*words: str) -> None:
    """`rtseg apply ...` in this process; errors come out."""
    typer.main.get_command(app).main(
        args=["apply", "--model", "fast", "--provider", "cpu", *words], prog_name="rtseg", standalone_mode=False
    )


def written(folder: str) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def test_at_once_or_one_by_one_is_the_same(folder: Path, console: Console) -> None:
    apply.run(folder, "one", pipelines(1)[0], "composite", console)
    first, *more = pipelines(3)
    apply.run(folder, "three", first, "composite", console, more=more)
    assert written("one") == written("three") and len(written("one")) == COUNT


def test_they_are_done_at_the_same_time(folder: Path, monkeypatch: pytest.MonkeyPatch, console: Console) -> None:
    """Two wait for each other: one by one neither would come to an end."""
    from threading import Barrier

    meet = Barrier(2, timeout=30)
    real = apply.process

    def process(*arguments: object) -> str | None:
        meet.wait()
        return real(*arguments)  # type: ignore[arg-type]

    (folder / "6.png").unlink()  # an even number
    monkeypatch.setattr(apply, "process", process)
    first, *more = pipelines(2)
    apply.run(folder, "out", first, "alpha", console, more=more)
    assert len(written("out")) == COUNT - 1


def test_a_bad_picture_does_not_stop_the_others(folder: Path, console: Console) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:200])
    first, *more = pipelines(2)
    with pytest.raises(SourceError, match=r"1 of 7 files failed:\n.*3\.png"):
        apply.run(folder, "out", first, "alpha", console, more=more, json_file=Path("said.json"))
    said = json.loads(Path("said.json").read_text())
    assert said["failed"] == 1 and len(said["files"]) == COUNT
    assert [f["source"] for f in said["files"] if f["error"]] == ["in/3.png"]
    assert len(written("out")) == COUNT - 1


@pytest.mark.parametrize("shares", [1, 2, 3, COUNT, COUNT + 2])
def test_shares_have_every_file_once(folder: Path, shares: int) -> None:
    jobs = plan([folder], "out", "composite")
    found = [share_of(jobs, number, shares) for number in range(1, shares + 1)]
    assert sorted(str(job.source) for share in found for job in share) == [f"in/{n}.png" for n in range(COUNT)]
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_the_order_of_the_arguments_decides_nothing(folder: Path) -> None:
    files = sorted(folder.iterdir())
    shares = [share_of(plan(order, "out", "composite"), 2, 3) for order in (files, files[::-1])]
    assert shares[0] == shares[1] and len(shares[0]) == 2


@pytest.mark.usefixtures("folder")
def test_a_job_array_fills_the_folder(capfd: pytest.CaptureFixture[str]) -> None:
    for number in (1, 2):
        call("in", "--out", "out", "--shard", f"{number}/2")
        assert f"wrote {4 if number == 1 else 3} of 7 files to out" in capfd.readouterr().out
    assert len(written("out")) == COUNT
    call("in/0.png", "--out", "out/", "--shard", "2/2")
    assert "wrote 0 of 1 files" in capfd.readouterr().out


@pytest.mark.parametrize("value", ["0/4", "5/4", "4", "1/0", "a/b"])
def test_what_is_no_share(value: str) -> None:
    with pytest.raises(typer.BadParameter, match="K/N"):
        call("in", "--out", "out", "--shard", value)


@pytest.mark.usefixtures("folder")
def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    (Path("in") / "notes.txt").write_text("left out")
    call("in", "--out", "out", "--quiet", "--jobs", "2")
    assert "".join(capfd.readouterr()) == "" and len(written("out")) == COUNT


@pytest.mark.usefixtures("folder")
def test_json_does_not_go_among_frames_or_over_a_source() -> None:
    with pytest.raises(typer.BadParameter, match="takes the frames"):
        call("in", "--out", "-", "--json", "-")
    with pytest.raises(Exception, match="is a source itself"):
        call("in", "--out", "out", "--json", "in/0.png")


def typed(script: str, folder: Path, **names: str) -> list[str]:
    """What a shell makes of a recipe's call of rtseg: its words."""
    fake = folder / "rtseg"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": path, **names}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_the_recipes_for_clusters_share_all(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text(encoding="utf-8")
    (slurm,) = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
    (kubernetes,) = re.findall(r'command: \[sh, -c, "(.*?)"\]', page)
    calls = [
        typed(slurm, tmp_path, SLURM_ARRAY_TASK_ID=f"{n}", SLURM_ARRAY_TASK_COUNT="16", SLURM_CPUS_PER_TASK="4")
        for n in range(1, 17)
    ]
    assert calls[0][-3:-1] == ["4", "--shard"]
    for found in (calls, [typed(kubernetes, tmp_path, JOB_COMPLETION_INDEX=f"{n}") for n in range(16)]):
        assert sorted(parse_share(words[-1]) for words in found) == [(n, 16) for n in range(1, 17)]
