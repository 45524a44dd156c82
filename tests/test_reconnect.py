"""A camera that goes and comes back, by cable or by network."""

import time
from collections.abc import Iterator
from threading import Thread
from types import TracebackType
from typing import Literal, Self

import numpy as np
import pytest

from rtseg.commands.cam.options import CamOptions
from rtseg.commands.cam.sources import lasting
from rtseg.errors import SourceError
from rtseg.frames import Frame
from rtseg.live import reconnect
from rtseg.live.reconnect import Reconnecting
from rtseg.sources import video
from servers import mjpeg_server


class Unplugged:
    """Gives `count` frames of a size, then breaks off."""

    live, fps, count, remark = True, 30.0, None, None

    def __init__(self, count: int, width: int = 64, height: int = 48, ends: bool = False) -> None:
        self.name, self.frames, self.width, self.height, self.ends = "camera 0", count, width, height, ends
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        shape = self.height, self.width
        for index in range(self.frames):
            yield Frame(np.full((*shape, 3), 7, np.uint8), float(index), index, np.full(shape, 9, np.uint8))
        if not self.ends:
            raise SourceError("camera 0 was unplugged")

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None: ...


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnect, "FIRST_WAIT", 0.01)


def test_it_goes_on_when_the_camera_is_back() -> None:
    absent = SourceError("camera 0 is not there")
    plan: list[Unplugged | SourceError] = [Unplugged(3), absent, absent, Unplugged(2), Unplugged(4, ends=True)]
    opened: list[Unplugged] = []

    def open_again() -> Unplugged:
        following = plan.pop(0)
        if isinstance(following, SourceError):
            raise following
        opened.append(following)
        return following

    source = Reconnecting(open_again, open_again())
    frames = list(source)
    assert [f.index for f in frames] == list(range(9)) and not plan
    assert [s.closed for s in opened] == [True, True, False]
    assert source.losses == 2 and "found again 2 times" in str(source.remark)


def test_another_size_is_fitted_to_the_first() -> None:
    plan = [Unplugged(1), Unplugged(1, 320, 180, ends=True)]
    frames = list(Reconnecting(lambda: plan.pop(0), plan.pop(0)))
    assert [f.image.shape for f in frames] == [(48, 64, 3)] * 2
    assert [f.opacity.shape for f in frames if f.opacity is not None] == [(48, 64)] * 2


def test_a_camera_lost_before_its_first_frame_was_handed_out_is_waited_for() -> None:
    plan = [Unplugged(0), Unplugged(0), Unplugged(2, ends=True)]
    source = Reconnecting(lambda: plan.pop(0), plan.pop(0))
    assert len(list(source)) == 2 and source.losses == 1


def pauses_of(monkeypatch: pytest.MonkeyPatch, source: Reconnecting, count: int) -> list[float]:
    """Seconds between its tries, which are not waited for; it is closed after so many."""
    pauses: list[float] = []

    class Clock:
        def is_set(self) -> bool:
            return len(pauses) >= count

        def wait(self, seconds: float) -> bool:
            pauses.append(seconds)
            return self.is_set()

    monkeypatch.setattr(source, "_closed", Clock())
    list(source)
    return pauses


def test_one_that_opens_and_gives_nothing_is_asked_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = pauses_of(monkeypatch, Reconnecting(lambda: Unplugged(0), Unplugged(0)), 13)
    assert pauses == pytest.approx([0.01 * 2**k for k in range(10)] + [8, 8, 8]), "but at least every 8 seconds"


def test_one_that_gives_frames_is_asked_soon_when_it_is_lost_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = [Unplugged(0), Unplugged(0), Unplugged(1), Unplugged(0), Unplugged(0)]
    pauses = pauses_of(monkeypatch, Reconnecting(lambda: plan.pop(0), Unplugged(1)), 5)
    assert pauses == pytest.approx([0.01, 0.02, 0.04, 0.01, 0.02])


def test_it_is_released_while_nobody_watches() -> None:
    opened = [Unplugged(10**6)]

    def open_again() -> Unplugged:
        opened.append(Unplugged(10**6))
        return opened[-1]

    source = Reconnecting(open_again, opened[0])
    seen: list[Frame] = []
    thread = Thread(target=lambda: seen.extend(f for f in source if time.sleep(0.001) is None))
    thread.start()
    source.wanted(False)
    while not opened[0].closed:
        time.sleep(0.005)
    assert len(opened) == 1 and "nobody is watching" in str(source.notice)
    source.wanted(True)
    while len(opened) == 1 or source.notice:
        time.sleep(0.005)
    source.close()
    opened[1].frames = 0
    thread.join(5)


def test_the_notice_says_what_is_the_matter_and_closing_ends_the_search() -> None:
    plan = [Unplugged(1)]

    def open_again() -> Unplugged:
        if plan:
            return plan.pop()
        raise SourceError("camera 0 is not there")

    source = Reconnecting(open_again, open_again())
    thread = Thread(target=lambda: list(source))
    thread.start()
    while source.notice != "camera 0 is not there":
        time.sleep(0.005)
    source.close()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("loss", ["close", "stall"])
def test_a_network_camera_is_waited_for(
    loss: Literal["close", "stall"], small_frames: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "READ_TIMEOUT", 0.3)
    with (
        mjpeg_server(small_frames, fps=200, count=5, then=loss) as url,
        lasting(url, CamOptions(), watched=True) as source,
    ):
        frames = [f for f, _ in zip(source, range(12), strict=False)]
        assert [f.index for f in frames] == list(range(12))
        assert frames[-1].image.shape == small_frames[0].shape
        assert isinstance(source, Reconnecting) and source.losses >= 2


def test_a_stream_that_ends_is_over(small_frames: list[np.ndarray]) -> None:
    with mjpeg_server(small_frames, fps=200, count=5, then="finish") as url:
        source = lasting(url, CamOptions(), watched=True)
        assert len(list(source)) == 5 and not source.remark


def test_a_recording_that_nobody_watches_ends_with_its_stream(small_frames: list[np.ndarray]) -> None:
    with mjpeg_server(small_frames, fps=200, count=5) as url:
        source = lasting(url, CamOptions(), watched=False)
        assert len(list(source)) == 5 and "was closed after 5 frames" in str(source.remark)


def test_a_network_camera_that_is_not_there_is_an_error_at_once() -> None:
    with mjpeg_server([np.zeros((32, 32, 3), np.uint8)]) as url:
        pass
    with pytest.raises(SourceError, match=r"[Cc]onnection refused"):
        lasting(url, CamOptions(), watched=True)
