"""What the shell offers for an option's value after Tab: the words that it knows, and fitting files and folders.

Starts at every Tab: nothing here imports more than the standard library. A shell offers files by itself only where
nothing is offered here, so all that fits is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from rtseg.files import ASSETS, BACKGROUNDS
from rtseg.formats import PICTURES, VIDEOS, WRITTEN_VIDEOS
from rtseg.options.values import BENCH_SIZES, EMITTED, PROVIDERS

DEVICES = Path("/sys/class/video4linux")
IN_BASH = "complete_bash"  # the value of typer's _RTSEG_COMPLETE


def backgrounds(incomplete: str) -> list[str]:
    """Pictures that ship, the words that --bg knows, and pictures, films and folders that lie there."""
    shipped = sorted(p.name for p in BACKGROUNDS.glob("*.jpg"))
    return offered([*shipped, "blur", "transparent"], incomplete, PICTURES + VIDEOS)


def models(incomplete: str) -> list[str]:
    """Tiers that ship, the word for one of them, and model files."""
    tiers = {p.name.partition("-")[0] for p in ASSETS.glob("*.onnx")}
    return offered(["auto", *sorted(tiers)], incomplete, (".onnx",))


def sources(incomplete: str) -> list[str]:
    """The demo, on Linux the cameras, and videos."""
    return offered(["demo", *(f"/dev/{name}" for name in nodes())], incomplete, VIDEOS)


def outputs(incomplete: str) -> list[str]:
    """The virtual camera, on Linux each by its device, and videos that could be written over."""
    # v4l2loopback alone gives its nodes this attribute.
    loopbacks = [f"virtual:/dev/{name}" for name in nodes() if (DEVICES / name / "max_openers").exists()]
    return offered(["virtual", *loopbacks], incomplete, WRITTEN_VIDEOS)


def providers(incomplete: str) -> list[str]:
    return starting(PROVIDERS, incomplete)


def emitted(incomplete: str) -> list[str]:
    return starting(EMITTED, incomplete)


def bench_sizes(incomplete: str) -> list[str]:
    """Sizes that are not named yet, behind those that are."""
    named = incomplete.split(",")[:-1]
    return starting((",".join([*named, size]) for size in BENCH_SIZES if size not in named), incomplete)


def nodes() -> list[str]:
    """Names of the video devices (Linux)."""
    return sorted(p.name for p in DEVICES.glob("video*")) if DEVICES.is_dir() else []


def starting(words: Iterable[str], incomplete: str) -> list[str]:
    return [w for w in words if w.startswith(incomplete)]


def offered(words: Iterable[str], incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """The words and the files that go on from `incomplete`.

    Shells end a word that is the only one with a space, which a folder must not have: its content is offered too.
    """
    known, found = starting(words, incomplete), files(incomplete, suffixes)
    if not known and len(found) == 1 and found[0].endswith("/"):
        found += files(found[0], suffixes)
    if os.environ.get("_RTSEG_COMPLETE") == IN_BASH:  # the others quote by themselves
        found = [re.sub(r"([^\w@%+=:,./~-])", r"\\\1", name) for name in found]
    return list(dict.fromkeys([*known, *found]))


def files(incomplete: str, suffixes: tuple[str, ...]) -> list[str]:
    """Files of a kind, and folders with a slash behind, whose path goes on from `incomplete`."""
    folder, slash, start = incomplete.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:
            fitting = [(e.name, e.is_dir()) for e in entries if e.name.startswith(start)]
    except OSError:  # no such folder, or none to look into: nothing to offer
        return []
    shown = [(name, is_folder) for name, is_folder in sorted(fitting) if start.startswith(".") or name[0] != "."]
    names = [f"{name}/" if is_folder else name for name, is_folder in shown
             if is_folder or name.lower().endswith(suffixes)]  # fmt: skip
    return [f"{folder}{slash}{name}" for name in names]
