"""Composites in pinned memory, with a driver of ordinary memory in place of NVIDIA's."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from fake_driver import Driver
from rtseg.arrays import U8
from rtseg.errors import ModelError
from rtseg.files import ASSETS
from rtseg.models.fused import FusedModel
from rtseg.paths.cuda import CudaPath
from rtseg.paths.pinned import MOST_OUT, Pinned


def test_what_somebody_holds_is_not_written_again_and_what_is_let_go_is() -> None:
    driver = Driver()
    pinned = Pinned(64, driver)
    device = np.zeros(64, np.uint8)
    held = []
    for number in range(4):
        device[:] = number
        held.append(pinned.download(device.ctypes.data).reshape(8, 8)[2:4])  # a view of a view
    assert [int(part[0, 0]) for part in held] == [0, 1, 2, 3]
    held.clear()
    gc.collect()
    before = driver.calls["cuMemHostAlloc"]
    held = [pinned.download(device.ctypes.data) for _ in range(4)]
    assert driver.calls["cuMemHostAlloc"] == before


def test_who_keeps_many_gets_ordinary_memory() -> None:
    driver = Driver()
    pinned = Pinned(64, driver)
    device = np.full(64, 7, np.uint8)
    held = [pinned.download(device.ctypes.data) for _ in range(3 * MOST_OUT)]
    assert all((part == 7).all() for part in held)
    assert driver.calls["cuMemHostAlloc"] == MOST_OUT


def test_where_it_runs_out_ordinary_memory_does() -> None:
    driver = Driver()
    pinned, device = Pinned(64, driver), np.full(64, 7, np.uint8)
    held = [pinned.download(device.ctypes.data)]
    driver.fails = "cuMemHostAlloc"
    held += [pinned.download(device.ctypes.data) for _ in range(2)]
    assert all((part == 7).all() for part in held) and not np.shares_memory(held[0], held[1])


def test_all_of_it_is_given_back_and_what_is_held_only_then() -> None:
    driver = Driver()
    pinned = Pinned(64, driver)
    device = np.full(64, 7, np.uint8)
    held = pinned.download(device.ctypes.data)
    del pinned
    gc.collect()
    assert driver.calls["cuMemFreeHost"] == 0
    assert (held == 7).all()
    del held
    gc.collect()
    assert driver.calls["cuMemFreeHost"] == driver.calls["cuMemHostAlloc"] == 1


@pytest.mark.parametrize("call", ["cuInit", "cuCtxSetCurrent", "cuMemHostAlloc", "cuStreamSynchronize"])
def test_what_the_driver_refuses_is_an_error(call: str) -> None:
    def all_of_it() -> None:
        Pinned(64, Driver(call)).download(np.zeros(64, np.uint8).ctypes.data)

    with pytest.raises(ModelError, match=f"{call} of NVIDIA's driver failed with error 2"):
        all_of_it()


def test_no_driver_is_an_error() -> None:
    def load(name: str) -> Driver:
        raise OSError(f"{name}: cannot open shared object file")

    with pytest.raises(ModelError, match="cannot open shared object file"):
        Pinned(64, load)


def test_frames_by_pinned_memory_are_those_by_any_other(demo_frames: list[U8]) -> None:
    height, width = demo_frames[0].shape[:2]
    room = np.zeros_like(demo_frames[0])
    model = FusedModel(ASSETS / "fast-fused.onnx", provider="cpu")
    plain = CudaPath(model, width, height, 20480)
    pinned = CudaPath(model, width, height, 20480, pinned=Pinned(3 * width * height, Driver()))
    kept = []
    for frame in demo_frames[:3]:
        kept.append((plain.composite(frame, room, 0), pinned.composite(frame, room, 0)))
    for first, second in kept:
        np.testing.assert_array_equal(first, second)
