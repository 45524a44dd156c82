"""The article's recipe beside its loop: pictures as its net takes them, what an epoch gave, and what is drawn of it."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torchvision import tv_tensors  # type: ignore[import-untyped]
from torchvision.transforms import v2  # type: ignore[import-untyped]

from rtseg.arrays import U8
from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg_train.checkpoint import read_notes, read_tensors
from rtseg_train.classes import VOID
from rtseg_train.classic import ClassicUNet, widths_of
from rtseg_train.dataset import Pair
from rtseg_train.masks import read_labelled
from rtseg_train.report import pyplot, save

SHOWN = 3  # test pictures in predictions.png, and as many training pictures


def read_classes(pair: Pair) -> tuple[U8, U8]:
    """(uint8 HxWx3 BGR, uint8 HxW of 0, 1 for person and VOID): soft edges are person too.

    Raises DataError as `read_labelled` does.
    """
    image_bgr, mask = read_labelled(pair)
    classes = (mask.alpha > 0).astype(np.uint8)
    return image_bgr, classes if mask.void is None else np.where(mask.void, np.uint8(VOID), classes)


def to_image(image_bgr: U8) -> tv_tensors.Image:
    """uint8 HxWx3 BGR to uint8 3xHxW RGB."""
    return tv_tensors.Image(torch.from_numpy(image_bgr[..., ::-1].copy()).permute(2, 0, 1))


def to_square(size: int) -> v2.Transform:
    """Resize (images linear, masks nearest) without keeping the shape, then scale images to 0..1."""
    types = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}
    return v2.Compose([v2.Resize((size, size), antialias=True), v2.ToDtype(types, scale=True), v2.ToPureTensor()])


@dataclass(frozen=True)
class Epoch:
    """A row of log.csv: mean cross-entropy per pixel, and share of pixels (0..1) given the right class."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float

    def line(self, epochs: int) -> str:
        """For the screen."""
        train = f"train loss {self.train_loss:.4f}, accuracy {self.train_accuracy:.2%}"
        test = f"test loss {self.test_loss:.4f}, accuracy {self.test_accuracy:.2%}"
        return f"epoch {self.epoch}/{epochs}  {train}  {test}"


def write_log(history: list[Epoch], path: Path) -> None:
    """One row per epoch."""
    rows = [asdict(epoch) for epoch in history]
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw_curves(history: list[Epoch], path: Path) -> None:
    """Loss and accuracy over epochs, training and test in each."""
    epochs = [e.epoch for e in history]
    loss = {"training": [e.train_loss for e in history], "test": [e.test_loss for e in history]}
    right = {"training": [100 * e.train_accuracy for e in history], "test": [100 * e.test_accuracy for e in history]}
    figure, axes = pyplot().subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name, curves in zip(axes, ("loss", "pixels right, %"), (loss, right), strict=True):
        for kind, values in curves.items():
            axis.plot(epochs, values, marker=".", label=kind)
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    save(figure, path)


def load_net(weights: Path) -> tuple[ClassicUNet, int]:
    """The net from disk, and the side in pixels that it was trained at; raises DataError for any other file."""
    area, tensors = read_notes(weights).get("area"), read_tensors(weights)
    try:
        net = ClassicUNet(widths_of(tensors))
        net.load_state_dict(tensors)
    except (KeyError, RuntimeError) as e:
        raise DataError(f"{weights} holds another net; this takes what --preset article made: {e}") from e
    if not isinstance(area, int):
        raise DataError(f"{weights.with_suffix('.json')} lacks the area; it is not from `rtseg train`")
    return net.eval(), math.isqrt(area)


def predict_mask(net: ClassicUNet, image_bgr: U8, size: int) -> U8:
    """uint8 HxWx3 BGR to a mask, uint8 HxW of 0 and 255: person where that is the more likely class."""
    with torch.inference_mode():
        classes = net.classes(to_square(size)(to_image(image_bgr))[None])
    person = torch.softmax(classes, dim=1)[0, 1].numpy()
    h, w = image_bgr.shape[:2]
    return np.where(cv2.resize(person, (w, h), interpolation=cv2.INTER_LINEAR) > 0.5, 255, 0).astype(np.uint8)


def draw_predictions(weights: Path, test: list[Pair], train: list[Pair], path: Path) -> None:
    """Picture, true mask and predicted mask of a few test and training pictures, by the weights on disk."""
    net, size = load_net(weights)
    shown = [("test", p) for p in test[:SHOWN]] + [("training", p) for p in train[:SHOWN]]
    figure, axes = pyplot().subplots(len(shown), 3, figsize=(8, 2.4 * len(shown)), squeeze=False, layout="constrained")
    figure.set_facecolor("lightgrey")  # on white the edge of a white mask is lost
    for row, (kind, pair) in zip(axes, shown, strict=True):
        image_bgr, classes = read_classes(pair)
        predicted = predict_mask(net, image_bgr, size)
        right = ((predicted > 0) == classes)[classes != VOID]
        accuracy = right.mean() if right.size else 1.0
        titles = (f"{kind} picture", "true mask", f"predicted mask: {accuracy:.1%} right")
        pictures = (image_bgr[..., ::-1], np.choose(np.minimum(classes, 2), (0, 255, 128)), predicted)
        for axis, title, picture in zip(row, titles, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axis.set_title(title, fontsize=10)
            axis.axis("off")
    save(figure, path)
