"""Whether an alpha is as sure as it should be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rtseg.arrays import F32, F64, U8
from rtseg_train.measures import as_alpha


class Reliability:
    """Whether an alpha of 0.7 is right 7 times in 10: predicted alpha in equal bins against what labels say.

    A soft label's half-transparent pixel counts as what it is, half a person: alpha 0.5 is right there.
    """

    def __init__(self, bins: int = 15) -> None:
        self.pixels = np.zeros(bins)  # by bin of predicted alpha
        self.alpha = np.zeros(bins)  # their sum
        self.person = np.zeros(bins)  # the sum of the label's alpha there

    def add(self, alpha: F32, label: U8, void: NDArray[np.bool_] | None = None) -> None:
        """Count one picture's pixels, but those that are void."""
        if void is not None:
            alpha, label = alpha[~void], label[~void]
        bins = len(self.pixels)
        index = np.minimum((alpha * bins).astype(np.intp), bins - 1).ravel()
        self.pixels += np.bincount(index, minlength=bins)
        self.alpha += np.bincount(index, alpha.ravel(), bins)
        self.person += np.bincount(index, as_alpha(label).ravel(), bins)

    @property
    def error(self) -> float:
        """Expected calibration error (Guo et al. 2017), 0..1: mean over pixels of |share - mean alpha| of their bin."""
        return float(np.abs(self.person - self.alpha).sum() / max(1.0, self.pixels.sum()))

    def curve(self) -> tuple[F64, F64]:
        """(mean alpha, the label's mean) of the bins that have pixels."""
        some = self.pixels > 0
        return self.alpha[some] / self.pixels[some], self.person[some] / self.pixels[some]

    def figures(self) -> dict[str, float | list[float]]:
        """For JSON: the error, and per bin with pixels: mean alpha, the label's mean, pixels."""
        alpha, person = self.curve()
        counts = self.pixels[self.pixels > 0]
        rows = {"alpha": alpha, "person": person, "pixels": counts}
        return {"expected_calibration_error": self.error, **{name: row.tolist() for name, row in rows.items()}}
