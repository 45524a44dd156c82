"""A run's pictures as the trainer keeps them in memory, in one file that is small enough to be carried to a GPU.

    python train/recipes/packed.py train/recipes/small-2.json pictures.zip      # 92 MiB of 5,671 pictures

`by_the_clock.py` trains from it. Pictures become WebP of at most SIDE pixels, their alphas lossless in 5 bits.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha1
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np

from rtseg.arrays import U8
from rtseg.pixels.geometry import limited
from rtseg_train.config import TrainConfig
from rtseg_train.data import TrainBatches
from rtseg_train.windows import Picture

SIDE, QUALITY, SURE_QUALITY = 480, 78, 60
NEAR = 4  # levels of alpha from 0 and 255 that become them: what a net's opinion has there costs most of the bytes
STEP = 8  # levels of alpha that become one
LOSSLESS = 101  # WebP's quality, for OpenCV
INDEX = "index.json"


def webp(picture: U8, quality: int) -> bytes:
    """A picture, HxWx3 BGR or HxW, as WebP."""
    three = picture if picture.ndim == 3 else cv2.merge([picture] * 3)
    return cv2.imencode(".webp", three, [cv2.IMWRITE_WEBP_QUALITY, quality])[1].tobytes()


def coarse(alpha: U8) -> U8:
    """The same in fewer levels, 0 and 255 kept."""
    out = np.clip((alpha.astype(np.int16) + STEP // 2) // STEP * STEP, 1, 254).astype(np.uint8)
    return np.where(alpha < NEAR, 0, np.where(alpha > 255 - NEAR, 255, out)).astype(np.uint8)


def pack(config: TrainConfig, target: Path) -> int:
    """Write the file; returns how many pictures are in it."""
    data = TrainBatches(dataclasses.replace(config, val="none", cache_mib=1 << 20))
    for _ in data.preload():
        pass
    parts: dict[str, bytes] = {}

    def kept(part: bytes) -> str:
        name = sha1(part).hexdigest()  # a picture that a list names four times is there once
        parts[name] = part
        return name

    index = {}
    for number, picture in sorted(data.cache.items()):
        image, alpha = limited(picture.image, SIDE), limited(picture.alpha, SIDE)
        sure = None if picture.sure is None or picture.sure.min() == 255 else limited(picture.sure, SIDE // 2)
        index[number] = (
            kept(webp(image, QUALITY)),
            kept(webp(coarse(alpha), LOSSLESS)) if alpha.any() else None,
            None if sure is None else kept(webp(sure, SURE_QUALITY)),
            picture.exact,
        )
    rest = {"people": data.people, "empties": data.empties, "cut": data.cut, "pairs": len(data.pairs)}
    rest |= {"rooms": len(data.rooms), "cutouts": [str(pair.image) for pair in data.cutouts]}
    with ZipFile(target, "w") as file:
        file.writestr(INDEX, json.dumps({"pictures": index, "rest": rest}))
        for name, part in parts.items():
            file.writestr(name, part)
    return len(index)


def unpacked(config: TrainConfig, file: Path, threads: int = 6) -> TrainBatches:
    """Batches of a config from such a file, without the files that it names."""
    with ZipFile(file) as packed:
        found = json.loads(packed.read(INDEX))
        parts = {name: packed.read(name) for name in packed.namelist()}

    def plane(name: str, size: tuple[int, int]) -> U8:
        level = cv2.imdecode(np.frombuffer(parts[name], np.uint8), cv2.IMREAD_COLOR)[..., 0]
        return np.ascontiguousarray(cv2.resize(level, size))

    def picture(item: tuple[str, Any]) -> tuple[int, Picture]:
        number, (image_name, alpha, sure, exact) = item
        image = np.asarray(cv2.imdecode(np.frombuffer(parts[image_name], np.uint8), cv2.IMREAD_COLOR), np.uint8)
        size = image.shape[1::-1]
        planes = plane(alpha, size) if alpha else np.zeros(size[::-1], np.uint8), plane(sure, size) if sure else None
        return int(number), Picture(image, *planes, exact)

    with ThreadPoolExecutor(threads) as pool:
        cache = dict(pool.map(picture, found["pictures"].items()))
    return Packed(config, cache, found["rest"])


class Packed(TrainBatches):
    """`TrainBatches` whose pictures are all in memory already."""

    def __init__(self, config: TrainConfig, cache: dict[int, Picture], rest: dict[str, Any]) -> None:
        cv2.setNumThreads(1)
        self.config, self.cache, self.shard = config, cache, (0, 1)
        self.pairs, self.rooms = [None] * rest["pairs"], [None] * rest["rooms"]  # type: ignore[list-item]
        self.cutouts = [dataclasses.make_dataclass("Cutout", ["image"])(Path(name)) for name in rest["cutouts"]]
        self.people, self.empties, self.cut = rest["people"], rest["empties"], rest["cut"]


if __name__ == "__main__":
    print(pack(TrainConfig.load(Path(sys.argv[1])), Path(sys.argv[2])), "pictures")
