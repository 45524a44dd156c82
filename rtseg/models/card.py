"""Whether an NVIDIA GPU is plugged into this machine, found out without its driver."""

from __future__ import annotations

from pathlib import Path

PCI = Path("/sys/bus/pci/devices")
NVIDIA, DISPLAY_CLASSES = "0x10de", ("0x0300", "0x0302")  # PCI vendor; VGA and 3D controllers


def has_card(pci: Path = PCI) -> bool:
    """Whether there is one (Linux; False where it can't be known)."""
    for device in pci.glob("*"):
        try:
            vendor, kind = (device / "vendor").read_text().strip(), (device / "class").read_text().strip()
        except OSError:  # a device that went away
            continue
        if vendor == NVIDIA and kind.startswith(DISPLAY_CLASSES):
            return True
    return False
