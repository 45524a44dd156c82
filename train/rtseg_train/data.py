"""Lists of (image, mask) pairs and the endless, seeded stream of training batches made from them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from rtseg.errors import DataError
from rtseg.geometry import network_size
from rtseg.pictures import PICTURES, read_picture
from rtseg_train.augment import Picture, make_sample, make_twins
from rtseg_train.config import TrainConfig

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
# frame_bgr NxHxWx3 u8, previous_alpha and alpha Nx1xHxW, and how many pairs of frames of one scene come first.
Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, int]
Scene = tuple[Picture, tuple[int, int], Picture | None, Picture | None]
MAX_SIDE = 512  # pixels; pictures are kept no larger than this in memory
# Shapes that batches take: webcams are landscape, phone photos portrait.
ASPECTS = (16 / 9, 16 / 10, 4 / 3, 1.0, 3 / 4, 2 / 3)
ASPECT_WEIGHTS = (0.16, 0.16, 0.2, 0.06, 0.3, 0.12)


@dataclass(frozen=True)
class Pair:
    """One labelled picture."""

    source: str
    image: Path
    mask: Path


def read_list(path: Path) -> list[Pair]:
    """Read a CSV with the columns image,mask[,source]; raises DataError for what is not one."""
    try:
        with path.open(newline="", encoding="utf-8") as f:
            rows = list(csv.DictReader(f))
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise DataError(f"cannot read the list {path}: {e}") from e
    if not rows or not {"image", "mask"} <= set(rows[0]):
        raise DataError(f"{path} needs a header with the columns image,mask and at least one row")
    pairs = []
    for number, row in enumerate(rows, start=2):
        if not row["image"] or not row["mask"]:
            raise DataError(f"{path}, line {number}: image or mask is empty")
        image, mask = path.parent / row["image"], path.parent / row["mask"]
        pairs.append(Pair(row.get("source") or "all", image, mask))
    missing = [str(p) for pair in pairs for p in (pair.image, pair.mask) if not p.is_file()]
    if missing:
        raise DataError(f"{path} names files that are not there (paths are relative to the list): {several(missing)}")
    return pairs


def several(problems: list[str], shown: int = 4) -> str:
    """The first few of many problems, one a line, for an error message."""
    more = [f"... and {len(problems) - shown} more"] if len(problems) > shown else []
    return "".join(f"\n  {line}" for line in problems[:shown] + more)


def list_images(folder: Path) -> list[Path]:
    """The pictures directly in a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in PICTURES)


def read_pair(pair: Pair) -> tuple[U8, U8]:
    """(uint8 HxWx3 BGR, uint8 HxW alpha 0..255); raises DataError when unreadable or of unequal size."""
    image = read_picture(pair.image, DataError)
    mask = read_picture(pair.mask, DataError, cv2.IMREAD_GRAYSCALE)
    if mask.shape != image.shape[:2]:
        (mh, mw), (h, w) = mask.shape, image.shape[:2]
        raise DataError(f"{pair.mask} is {mw}x{mh}, its picture {pair.image} is {w}x{h}")
    return image, mask


def check_pairs(pairs: list[Pair]) -> Iterator[int]:
    """Read every pair once and yield the count; at the end raises one DataError that names the bad ones."""
    problems = []
    for count, pair in enumerate(pairs, start=1):
        try:
            read_pair(pair)
        except DataError as e:
            problems.append(str(e))
        yield count
    if problems:
        raise DataError(f"{len(problems)} of {len(pairs)} labelled pictures can't be used:{several(problems)}")


class TrainBatches(Dataset[Batch]):
    """Batch number `step`, always the same for the same seed: resuming needs no other state."""

    def __init__(self, config: TrainConfig) -> None:
        cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
        self.config = config
        self.pairs = read_list(Path(config.train))
        self.rooms: list[Path] = []
        if config.backgrounds:
            folder = Path(config.backgrounds)
            if not folder.is_dir():
                raise DataError(f"backgrounds: {folder} is not a folder")
            self.rooms = list_images(folder)
        self.cache: dict[int, Picture] = {}
        self.people: list[int] = []  # indices of pictures with somebody in them
        self.empties: list[int] = []  # indices of pictures and rooms with nobody

    def preload(self) -> Iterator[int]:
        """Read every picture once, keep what fits in memory, sort people from empty ones; yields the count.

        At the end raises one DataError that names the pictures that can't be used.
        """
        budget, problems = self.config.cache_mib * 2**20, []
        for index in range(len(self.pairs) + len(self.rooms)):
            try:
                picture = self._read(index)
            except DataError as e:
                problems.append(str(e))
                continue
            (self.people if picture.alpha.any() else self.empties).append(index)
            budget -= picture.image.nbytes + picture.alpha.nbytes
            if budget > 0:
                self.cache[index] = picture
            yield index + 1
        if problems:
            raise DataError(f"{len(problems)} training pictures can't be used:{several(problems)}")
        if not self.people:
            raise DataError(f"no mask in {self.config.train} has anybody in it")

    def _read(self, index: int) -> Picture:
        if index < len(self.pairs):
            image, alpha = read_pair(self.pairs[index])
        else:
            image = read_picture(self.rooms[index - len(self.pairs)], DataError)
            alpha = np.zeros(image.shape[:2], np.uint8)
        height, width = alpha.shape
        scale = MAX_SIDE / max(height, width)
        if scale < 1:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
            alpha = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
        return Picture(image, alpha)

    def picture(self, index: int) -> Picture:
        """Picture number `index`, from memory when it is there."""
        return self.cache.get(index) or self._read(index)

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        cfg = self.config
        rng = np.random.default_rng((cfg.seed, step))
        weights = np.array(ASPECT_WEIGHTS)
        aspect = float(rng.choice(ASPECTS, p=weights / weights.sum()))
        # Log-uniform: small network sizes are the common case, large ones teach small people.
        area = math.exp(rng.uniform(math.log(0.9 * cfg.preferred_area), math.log(cfg.largest_area)))
        size = network_size(round(aspect * 1000), 1000, int(area))
        pairs = cfg.batch // 2 if rng.random() < cfg.paired else 0
        samples = [s for _ in range(pairs) for s in make_twins(rng, *self._scene(rng, size))]
        samples += [make_sample(rng, *self._scene(rng, size)) for _ in range(cfg.batch - len(samples))]
        frames, previous, alphas = (np.stack(part) for part in zip(*samples, strict=True))
        return torch.from_numpy(frames), torch.from_numpy(previous)[:, None], torch.from_numpy(alphas)[:, None], pairs

    def _scene(self, rng: np.random.Generator, size: tuple[int, int]) -> Scene:
        """Picture, size, room and other picture of a sample: what `make_sample` takes."""

        def draw(indices: list[int]) -> Picture:
            return self.picture(indices[int(rng.integers(len(indices)))])

        kind = rng.random()
        cfg = self.config
        other = draw(self.people)
        if self.empties and kind < cfg.empty:
            return draw(self.empties), size, None, other
        # A landscape window inside a portrait shows little but a chin; on a room there is space around.
        composite = cfg.composite if size[0] > size[1] else cfg.composite / 2
        if self.empties and kind < cfg.empty + composite:
            return draw(self.people), size, draw(self.empties), other
        return draw(self.people), size, None, other


def batches(dataset: TrainBatches, first_step: int) -> DataLoader[Batch]:
    """Batches first_step, first_step + 1, ... of the run, in order."""
    workers = dataset.config.workers
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=range(first_step, dataset.config.steps),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread,
    )


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
