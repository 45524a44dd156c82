"""The doctor's look at GPU, driver and CUDA's libraries, in made-up surroundings."""

import ctypes
import io
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from rtseg.commands.cam.options import CamOptions
from rtseg.commands.cam.session import describe
from rtseg.commands.doctor.checks.cuda import check_build, check_driver, check_library
from rtseg.models.providers import built_for, cuda_problem, has_card, has_cuda, needed_libraries
from rtseg.pipeline import Pipeline
from rtseg.sources.opening import open_source

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="looks at Linux's own files")


class Driver:
    """libcuda with one GPU."""

    error = 0

    def __init__(self, version: int) -> None:
        self.version = version

    def cuInit(self, flags: int) -> int:
        return self.error

    def cuGetErrorString(self, code: int, text: Any) -> int:
        text._obj.value = b"no CUDA-capable device is detected"
        return 0

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = 1
        return 0

    def cuDeviceGet(self, device: Any, index: int) -> int:
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = b"NVIDIA T4"
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, device: Any) -> int:
        size._obj.value = 15 * 2**30
        return 0


def no_driver(name: str) -> Any:
    return ctypes.CDLL("libnothere.so.1")


def test_driver_and_its_gpu(tmp_path: Path) -> None:
    check = check_driver(lambda name: Driver(99_020), tmp_path)
    assert (check.status, check.found) == ("ok", "for CUDA 99.2 and older; NVIDIA T4 (15.0 GiB)")


@pytest.mark.skipif(not built_for(), reason="this onnxruntime was not built for CUDA")
def test_driver_that_is_too_old(tmp_path: Path) -> None:
    check = check_driver(lambda name: Driver(11_040), tmp_path)
    assert check.status == "problem" and "CUDA 11.4" in check.found and "update the driver" in (check.cure or "")


@pytest.mark.parametrize(("code", "status", "words"), [(100, "note", "CUDA_VISIBLE"), (803, "problem", "restart")])
def test_driver_that_refuses(tmp_path: Path, code: int, status: str, words: str) -> None:
    driver = Driver(13_000)
    driver.error = code
    check = check_driver(lambda name: driver, tmp_path)
    assert check.status == status and f"error {code} (no CUDA-capable" in check.found and words in (check.cure or "")


def test_no_driver_is_a_note_that_knows_of_a_card(tmp_path: Path) -> None:
    assert (check_driver(no_driver, tmp_path).status, has_card(tmp_path)) == ("note", False)
    for number, (vendor, kind) in enumerate([("0x10de", "0x040300"), ("0x8086", "0x030000"), ("0x10de", "0x030000")]):
        assert check_driver(no_driver, tmp_path).cure is None
        device = tmp_path / f"0000:0{number}:00.0"  # sound of a graphics card, another's graphics, NVIDIA's
        device.mkdir()
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
    check = check_driver(no_driver, tmp_path)
    assert check.status == "note" and "NVIDIA card is here" in check.found and "driver" in (check.cure or "")


@pytest.mark.parametrize(("usable", "status"), [(True, "problem"), (False, "note")])
def test_missing_library_matters_with_a_gpu(usable: bool, status: str) -> None:
    check = check_library("libnothere.so.1", usable)
    assert (check.status, check.cure) == (status, "pip install 'rtseg[cuda]'") and "missing" in check.found


@LINUX
def test_library_that_is_there_names_its_file() -> None:
    check = check_library("libm.so.6", True)
    assert check.status == "ok" and "/libm.so.6" in check.found


@pytest.mark.skipif(not has_cuda() or sys.platform != "linux", reason="needs onnxruntime-gpu's own library")
def test_libraries_are_those_of_the_cuda_that_onnxruntime_was_built_for() -> None:
    names = needed_libraries()
    assert {name.split(".so")[0] for name in names} >= {"libcublas", "libcudart", "libcudnn"}
    assert f"libcublas.so.{built_for()}" in names
    assert check_build(True).status == "ok"


@pytest.mark.skipif(cuda_problem() is None, reason="CUDA works on this machine")
@pytest.mark.parametrize("card", [True, False])
def test_a_session_speaks_of_cuda_only_where_a_card_is(
    monkeypatch: pytest.MonkeyPatch, console: Console, card: bool
) -> None:
    monkeypatch.setattr("rtseg.models.providers.has_card", lambda: card)
    with open_source("demo") as source:
        describe(source, Pipeline(provider="auto"), None, None, CamOptions(), console, auto=False)
    said = cast(io.StringIO, console.file).getvalue()
    assert "on CPU, " in said and ("no CUDA: " in said) is card
