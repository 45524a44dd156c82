"""Divide the logits of a webcam net by a temperature (Guo et al. 2017, "On Calibration of Modern Neural Networks").

Above 1 its alpha is softer, below 1 sharper: what is a person and what is not stays the same. It costs nothing: the
weights of the last convolution are scaled.

python train/recipes/temperature.py IN.safetensors TEMPERATURE OUT.safetensors
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from rtseg_train.checkpoint import load_weights, save_weights
from rtseg_train.unet import UNet


def main(source: Path, temperature: float, out: Path) -> None:
    """Write the net with its JSON, without its scores."""
    net, notes = load_weights(source)
    if not isinstance(net, UNet) or temperature <= 0:
        sys.exit(f"{source} is no webcam net, or {temperature} is not above 0")
    with torch.no_grad():
        for value in net.head.parameters():
            value /= temperature
    save_weights(net, out, notes | {"scores": {}})


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("give IN.safetensors TEMPERATURE OUT.safetensors")
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
