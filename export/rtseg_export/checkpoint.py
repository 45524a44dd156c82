"""What CHECKPOINT names: a run's weights, or a message that says what it is instead."""

from __future__ import annotations

from pathlib import Path

from torch import nn

import rtseg_train
from rtseg.errors import DataError, ExportError
from rtseg_train.checkpoint import load_weights, read_notes
from rtseg_train.run_folder import newest_run

SHIPPED = Path(rtseg_train.__file__).parent / "balanced.safetensors"
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin")
PICKLED = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how torch.save's files begin


def newest_checkpoint() -> tuple[Path, str]:
    """What to export when nothing is named: (a run's folder or a file, what it is)."""
    run = newest_run()
    return (run, "the newest run") if run else (SHIPPED, "which ships: there is no run in runs/")


def find_checkpoint(path: Path) -> Path:
    """The .safetensors of a run's folder or file; raises DataError when there is none."""
    try:
        weights = path / "model.safetensors" if path.is_dir() else path
        there = weights.is_file()
    except OSError as e:  # a name that no file can have, a folder that may not be looked into
        raise DataError(f"cannot look at {path}: {e.strerror}") from e
    if not there:
        raise DataError(f"no checkpoint {weights}; give a run's folder or the model.safetensors that training wrote")
    if weights.suffix.lower() == ".onnx":
        raise DataError(
            f"{path} is an exported model already: `rtseg cam --model {path}` runs it, "
            f"`rtseg export CHECKPOINT --compare {path}` compares it with the checkpoint that it was made from"
        )
    if weights.suffix.lower() in PICKLES or is_pickle(weights):
        raise DataError(
            f"{path} is a pickle: reading it runs code, so rtseg never does. Where you trust it, convert it: "
            "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors'), "
            "and put the model.json of a run of the same arch beside it"
        )
    return weights


def is_pickle(path: Path) -> bool:
    """By its first bytes; safetensors start with a length of eight bytes and a brace."""
    try:
        with path.open("rb") as f:
            head = f.read(9)
    except OSError as e:
        raise DataError(f"cannot read the checkpoint {path}: {e.strerror or e}") from e
    return head.startswith(PICKLED) and head[8:] != b"{"


def open_checkpoint(weights: Path) -> tuple[nn.Module, dict[str, object]]:
    """The net and its JSON; raises DataError for anything that training did not write."""
    try:
        return load_weights(weights)
    except RecursionError as e:
        raise DataError(f"cannot read {weights.with_suffix('.json')}: it is nested too deeply to be settings") from e


def default_name(
    weights: Path, precision: str, static: tuple[int, int] | None = None, effect: str | None = None
) -> str:
    """A file name for the working directory: the model's own name, from the JSON beside the weights.

    static: (width, height). effect: of a fused file, which is fp16 unless its name says so.

    Raises ExportError when the name is none for a file.
    """
    name = read_notes(weights).get("name")
    if not isinstance(name, str) or not name or Path(name).name != name or "\0" in name:
        raise ExportError(f"{weights.with_suffix('.json')} gives no usable name ({name!r}); name the file with --out")
    parts = [name] if precision == "fp32" else [name, precision]
    if effect:
        parts = [name, "fused"] + ["blur"] * (effect == "blur") + ["fp32"] * (precision == "fp32")
    if static:
        parts.append(f"{static[0]}x{static[1]}")
    return "-".join(parts) + ".onnx"
