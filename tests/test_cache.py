"""Compiled code on disk: bound to all the source, and no reason to stop when it has rotted or there is no room."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import rtseg
from rtseg.commands.doctor.checks.software import check_cache
from rtseg.pixels import cache
from rtseg.pixels.compiled import compiled


def double(x: int) -> int:
    return 2 * x


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for compiled code."""
    import numba

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(cache, "_troubles", {})
    return tmp_path / "kept"


def files(place: Path) -> list[Path]:
    return sorted(p for p in place.rglob("*") if p.is_file())


def cut_to(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(share * path.stat().st_size))


def zeros(path: Path) -> None:
    """As after a power cut: the length is there, the bytes are not."""
    path.write_bytes(bytes(path.stat().st_size))


def one_byte(path: Path) -> None:
    """In the middle of the machine code, where nothing but a sum of all bytes shows it."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("rot", [cut_to(0), cut_to(0.5), cut_to(0.98), zeros, one_byte])
def test_rot_is_compiled_again(place: Path, ending: str, rot: Callable[[Path], None]) -> None:
    assert compiled(double)(21) == 42 and not cache.troubles()
    index, code = sorted(files(place), key=lambda p: p.suffix, reverse=True)
    damaged = index if ending == ".nbi" else code
    whole = {p: p.read_bytes() for p in (index, code)}
    rot(damaged)
    assert compiled(double)(21) == 42
    told = cache.troubles()
    if not (ending == ".nbi" and rot is one_byte):  # may just name another version
        assert len(told) == 1 and str(code.parent) in told[0] and "damaged" in told[0]
    assert check_cache().status == ("note" if told else "ok")
    cache._troubles.clear()
    again = compiled(double)
    assert again(21) == 42 and not cache.troubles() and sum(again.stats.cache_hits.values()) == 1
    assert index.read_bytes() == whole[index]


@pytest.mark.parametrize("limit", [0, 200])
def test_no_room(place: Path, limit: int) -> None:
    """A limit on the size of files stands for a full disk."""
    kept = compiled(double)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        assert kept(21) == 42
        check = check_cache()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(told := cache.troubles()) == 1 and "can't be kept" in told[0] and str(place) in told[0]
    assert check.status == "note" and str(place) in check.found and "NUMBA_CACHE_DIR" in (check.cure or "")
    assert [p for p in files(place) if p.suffix not in (".nbi", ".nbc")] == []


def test_the_pipeline_says_it(place: Path, demo_frames: list[np.ndarray]) -> None:
    pipeline = rtseg.Pipeline(background="#00ff00", provider="cpu", threads=1)
    assert pipeline.remark is None
    cache._troubles["no room"] = None
    pipeline(demo_frames[0])
    assert pipeline.remark == "no room"


def test_a_change_in_any_file_counts(tmp_path: Path) -> None:
    """A loop holds the code of what it calls in another file, of which numba knows nothing."""
    package = tmp_path / "rtseg"
    shutil.copytree(Path(rtseg.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "assets"))
    program = "import numpy as np\nfrom rtseg.pixels.composite import full_alpha\nx = np.zeros((4, 32, 3), np.uint8)\n"
    program += "fit = np.full((4, 2, 4), 0.25, np.float32)\nout = np.zeros((4, 32), np.float32)\n"
    program += "full_alpha(x, fit, out)\nprint(float(out.mean()))"
    other = package / "pixels" / "alpha_rows.py"

    def mean() -> float:
        paths = {"PYTHONPATH": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "kept")}
        done = subprocess.run([sys.executable, "-c", program], env=paths, check=True, timeout=120, stdout=-1)
        return float(done.stdout)

    assert mean() == 0.25
    before = other.read_text()
    other.write_text(before.replace("alpha[k] = ", "alpha[k] = np.float32(0.5) * "))
    assert other.read_text() != before and mean() == 0.125


def test_compiling_is_known_while_it_lasts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_compiling", set())
    during: list[bool] = []
    real = cache.Kept.save_overload

    def save(kept: cache.Kept, *arguments: object) -> None:
        during.append(cache.compiling())
        real(kept, *arguments)

    monkeypatch.setattr(cache.Kept, "save_overload", save)
    assert compiled(double)(21) == 42
    assert during == [True] and not cache.compiling()
    assert compiled(double)(21) == 42 and during == [True]  # it was kept
