"""What one run has: a source, a pipeline, the engine that brings them together, and what is set."""

from __future__ import annotations

from dataclasses import dataclass

from rtseg.frames import Source
from rtseg.live.controls import Controls
from rtseg.live.engine import Engine
from rtseg.pipeline import Pipeline


@dataclass(frozen=True)
class Parts:
    """What the loop, its actions and its status work with."""

    source: Source
    pipeline: Pipeline
    engine: Engine
    controls: Controls
