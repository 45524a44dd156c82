"""The seeded stream of training batches, made from labelled pictures and rooms."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg.pixels.geometry import limited, network_size
from rtseg.sources.pictures import read_picture
from rtseg_train.augment import Sample, make_sample, make_twins
from rtseg_train.batch import Batch, stacked
from rtseg_train.config import TrainConfig
from rtseg_train.cutouts import find_with_cutouts, look_at_cutout, read_cutout
from rtseg_train.data_report import Inspection, usable
from rtseg_train.dataset import Pair
from rtseg_train.folders import list_images
from rtseg_train.inspect_data import look
from rtseg_train.masks import Mask, read_labelled
from rtseg_train.windows import Picture
from rtseg_train.workers import AHEAD, Shared, one_thread

Scene = tuple[Picture, Picture | None, Picture, int]
KEPT_SIDE = 512  # pixels; pictures are kept no larger than this in memory
# Shapes that batches take: webcams are landscape, phone photos portrait.
ASPECTS = (16 / 9, 16 / 10, 4 / 3, 1.0, 3 / 4, 2 / 3)
ASPECT_WEIGHTS = (0.16, 0.16, 0.2, 0.06, 0.3, 0.12)
ONE_CLIP = 15  # levels between moments of one person, mean: clips of 25 frames a second have 1 to 4, two people 27 on


class TrainBatches(Dataset[Batch]):
    """Batch number `step`, always the same for the same seed: resuming needs no other state.

    Pictures are found at once, `val` those to validate on, and read by `preload`. Raises DataError when there are none.
    """

    def __init__(self, config: TrainConfig) -> None:
        cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
        self.config = config
        sets, cutouts = find_with_cutouts(config.train, config.val, config.person, config.cutouts)
        self.pairs = sets.train.pairs
        self.val = list(sets.val.pairs)  # never trained on
        self.rooms: list[Path] = []
        if config.backgrounds:
            folder = Path(config.backgrounds)
            if not folder.is_dir():
                raise DataError(f"backgrounds: {folder} is not a folder")
            self.rooms = list_images(folder)
        self.cutouts = cutouts.pairs
        if self.cutouts and not self.rooms:
            raise DataError("cut-outs need rooms to stand in: give a folder of pictures without people, --backgrounds")
        self.inspection = Inspection(sets, self.rooms, config.strict, cutouts)
        self.shard = (0, 1)  # this process's number and how many share each batch
        self.cache: dict[int, Picture] = {}
        self.people: list[int] = []  # indices of pictures with somebody in them
        self.empties: list[int] = []  # indices of pictures and rooms with nobody
        self.cut: list[int] = []  # indices of cut-outs: they come after the rooms

    def preload(self) -> Iterator[int]:
        """Read every picture once, keep what fits in memory, sort people from empty ones; yields the count.

        Bad ones are skipped, and taken out of `val`; `inspection` says which. Raises DataError at the end when
        none are left, nobody is in any of them, or the config is strict and something was bad.
        """
        seen = self.inspection
        seen.train, seen.val, seen.cut, seen.bad_rooms = [], [], [], {}
        budget = self.config.cache_mib * 2**20
        for index in range(self.count):
            picture = self._inspect(index)
            if picture is not None:
                (self.cut if picture.exact else self.people if picture.alpha.any() else self.empties).append(index)
                budget -= sum(p.nbytes for p in (picture.image, picture.alpha, picture.sure) if p is not None)
                if budget > 0:
                    self.cache[index] = picture
            yield index + 1
        for count, pair in enumerate(seen.sets.val.pairs, start=self.count + 1):
            seen.val.append(look(pair)[0])
            yield count
        seen.settle()
        self.val = usable(seen.val)
        if not self.people and not self.cut:
            raise DataError(f"no mask in {self.config.train} has anybody in it")
        if self.cut and not self.empties:
            raise DataError(f"cut-outs need rooms to stand in: no picture in {self.config.backgrounds} can be used")

    def _inspect(self, index: int) -> Picture | None:
        """Read picture number `index` and note what it is; None when it can't be used."""
        if index < len(self.pairs):
            finding, image, mask = look(self.pairs[index])
            self.inspection.train.append(finding)
            self.inspection.ask_early()
            return None if finding.problem else shrink(self._labelled(self.pairs[index], image, mask))
        if index >= len(self.pairs) + len(self.rooms):
            finding, image, alpha = look_at_cutout(self.cutouts[index - len(self.pairs) - len(self.rooms)])
            self.inspection.cut.append(finding)
            return None if finding.problem else shrink(Picture(image, alpha, exact=True))
        try:
            return self._read(index)
        except DataError as e:
            self.inspection.bad_rooms[self.rooms[index - len(self.pairs)]] = str(e)
            return None

    def _read(self, index: int) -> Picture:
        room = index - len(self.pairs)
        if room < 0:
            return shrink(self._labelled(self.pairs[index], *read_labelled(self.pairs[index])))
        if room < len(self.rooms):
            image = read_picture(self.rooms[room], DataError)
            return shrink(Picture(image, np.zeros(image.shape[:2], np.uint8)))
        image, alpha = read_cutout(self.cutouts[room - len(self.rooms)])
        return shrink(Picture(image, alpha, exact=True))

    def _labelled(self, pair: Pair, image: U8, mask: Mask) -> Picture:
        """With how far the label is to be believed: as the list says, and not at all where it is void.

        Raises DataError for a `sure` of another size.
        """
        sure = read_picture(pair.sure, DataError, cv2.IMREAD_GRAYSCALE) if pair.sure else None
        if sure is not None and sure.shape != mask.alpha.shape:
            (sh, sw), (h, w) = sure.shape, mask.alpha.shape
            raise DataError(f"{pair.sure} is {sw}x{sh}, its picture {w}x{h}")
        if mask.void is not None:
            sure = np.where(mask.void, np.uint8(0), np.uint8(255) if sure is None else sure)
        return Picture(image, mask.alpha, sure)

    def picture(self, index: int) -> Picture:
        """Picture number `index`, from memory when it is there."""
        return self.cache.get(index) or self._read(index)

    @property
    def count(self) -> int:
        """How many pictures there are: labelled ones, rooms, cut-outs."""
        return len(self.pairs) + len(self.rooms) + len(self.cutouts)

    def __len__(self) -> int:
        return self.config.steps

    def __getitem__(self, step: int) -> Batch:
        cfg = self.config
        rng = np.random.default_rng((cfg.seed, step))
        weights = np.array(ASPECT_WEIGHTS)
        aspect = float(rng.choice(ASPECTS, p=weights / weights.sum()))
        # Log-uniform: small network sizes are the common case, large ones teach small people.
        area = math.exp(rng.uniform(math.log(cfg.smallest_area), math.log(cfg.largest_area)))
        size = network_size(round(aspect * 1000), 1000, int(area))
        pairs = cfg.batch // 2 if rng.random() < cfg.paired else 0
        own_pairs, own_singles = self._share(pairs), self._share(cfg.batch - 2 * pairs)
        samples: list[Sample] = []
        for i in own_pairs:
            rng = self._sample_rng(step, i)
            picture, room, other, index = self._scene(rng, size)
            samples += make_twins(rng, picture, size, room, other, self._following(index))
        for i in own_singles:
            rng = self._sample_rng(step, pairs + i)
            picture, room, other, _ = self._scene(rng, size)
            samples.append(make_sample(rng, picture, size, room, other))
        return stacked(samples, len(own_pairs))

    def _share(self, count: int) -> range:
        """Which of `count` samples or pairs of a batch this process makes."""
        rank, size = self.shard
        return range(count * rank // size, count * (rank + 1) // size)

    def _sample_rng(self, step: int, number: int) -> np.random.Generator:
        """Each sample or pair has its own, so that a process can make its share without the rest."""
        return np.random.default_rng((self.config.seed, step, 1 + number))  # a seed that ends in 0 is as one without it

    def _scene(self, rng: np.random.Generator, size: tuple[int, int]) -> Scene:
        """Picture, room, other picture, and the picture's index."""

        def draw(indices: list[int]) -> int:
            return indices[int(rng.integers(len(indices)))]

        kind, cfg = rng.random(), self.config
        other = self.picture(draw(self.cut if self.cut and rng.random() < cfg.cutout else self.people or self.cut))
        room = self.picture(draw(self.empties)) if self.empties else None
        if room is not None and kind < cfg.empty:
            return room, None, other, -1
        kind -= cfg.empty
        if self.cut and (kind < cfg.cutout or not self.people):
            index = draw(self.cut)
            return self.picture(index), room, other, index
        kind -= cfg.cutout if self.cut else 0.0
        index = draw(self.people)
        # A landscape window inside a portrait shows little but a chin; on a room there is space around.
        composite = cfg.composite if size[0] > size[1] else cfg.composite / 2
        return self.picture(index), room if kind < composite else None, other, index

    def _following(self, index: int) -> Picture | None:
        """The next moment of a cut-out's clip: the next of the list, in the same folder, with the next number.

        People of a numbered folder are not moments of each other: they have other colours where both are.
        """
        k = index - len(self.pairs) - len(self.rooms)
        if not 0 <= k < len(self.cutouts) - 1:
            return None
        here, there = self.cutouts[k].image, self.cutouts[k + 1].image
        if index + 1 not in self.cut:  # it can't be used
            return None
        numbers = here.parent == there.parent and here.stem.isdigit() and there.stem.isdigit()
        if not numbers or int(there.stem) != int(here.stem) + 1:
            return None
        following = self.picture(index + 1)
        return following if same_person(self.picture(index), following) else None


def same_person(before: Picture, after: Picture) -> bool:
    """Whether two cut-outs are moments of one clip, by size and colours."""
    if before.alpha.shape != after.alpha.shape:
        return False
    some = slice(None, None, 4), slice(None, None, 4)  # pixels are enough to tell by: this is asked for each sample
    both = (before.alpha[some] > 127) & (after.alpha[some] > 127)
    apart = cv2.absdiff(before.image[some], after.image[some])[both]
    return bool(apart.size and apart.mean() < ONE_CLIP)


def shrink(picture: Picture) -> Picture:
    """The picture as it is kept in memory."""
    sure = None if picture.sure is None else limited(picture.sure, KEPT_SIDE)
    return Picture(limited(picture.image, KEPT_SIDE), limited(picture.alpha, KEPT_SIDE), sure, picture.exact)


def batches(dataset: TrainBatches, first_step: int) -> DataLoader[Batch]:
    """Batches first_step, first_step + 1, ... of the run, in order."""
    workers = dataset.config.workers
    if workers and multiprocessing.get_start_method() != "fork":
        dataset.cache = Shared(dataset.cache)
    return DataLoader(
        dataset,
        batch_size=None,
        sampler=range(first_step, dataset.config.steps),
        num_workers=workers,
        prefetch_factor=AHEAD if workers else None,
        worker_init_fn=one_thread,
        pin_memory=torch.cuda.is_available(),
    )
