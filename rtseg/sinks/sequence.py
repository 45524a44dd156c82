"""A video as a folder of pictures: 000000.png, 000001.png ... in the order of its frames."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from rtseg.arrays import U8
from rtseg.errors import OutputError
from rtseg.files import whole_file
from rtseg.formats import JPEG
from rtseg.messages import amount

JPEG_QUALITY = 95


def write_picture(path: Path, picture: U8) -> None:
    """Encode, then write whole or not at all. Raises OutputError."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if path.suffix.lower() in JPEG else []
    ok, data = cv2.imencode(path.suffix, picture, quality)
    if not ok:
        raise OutputError(f"output {path}: can't encode {picture.shape} as {path.suffix}")
    try:
        with whole_file(path) as partial:
            partial.write_bytes(data.tobytes())
    except OSError as e:
        raise OutputError(f"output {path} can't be written: {e.strerror or e}") from e


class PictureSequence:
    """Writes frames (uint8 HxWx3 BGR, HxW grey or HxWx4 BGRA) as numbered PNG files; times are not kept.

    When something goes wrong, what it wrote is removed, or stays if it is `live` and can't be done again.

    Raises:
        OutputError: at once if the folder can't be made or holds frames of another video; later when the disk is full.
    """

    def __init__(self, folder: Path, *, fps: float, live: bool = False) -> None:
        self.folder, self.frames, self.live, self._fps = folder, 0, live, fps
        check_folder(folder)
        self._made = not folder.exists()
        try:
            folder.mkdir(exist_ok=True)
        except OSError as e:
            raise OutputError(f"output {folder}: the folder can't be created: {e.strerror or e}") from e

    @property
    def remark(self) -> str:
        """How fast to play them."""
        return f"{amount(self.frames, 'picture')}, on the average {self._fps:.4g} a second"

    def write(self, picture: U8, time: float) -> None:
        """Add a frame; `time` is for sinks that know when it is shown."""
        write_picture(self._path(self.frames), picture)
        self.frames += 1

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.png"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        if e is not None and not self.live:
            for number in range(self.frames):
                self._path(number).unlink(missing_ok=True)
            self.frames = 0
        if self._made and not self.frames:
            self.folder.rmdir()


def check_folder(folder: Path) -> None:
    """Raise OutputError unless frames can be put there without mixing with those of another video."""
    try:
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"output {folder}/ is a file; give a folder")
        if not folder.parent.is_dir():
            raise OutputError(f"output {folder}/: the folder {folder.parent} does not exist")
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    except OSError as e:
        raise OutputError(f"output {folder}/: {e.strerror or e}; give another folder") from e
    if old := next((name for name in names if re.fullmatch(r"\d{6,}\.png", name)), None):
        raise OutputError(f"output {folder}/ already holds frames ({old}); empty it or give another folder")
