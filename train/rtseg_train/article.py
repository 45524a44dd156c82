"""The recipe that articles on U-Net teach, from pictures to predictions: `rtseg train DATA --preset article`.

Plain on purpose, to be read from top to bottom: pictures squashed to 256x256, no augmentation, no pretrained
weights. What rtseg ships is trained by loop.py. Ctrl-C at any moment leaves the last whole epoch's weights.
"""

from __future__ import annotations

import csv
import importlib
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors  # type: ignore[import-untyped]
from torchvision.transforms import v2  # type: ignore[import-untyped]

from rtseg.errors import DataError, OutputError
from rtseg.files import whole_file
from rtseg.pixels.geometry import STRIDE
from rtseg.progress import progress_bar
from rtseg.sources.pictures import read_picture
from rtseg_train.checkpoint import read_notes, read_tensors, save_weights
from rtseg_train.classic import WIDTHS, ClassicUNet, widths_of
from rtseg_train.dataset import Pair
from rtseg_train.masks import read_pair
from rtseg_train.workers import check_shared_memory, one_thread

U8 = NDArray[np.uint8]
LEARNING_RATE = 1e-3
DROP_EVERY, DROP_TO = 7, 0.1  # every so many epochs the learning rate falls to this share of itself
SAMPLE = 3 * 4 + 8  # bytes of a pixel in a batch: the picture in float32, its class in int64
AHEAD = 2  # batches that each worker has ready, as PyTorch has it
SHOWN = 3  # test pictures in predictions.png, and as many training pictures


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


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """(image float32 3xSxS RGB in 0..1, mask int64 SxS: 1 is person), squashed to a square of S pixels."""

    def __init__(self, pairs: list[Pair], size: int) -> None:
        cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
        self.pairs, self.transform = pairs, to_square(size)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image_bgr, mask = read_pair(self.pairs[index])
        person = tv_tensors.Mask(torch.from_numpy(mask > 0))  # whatever is not black, soft edges too
        image, person = self.transform(to_image(image_bgr), person)
        return image, person


def to_image(image_bgr: U8) -> tv_tensors.Image:
    """uint8 HxWx3 BGR to uint8 3xHxW RGB."""
    return tv_tensors.Image(torch.from_numpy(image_bgr[..., ::-1].copy()).permute(2, 0, 1))


def to_square(size: int) -> v2.Transform:
    """Resize (images linear, masks nearest) without keeping the shape, then scale images to 0..1."""
    types = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}
    return v2.Compose([v2.Resize((size, size), antialias=True), v2.ToDtype(types, scale=True), v2.ToPureTensor()])


def train_article(
    train: list[Pair],
    test: list[Pair],
    folder: Path,
    *,
    epochs: int = 10,
    batch: int = 8,
    size: int = 256,
    seed: int = 2021,
    widths: tuple[int, ...] = WIDTHS,
    workers: int = 2,
    threads: int = 0,
) -> Path:
    """Train the classic U-Net and return its weights, `model.safetensors` in `folder`.

    Every epoch writes the weights, log.csv and curves.png, and prints a line; the end draws predictions.png.

    Args:
        size: side in pixels of the square that pictures are squashed to, a multiple of 32.
        seed: of the first weights and of the pictures' order.
        widths: channels of the net's levels; a quarter of the article's is quick on a CPU.
        workers: processes that read pictures; 0 reads in this one.
        threads: of torch on the CPU; 0 for as many as it likes. A CUDA device is used where there is one.

    Raises:
        DataError: for settings, pictures or a folder that can't be used, and when the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once it has said what is saved.
    """
    weights = folder / "model.safetensors"
    check_shared_memory(batch * size * size * SAMPLE, workers, AHEAD)
    check_settings(train, test, weights, epochs, batch, size)
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = ClassicUNet(widths).to(device)
    shuffled = DataLoader(
        Pictures(train, size), batch, shuffle=True, generator=torch.Generator().manual_seed(seed), num_workers=workers,
        worker_init_fn=one_thread,
    )  # fmt: skip
    in_order = DataLoader(Pictures(test, size), batch, num_workers=workers, worker_init_fn=one_thread)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, step_size=DROP_EVERY, gamma=DROP_TO)
    history: list[Epoch] = []
    with progress_bar() as progress:
        reading = progress.add_task("reading pictures", total=len(train) + len(test))
        for pair in train + test:
            read_pair(pair)  # so that a bad picture is named now, and not hours into the run
            progress.advance(reading)
        task = progress.add_task("training", total=epochs * (len(shuffled) + len(in_order)))
        try:
            for epoch in range(1, epochs + 1):
                trained = run_epoch(net, shuffled, lambda: progress.advance(task), optimiser)
                tested = run_epoch(net, in_order, lambda: progress.advance(task))
                schedule.step()
                scores = {"TEST": {"pictures": len(test), "loss": tested[0], "accuracy": 100 * tested[1]}}
                info = {"name": "classic", "arch": "classic", "area": size * size, "step": epoch * len(shuffled)}
                save_weights(net, weights, info | {"scores": scores})
                history.append(Epoch(epoch, *trained, *tested))
                write_log(history, folder / "log.csv")
                draw_curves(history, folder / "curves.png")
                progress.console.print(history[-1].line(epochs), highlight=False, markup=False, soft_wrap=True)
        except KeyboardInterrupt:
            kept = f"{weights} is of epoch {len(history)}" if history else "before the end of an epoch, nothing saved"
            progress.console.print(f"stopped; {kept}", highlight=False, markup=False, soft_wrap=True)
            raise
    draw_predictions(weights, test, train, folder / "predictions.png")
    return weights


def check_settings(train: list[Pair], test: list[Pair], weights: Path, epochs: int, batch: int, size: int) -> None:
    """Make the folder; raises DataError for what can't be trained, and rather than overwrite a run."""
    if not train or not test:
        raise DataError(f"{len(train)} training and {len(test)} test pictures; the recipe needs both")
    if epochs < 1 or batch < 1 or size < STRIDE or size % STRIDE:
        raise DataError(f"epochs {epochs}, batch {batch}, size {size}: need 1 or more, and a size in steps of {STRIDE}")
    if weights.exists():
        raise DataError(f"{weights.parent} holds a run already; give another folder")
    try:
        weights.parent.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DataError(f"cannot write the run's folder {weights.parent}: {e}") from e


def run_epoch(
    net: ClassicUNet,
    batches: DataLoader[tuple[Tensor, Tensor]],
    advance: Callable[[], None],
    optimiser: torch.optim.Optimizer | None = None,
) -> tuple[float, float]:
    """(mean loss, share of pixels right) over all batches; learns from each when there is an optimiser."""
    device = next(net.parameters()).device
    net.train(optimiser is not None)
    loss_sum, right, pixels = 0.0, 0.0, 0
    with torch.set_grad_enabled(optimiser is not None):
        for image, mask in batches:
            image, mask = image.to(device), mask.to(device)
            classes = net.classes(image)  # Nx2xSxS
            loss = F.cross_entropy(classes, mask)
            if not torch.isfinite(loss):
                raise DataError(f"the loss is {loss.item()}; the weights of the last whole epoch, if any, are kept")
            if optimiser is not None:
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            loss_sum += loss.item() * mask.numel()
            right += (classes.argmax(1) == mask).sum().item()
            pixels += mask.numel()
            advance()
    return loss_sum / pixels, right / pixels


def pyplot() -> ModuleType:
    """matplotlib's, drawing to files alone; imported late because it takes a second."""
    import matplotlib

    matplotlib.use("Agg")
    return importlib.import_module("matplotlib.pyplot")


def write_log(history: list[Epoch], path: Path) -> None:
    """One row per epoch."""
    rows = [asdict(epoch) for epoch in history]
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def draw_curves(history: list[Epoch], path: Path) -> None:
    """Loss and accuracy over epochs, training and test in each."""
    plt = pyplot()
    epochs = [e.epoch for e in history]
    loss = {"training": [e.train_loss for e in history], "test": [e.test_loss for e in history]}
    right = {"training": [100 * e.train_accuracy for e in history], "test": [100 * e.test_accuracy for e in history]}
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name, curves in zip(axes, ("loss", "pixels right, %"), (loss, right), strict=True):
        for kind, values in curves.items():
            axis.plot(epochs, values, marker=".", label=kind)
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend()
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


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


def predict_picture(weights: Path, picture: Path, out: Path) -> None:
    """Write the mask of one picture as a PNG of its own size; raises DataError, or OutputError for `out`."""
    if out.suffix.lower() != ".png" or not out.parent.is_dir():
        raise OutputError(f"output {out}: give a name that ends in .png, in a folder that exists")
    net, size = load_net(weights)
    _, png = cv2.imencode(".png", predict_mask(net, read_picture(picture, DataError), size))
    with whole_file(out) as temporary:
        temporary.write_bytes(png.tobytes())


def draw_predictions(weights: Path, test: list[Pair], train: list[Pair], path: Path) -> None:
    """Picture, true mask and predicted mask of a few test and training pictures, by the weights on disk."""
    plt = pyplot()
    net, size = load_net(weights)
    shown = [("test", p) for p in test[:SHOWN]] + [("training", p) for p in train[:SHOWN]]
    figure, axes = plt.subplots(len(shown), 3, figsize=(8, 2.4 * len(shown)), squeeze=False, layout="constrained")
    figure.set_facecolor("lightgrey")  # on white the edge of a white mask is lost
    for row, (kind, pair) in zip(axes, shown, strict=True):
        image_bgr, mask = read_pair(pair)
        predicted = predict_mask(net, image_bgr, size)
        accuracy = np.mean((predicted > 0) == (mask > 0))
        titles = (f"{kind} picture", "true mask", f"predicted mask: {accuracy:.1%} right")
        pictures = (image_bgr[..., ::-1], np.where(mask > 0, 255, 0), predicted)
        for axis, title, picture in zip(row, titles, pictures, strict=True):
            axis.imshow(picture, cmap="gray", vmin=0, vmax=255)
            axis.set_title(title, fontsize=10)
            axis.axis("off")
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)
