"""`rtseg cameras`: every camera here with its number, name, path and formats."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.files import check_report, write_json
from rtseg.sources.cameras import CameraInfo, how_to_check, list_cameras

if TYPE_CHECKING:
    from rich.console import Console

    from rtseg.sources.v4l2 import Mode

MAX_FORMATS = 6  # named in one line of the list


def run(console: Console, json_file: Path | None = None, cameras: list[CameraInfo] | None = None) -> None:
    """Print the list, and write it to json_file. cameras: None for those of this machine.

    Raises OutputError when json_file can't be written.
    """
    check_report(json_file)
    cameras = list_cameras() if cameras is None else cameras
    if not cameras:
        console.print(f"no cameras here: {how_to_check()}", markup=False)
    for camera in cameras:
        where = f"  {camera.path}" if camera.path else ""
        note = "  virtual" if camera.virtual else ""
        console.print(f"{camera.index}  {camera.name}{where}  {camera.backend}{note}", markup=False)
        for line in [camera.problem] if camera.problem else format_lines(camera.modes):
            console.print(f"   {line}", markup=False)
    if cameras:
        console.print(f"use one: rtseg cam --source {cameras[0].index}, or a part of its name", markup=False)
    if json_file:
        write_json(json_file, [asdict(camera) for camera in cameras])


def format_lines(modes: Iterable[Mode]) -> list[str]:
    """`MJPG  1920x1080@30 1280x720@30`, large sizes first; formats that come in the same sizes share a line."""
    by_format: dict[str, list[Mode]] = {}
    for mode in sorted(modes, key=lambda m: -m.width * m.height):
        by_format.setdefault(mode.fourcc, []).append(mode)
    formats: dict[str, list[str]] = {}
    for code, sizes in by_format.items():
        formats.setdefault(" ".join(map(str, sizes)), []).append(code)
    return [f"{few(codes)}  {sizes}" for sizes, codes in formats.items()]


def few(codes: list[str]) -> str:
    """Some of them, and how many there are besides."""
    more = len(codes) - MAX_FORMATS
    return " ".join(codes[:MAX_FORMATS]) + (f" and {more} more" if more > 0 else "")
