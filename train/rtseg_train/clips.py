"""Clips with masks: frames in order, the label of each, and their scores when they are run as a video.

A clip is a folder with `frames/` (or `images/`) and `masks/`, masks named as their frames; or a video file with
a folder of masks, one per frame in the order of their names (in the clip's folder too: one video and `masks/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg.formats import VIDEOS
from rtseg.sources.opening import open_source
from rtseg.sources.pictures import read_picture
from rtseg_train.classes import Person
from rtseg_train.dataset import several
from rtseg_train.evaluate import Look, Predictor
from rtseg_train.folders import IMAGES, MASK_ENDINGS, MASK_FILES, MASKS, list_images, subfolder
from rtseg_train.masks import Mask, read_mask
from rtseg_train.measures import as_alpha
from rtseg_train.metrics import Score, score

FRAMES = ("frames",)  # names of a clip's folder of frames; IMAGES will do too, but may be stills


@dataclass(frozen=True)
class Clip:
    """Where the frames and masks of one clip lie. A frame with None for its mask is run but not scored."""

    name: str
    frames: tuple[Path, ...]  # pictures, or one video file
    masks: tuple[Path | None, ...]
    person: Person | None = None  # which of the masks' classes are the person, where they have classes

    def __len__(self) -> int:
        return len(self.masks)

    def read(self) -> Iterator[tuple[U8, Mask | None]]:
        """(frame_bgr HxWx3, its mask) in order; raises DataError or SourceError for what can't be used."""
        count = 0
        for count, image in enumerate(self._images(), start=1):
            if count > len(self.masks):
                raise DataError(f"{self.frames[0]} has more frames than the {len(self.masks)} masks of {self.name}")
            mask = self.masks[count - 1]
            yield image, None if mask is None else self._label(mask, image.shape[:2])
        if count < len(self.masks):
            raise DataError(f"{self.frames[0]} has {count} frames, but there are {len(self.masks)} masks")

    def _images(self) -> Iterator[U8]:
        if self.frames[0].suffix.lower() in VIDEOS:
            with open_source(str(self.frames[0])) as source:
                yield from (frame.image for frame in source)
        else:
            yield from (read_picture(path, DataError) for path in self.frames)

    def _label(self, path: Path, shape: tuple[int, ...]) -> Mask:
        """Raises DataError when it has not the frame's shape."""
        mask = read_mask(path, self.person)
        if mask.alpha.shape != shape:
            (mh, mw), (h, w) = mask.alpha.shape, shape
            raise DataError(f"{path} is {mw}x{mh}, its frame is {w}x{h}")
        return mask


def is_clip(path: Path) -> bool:
    """Whether it is certainly a video: a video file, or a folder with `frames/` or a video beside `masks/`."""
    if path.suffix.lower() in VIDEOS and path.is_file():
        return True
    return path.is_dir() and bool(subfolder(path, MASKS) and (subfolder(path, FRAMES) or videos_in(path)))


def find_clips(path: Path, masks: Path | None = None, person: str | None = None) -> list[Clip]:
    """The clip at `path`, or those in its subfolders; `masks` is the folder that belongs to a video file.

    person: which classes of the masks are the person, as in `find_pairs`. Raises DataError that says which layouts
    there are when nothing fits.
    """
    classes = None if person is None else Person.of(person)
    if path.is_file():
        if masks is None:
            raise DataError(f"{path} is a video; give the folder of its masks with --masks")
        return [replace(video_clip(path, masks), person=classes)]
    if not path.is_dir():
        raise DataError(f"{path} is not there; give a clip's folder or a video file")
    folders = [path] if has_frames(path) else sorted(p for p in path.iterdir() if p.is_dir() and has_frames(p))
    if not folders:
        raise DataError(
            f"{path} is no clip: it needs {MASKS[0]}/ and either {FRAMES[0]}/, {IMAGES[0]}/ or one video file "
            f"({', '.join(VIDEOS)}) in it, or subfolders like that"
        )
    return [replace(folder_clip(folder), person=classes) for folder in folders]


def has_frames(path: Path) -> bool:
    return is_clip(path) or bool(subfolder(path, MASKS) and subfolder(path, IMAGES))


def videos_in(path: Path) -> list[Path]:
    return sorted(p for p in path.iterdir() if p.suffix.lower() in VIDEOS) if path.is_dir() else []


def folder_clip(path: Path) -> Clip:
    """The clip in a folder, whose name it takes; raises DataError when masks and frames don't belong together."""
    name, labels = path.resolve().name, subfolder(path, MASKS) or path / MASKS[0]
    folder = subfolder(path, FRAMES + IMAGES)
    if folder is None:
        videos = videos_in(path)
        if len(videos) > 1:
            raise DataError(f"{path} has {len(videos)} videos beside {labels.name}/; give one of them, and --masks")
        return video_clip(videos[0], labels, name)
    frames = list_images(folder)
    stems = {f.stem for f in frames}
    masks = {bare(p.stem, stems): p for p in list_images(labels, MASK_FILES)}
    strangers = sorted(masks.keys() - stems)
    if strangers:
        raise DataError(f"{path}: {len(strangers)} masks have no frame of their name: {several(strangers)}")
    if not masks:
        raise DataError(f"{labels} has no pictures in it")
    return Clip(name, tuple(frames), tuple(masks.get(f.stem) for f in frames))


def bare(stem: str, frames: set[str]) -> str:
    """A mask's name as its frame's: 001_mask is that of 001."""
    names = (stem.removesuffix(ending) for ending in ("", *MASK_ENDINGS))
    return next((name for name in names if name in frames), stem)


def video_clip(video: Path, masks: Path, name: str | None = None) -> Clip:
    """A video file with one mask for every frame, in the order of their names."""
    if not masks.is_dir() or not list_images(masks, MASK_FILES):
        raise DataError(f"{masks} is not a folder with a mask for every frame of {video}")
    return Clip(name or video.stem, (video,), tuple(list_images(masks, MASK_FILES)))


def score_clip(predict: Predictor, clip: Clip, looks: Sequence[Look] = ()) -> Iterator[Score]:
    """Score the labelled frames in order, as `evaluate` does for stills, with dtSSD and flicker from the second on.

    predict: made with `keep_state` if the model is to see the alpha before; nothing else may use it meanwhile.
    """
    before = None
    for number, (image, mask) in enumerate(clip.read()):
        alpha = predict(image)
        if mask is None:
            before = None
            continue
        result = score(clip.name, alpha, mask.alpha, before, mask.void)
        before = alpha if mask.void is None else np.where(mask.void, as_alpha(mask.alpha), alpha), mask.alpha
        for look in looks:
            look(f"{clip.name}, frame {number}", image, mask, alpha, result)
        yield result
