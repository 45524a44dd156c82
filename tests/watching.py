"""What a test of the control page sees in the pictures that a page gets."""

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np

from pages import Browser, Live, Session

BLUE, GREEN = (255, 0, 0), (0, 255, 0)  # BGR


def share_of(picture: np.ndarray, colour: tuple[int, int, int]) -> float:
    """How much of a picture has about this colour."""
    return float((np.abs(picture.astype(int) - colour).max(-1) < 60).mean())


def grey(picture: np.ndarray) -> bool:
    """Whether the person is in it."""
    return bool((np.abs(picture.astype(int) - 128).max(-1) < 25).mean() > 0.02)


def becomes(page: Live, true: Callable[[np.ndarray], bool], count: int = 400) -> np.ndarray:
    """The first picture of which that is true."""
    for _ in range(count):
        (picture, *_) = page.watch(1)
        if true(picture):
            return picture
    raise AssertionError(f"not among {count} pictures")


def pages_of(made: Session, count: int, stack: ExitStack) -> list[Live]:
    browser = Browser(made.url)
    return [stack.enter_context(browser.live()) for _ in range(count)]
