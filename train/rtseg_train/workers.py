"""The processes that make batches: what they share with the training one, and whether there is room for it."""

from __future__ import annotations

import contextlib
import mmap
import pickle
import re
import shutil
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import torch

from rtseg.errors import DataError
from rtseg.files import discard, temporary_path

SHARED = Path("/dev/shm")  # where Linux keeps what processes share; 64 MiB in Docker unless it is told otherwise
AHEAD = 4  # batches that each process has ready
UNDERWAY = 2  # more of them: one in the making, one in use
MIB = 2**20
# PyTorch's RuntimeError, raised wherever the main thread is; it says how they ended, or only that they did.
LOST = re.compile(r"DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\)(?: is killed by (signal: [\w ]+\w))?")
TOGETHER = 0.5  # seconds within which who ends all processes of a training has ended this one too


class Shared(dict[int, Any]):
    """Pictures in memory that other processes get as a file to map, not as a copy to read: for those that aren't forks.

    Raises DataError when the file can't be written.
    """

    def __init__(self, pictures: Mapping[int, Any]) -> None:
        super().__init__(pictures)
        parts: list[pickle.PickleBuffer] = []
        self._head = pickle.dumps(dict(pictures), protocol=5, buffer_callback=parts.append)
        try:
            self._path = temporary_path(Path(tempfile.gettempdir()) / "rtseg-pictures")
            weakref.finalize(self, discard, self._path)
            with self._path.open("wb") as f:
                self._spans = [(f.tell(), f.write(part.raw())) for part in parts]
        except OSError as e:
            raise DataError(
                f"the pictures can't be shared with the --workers by a file in {tempfile.gettempdir()}: "
                f"{e.strerror or e}; make room, set TMPDIR to another folder, or give --workers 0"
            ) from e

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (str(self._path), self._head, self._spans)


def opened(path: str, head: bytes, spans: list[tuple[int, int]]) -> dict[int, Any]:
    """The pictures of `Shared` in another process; all such processes have them in memory once."""
    if not spans:
        return dict(pickle.loads(head))
    with open(path, "rb") as f:
        content = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY))
    return dict(pickle.loads(head, buffers=[content[start : start + size] for start, size in spans]))


def one_thread(_: int) -> None:
    """Hold a worker to its own core; what the training process has set is not known to one that is not its fork."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@contextlib.contextmanager
def losing_none() -> Iterator[None]:
    """For a training: raises DataError when one of its workers is ended from outside, mostly for want of memory."""
    try:
        yield
    except RuntimeError as e:
        lost = LOST.match(str(e))
        if not lost:
            raise
        time.sleep(TOGETHER)  # a signal that is for this process too is raised here
        raise DataError(
            f"a process that made batches (pid {lost[1]}) was ended from outside ({lost[2] or 'nobody says how'}); "
            "most likely the machine ran out of memory: give fewer --workers (0 makes batches without them) or a "
            "smaller --cache-mib; after a checkpoint: rtseg train --resume FOLDER --workers 0"
        ) from e


def check_shared_memory(batch: int, workers: int, ahead: int = AHEAD) -> None:
    """Raise DataError when batches of so many bytes do not fit into the memory by which workers hand them over.

    Without this the training waits for ever for a batch that could not be handed over.
    """
    if not workers or not SHARED.is_dir():
        return
    free, needed = shutil.disk_usage(SHARED).free, batch * (workers * ahead + UNDERWAY)
    if free < needed:
        raise DataError(
            f"{SHARED} has {free / MIB:.0f} MiB free, and the batches of {workers} --workers take up to "
            f"{needed / MIB:.0f}: give --workers 0, or in Docker --shm-size {-(-2 * needed // MIB)}m"
        )
