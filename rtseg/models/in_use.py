"""The model that a pipeline runs, and what is put in its place: another tier, the other effect, the CPU."""

from __future__ import annotations

from pathlib import Path

from rtseg.errors import ModelError, ProviderError
from rtseg.models.model import TIERS
from rtseg.models.networks import Loaded, open_network


class InUse:
    """Holds one network, `now`. effect: what a file of fused graphs is for, `picture` or `blur`.

    Raises ModelError and ProviderError, here and where another one is opened.
    """

    def __init__(self, name: str | Path, provider: str, threads: int | None, *, effect: str) -> None:
        self.name, self.provider, self._threads = name, provider, threads  # as they were asked for
        self.now = self._open(name, provider, effect)
        self.failure: str | None = None  # why CUDA was left on the way
        self._aside: dict[str, Loaded] = {}  # tiers that stay loaded for the way back

    def _open(self, name: str | Path, provider: str, effect: str) -> Loaded:
        return open_network(name, effect=effect, provider=provider, threads=self._threads)

    @property
    def ships(self) -> bool:
        """Whether it is one of those that ship."""
        return str(self.name) in TIERS

    def follow(self, effect: str) -> None:
        """Open the file for the other effect, where there are two."""
        if self.now.effect not in (None, effect):
            self.now = self._open(self.name, self.now.provider, effect)

    def use(self, name: str, effect: str) -> None:
        """Another one that ships."""
        if name == self.name:
            return
        following = self._aside.pop(name, None) or self._open(name, self.now.provider, effect)
        if self.now.provider == "cpu":  # on CUDA there is one for each effect, and no need to change
            self._aside[str(self.name)] = self.now
        self.name, self.now = name, following

    def leave_cuda(self, e: ModelError, effect: str) -> None:
        """Put the CPU in CUDA's place, which has failed; raises ProviderError where CUDA alone was asked for."""
        if self.provider == "cuda":
            raise ProviderError(f"--provider cuda: {e}; free the GPU's memory, or use --provider auto") from e
        self.now = self._open(self.name, "cpu", effect)
        self.failure = self.now.fallback_reason = str(e)
