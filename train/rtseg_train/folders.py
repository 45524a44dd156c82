"""Where in a folder the pictures and their masks lie, told by the names of folders and files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rtseg.formats import PICTURES

IMAGES = (
    "images",
    "imgs",
    "image",
    "img",
    "jpegimages",
    "pictures",
    "photos",
    "im",
    *("com", "src", "original", "original_image", "blurred_image", "merged"),  # of matting sets
)  # names of folders, in small letters; the first counts
MASKS = (
    *("masks", "mask", "segmentationclass", "mattes", "matte", "labels", "label", "alpha", "alphas", "pha", "gt"),
    *("segmentations", "segmentation", "annotations", "annotation"),
)
MASK_ENDINGS = ("_matte", "_mask", "-mask", ".mask", "_label", "_seg", "_segmentation", "_alpha", "_gt")
MASK_FILES = (*PICTURES, ".gif")
# A set may be split into sub-folders; the first name that is there counts.
SPLITS = {
    "train": ("training", "train"),
    "val": ("val", "valid", "validation", "testing", "test"),
    "test": ("testing", "test", "val", "valid", "validation"),
}


@dataclass(frozen=True)
class Layout:
    """Where the pictures and the masks of a folder lie."""

    images: Path
    masks: Path  # the same folder: pictures beside their masks
    words: str  # for one line
    split: bool = False

    def pictures(self) -> tuple[list[Path], list[Path]]:
        """(pictures, masks), each sorted."""
        if self.images != self.masks:
            return pictures_under(self.images), pictures_under(self.masks, MASK_FILES)
        beside = list_images(self.images, MASK_FILES)
        masks = [p for p in beside if is_called_mask(p)]
        return [p for p in beside if is_picture(p) and not is_called_mask(p)], masks


def list_images(folder: Path, kinds: tuple[str, ...] = PICTURES) -> list[Path]:
    """The pictures directly in a folder, sorted by name."""
    return sorted(p for p in folder.iterdir() if is_picture(p, kinds))


def pictures_under(folder: Path, kinds: tuple[str, ...] = PICTURES) -> list[Path]:
    """The pictures in a folder and all its sub-folders, sorted by path."""
    return sorted(p for p in folder.rglob("*") if is_picture(p, kinds))


def is_picture(path: Path, kinds: tuple[str, ...] = PICTURES) -> bool:
    """By name; hidden files are not, among them what macOS leaves on foreign disks (._00001.png)."""
    return path.suffix.lower() in kinds and not path.name.startswith(".") and path.is_file()


def is_called_mask(path: Path) -> bool:
    """Whether a picture's name says that it is the mask of the one beside it."""
    name = path.stem.lower()
    return name.endswith(MASK_ENDINGS) or name.startswith("mask_")


def part_of(folder: Path, split: str) -> Layout | None:
    """The part of a split set: train/ (or one of its other names), or images/train/ beside masks/train/."""
    whole = layout_of(folder)
    for name in SPLITS[split]:
        part = subfolder(folder, (name,))
        layout = layout_of(part) if part else None
        if part and layout:
            return replace(layout, words=f"{layout.words} in {part.name}/", split=True)
        masks = subfolder(folder, (f"{name}_masks", f"{name}_mask"))
        if part and masks:
            return Layout(part, masks, f"{part.name}/ and {masks.name}/", True)
        if whole and whole.images != whole.masks:
            images, masks = (subfolder(kind, (name,)) for kind in (whole.images, whole.masks))
            if images and masks:
                words = f"{whole.images.name}/{images.name}/ and {whole.masks.name}/{masks.name}/"
                return Layout(images, masks, words, True)
    return None


def layout_of(folder: Path) -> Layout | None:
    """The layout of a folder that is not split."""
    images, masks = subfolder(folder, IMAGES), subfolder(folder, MASKS)
    if images and masks:
        return Layout(images, masks, f"{images.name}/ and {masks.name}/")
    if any(map(is_called_mask, list_images(folder, MASK_FILES))):
        return Layout(folder, folder, "pictures beside their masks")
    return None


def subfolder(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The first of the names (in small letters) that is a folder in this one, in letters of any case."""
    inside = {p.name.lower(): p for p in sorted(folder.iterdir(), reverse=True) if p.is_dir()}
    return next((inside[name] for name in names if name in inside), None)
