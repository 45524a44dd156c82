"""The recipe that articles on U-Net teach, from pictures to predictions: `rtseg train DATA --preset article`.

Plain on purpose, to be read from top to bottom: pictures squashed to 256x256, no augmentation, no pretrained
weights. What rtseg ships is trained by loop.py. Ctrl-C at any moment leaves the last whole epoch's weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors  # type: ignore[import-untyped]

from rtseg.errors import DataError
from rtseg.pixels.geometry import STRIDE
from rtseg.progress import progress_bar
from rtseg_train.article_results import (
    Epoch,
    draw_curves,
    draw_predictions,
    read_classes,
    to_image,
    to_square,
    write_log,
)
from rtseg_train.checkpoint import save_weights
from rtseg_train.classes import VOID
from rtseg_train.classic import WIDTHS, ClassicUNet
from rtseg_train.dataset import Pair
from rtseg_train.workers import check_shared_memory, losing_none, one_thread

LEARNING_RATE = 1e-3
DROP_EVERY, DROP_TO = 7, 0.1  # every so many epochs the learning rate falls to this share of itself
SAMPLE = 3 * 4 + 8  # bytes of a pixel in a batch: the picture in float32, its class in int64
AHEAD = 2  # batches that each worker has ready, as PyTorch has it


class Pictures(Dataset[tuple[Tensor, Tensor]]):
    """(image float32 3xSxS RGB in 0..1, int64 SxS of 0, 1 for person and VOID), squashed to a square of S pixels."""

    def __init__(self, pairs: list[Pair], size: int) -> None:
        cv2.setNumThreads(1)  # a forked worker hangs in OpenCV when its parent has used OpenCV's thread pool
        self.pairs, self.transform = pairs, to_square(size)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image_bgr, classes = read_classes(self.pairs[index])
        image, person = self.transform(to_image(image_bgr), tv_tensors.Mask(torch.from_numpy(classes)))
        return image, person


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
    with losing_none(), progress_bar() as progress:
        reading = progress.add_task("reading pictures", total=len(train) + len(test))
        for pair in train + test:
            read_classes(pair)  # so that a bad picture is named now, and not hours into the run
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
                progress.console.print(history[-1].line(epochs))
        except KeyboardInterrupt:
            kept = f"{weights} is of epoch {len(history)}" if history else "before the end of an epoch, nothing saved"
            progress.console.print(f"stopped; {kept}")
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
    """(mean loss, share of pixels right) over all batches without void; learns from each when there is an optimiser."""
    device = next(net.parameters()).device
    net.train(optimiser is not None)
    loss_sum, right, pixels = 0.0, 0.0, 0
    with torch.set_grad_enabled(optimiser is not None):
        for image, mask in batches:
            image, mask = image.to(device), mask.to(device)
            classes = net.classes(image)  # Nx2xSxS
            known = int((mask != VOID).sum())
            loss = F.cross_entropy(classes, mask, ignore_index=VOID, reduction="sum") / max(1, known)
            if not torch.isfinite(loss):
                raise DataError(f"the loss is {loss.item()}; the weights of the last whole epoch, if any, are kept")
            if optimiser is not None:
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            loss_sum += loss.item() * known
            right += (classes.argmax(1) == mask).sum().item()
            pixels += known
            advance()
    return loss_sum / max(1, pixels), right / max(1, pixels)
