"""Average the weights of two checkpoints of one net, of which the second was trained on from the first.

Often better than either (Wortsman et al. 2022, "Model soups").

python train/recipes/average.py FIRST.safetensors SECOND.safetensors SHARE OUT.safetensors   (SHARE: of SECOND)
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from rtseg_train.checkpoint import load_weights, save_weights


def main(first: Path, second: Path, share: float, out: Path) -> None:
    """Write the average and the second's JSON, without its scores."""
    net, notes = load_weights(second)
    other, _ = load_weights(first)
    with torch.no_grad():
        for value, before in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
            if value.dtype.is_floating_point:
                value.lerp_(before, 1 - share)
    save_weights(net, out, notes | {"scores": {}})


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("give FIRST.safetensors SECOND.safetensors SHARE OUT.safetensors")
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
