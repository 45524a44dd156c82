"""How much memory a training will take, before it takes it: a machine that runs out takes everything else with it."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from rtseg.errors import DataError
from rtseg_train.config import TrainConfig
from rtseg_train.workers import AHEAD, UNDERWAY

GIB = 2**30
SAMPLE = 3 + 4 + 4 + 4  # bytes of a pixel in a batch: frame, alpha before, alpha, how far to believe it
# Bytes that a step takes for a pixel of a batch in fp32: how far a process grew with 4 pictures of 192x192 on a CPU.
NET = {"quality": 2700, "balanced": 2400, "fast": 2400, "classic": 8000}
HALF = 0.6  # of that in bf16 and fp16: not all is halved
BESIDE = GIB  # Python, torch and the weights
MEMINFO = Path("/proc/meminfo")
CGROUP = Path("/sys/fs/cgroup")


def batch_bytes(config: TrainConfig, processes: int = 1) -> int:
    """Of the largest batch, as one process of several gets it."""
    return -(-config.batch // processes) * config.largest_area * SAMPLE


def check_memory(config: TrainConfig, device: torch.device, processes: int = 1) -> str | None:
    """What to say of a training that may not fit, or None; raises DataError for one that can't.

    processes: that share each batch, here or on other machines.
    """
    waiting = batch_bytes(config, processes) * (1 + (config.workers * AHEAD + UNDERWAY if config.workers else 0))
    net = -(-config.batch // processes) * config.largest_area * NET[config.arch]
    if config.precision != "fp32":
        net = int(net * HALF)
    here, notes = waiting + BESIDE, []
    if device.type == "cuda":
        notes.append(compare("the GPU", net, *torch.cuda.mem_get_info(device), config))
    else:
        here += net
    notes.append(compare("this machine", here * processes_here(), *memory(), config))
    return "\n".join(filter(None, notes)) or None


def compare(where: str, needed: int, free: int, total: int, config: TrainConfig) -> str | None:
    """The verdict on one kind of memory."""
    if not total or needed <= free:
        return None
    text = f"about {needed / GIB:.1f} GiB are needed for --batch {config.batch} of up to {config.largest_area} pixels "
    text += f"({config.arch}), and {where} has {total / GIB:.1f} GiB, {free / GIB:.1f} of them free"
    cure = "give a smaller --batch, --area or --max-area"
    if needed > total:
        raise DataError(f"{text}; {cure}")
    return f"note: {text}; if it fails, {cure}"


def processes_here() -> int:
    """How many processes torchrun has started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def memory() -> tuple[int, int]:
    """(free, total) bytes of this machine, or of the container; (0, 0) where nobody says."""
    try:
        lines = dict(line.split(":", 1) for line in MEMINFO.read_text().splitlines())
        free, total = (1024 * int(lines[name].split()[0]) for name in ("MemAvailable", "MemTotal"))
    except (OSError, ValueError, KeyError):
        try:
            total = free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, ValueError, OSError):  # Windows
            return 0, 0
    limit, used = (number(CGROUP / name) for name in ("memory.max", "memory.current"))
    if limit is None:
        limit, used = (number(CGROUP / "memory" / f"memory.{name}_in_bytes") for name in ("limit", "usage"))
    if limit is not None and limit < total:
        total, free = limit, min(free, limit - (used or 0))
    return free, total


def number(path: Path) -> int | None:
    """What a file of the kernel says; None for "max", and where there is none."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
