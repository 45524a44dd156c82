"""What the shell offers for an option's value after Tab. Where nothing fits, the shell offers files by itself.

Starts at every Tab: nothing here imports more than the standard library.
"""

from __future__ import annotations

from pathlib import Path

from rtseg.files import ASSETS

DEVICES = Path("/sys/class/video4linux")


def backgrounds(incomplete: str) -> list[str]:
    """Pictures that ship, and the words that --bg knows."""
    shipped = sorted(p.name for p in (ASSETS / "backgrounds").glob("*.jpg"))
    return starting([*shipped, "blur", "transparent"], incomplete)


def models(incomplete: str) -> list[str]:
    """Tiers that ship."""
    return starting(sorted({p.name.partition("-")[0] for p in ASSETS.glob("*.onnx")}), incomplete)


def providers(incomplete: str) -> list[str]:
    return starting(["auto", "cpu", "cuda"], incomplete)


def sources(incomplete: str) -> list[str]:
    """The demo, and on Linux the cameras."""
    cameras = sorted(f"/dev/{p.name}" for p in DEVICES.glob("video*")) if DEVICES.is_dir() else []
    return starting(["demo", *cameras], incomplete)


def starting(words: list[str], incomplete: str) -> list[str]:
    return [w for w in words if w.startswith(incomplete)]
