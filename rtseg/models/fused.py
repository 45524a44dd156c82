"""A fused model file: frame in, composite out, all in one graph. What CUDA runs; see export/rtseg_export/fused.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rtseg.arrays import F32, U8
from rtseg.errors import ModelError
from rtseg.models.model import ModelInfo, find_model, require_alpha
from rtseg.models.session import Session, open_session, plain
from rtseg.pixels.edge import PLAIN
from rtseg.pixels.geometry import network_size

LAST = dict.fromkeys(("edge", "previous_alpha", "previous_grey"), "tensor(float)")
INPUTS = {
    "picture": {"frame_bgr": "tensor(uint8)", "background": "tensor(uint8)", **LAST},
    "blur": {"frame_bgr": "tensor(uint8)", "blur": "tensor(float)", **LAST},
}
OUTPUTS = ["composite", "alpha", "grey", "fit", "extent"]
NO_PICTURE = 9.0  # grey that no frame has: the graph takes what follows for another scene


class FusedModel:
    """A loaded fused model; `effect` says of what its composites are: "picture" or "blur".

    Args:
        source: an .onnx file made by `rtseg export --fused`, or a session already open.
        provider, threads: see `rtseg.models.model.Model`.

    Raises:
        ModelError: the file can't be read or is not a fused model.
        ProviderError: `cuda` was asked for and does not work here.
    """

    def __init__(self, source: Path | Session, *, provider: str = "auto", threads: int | None = None) -> None:
        self.session = source if isinstance(source, Session) else open_session(find_model(source), provider, threads)
        self.path, self.provider, self.threads = self.session.path, self.session.provider, self.session.threads
        self.fallback_reason = self.session.fallback_reason
        self.info = ModelInfo.read(self.session.ort.get_modelmeta().custom_metadata_map, self.path)
        inputs = {i.name: i.type for i in self.session.ort.get_inputs()}
        effects = [effect for effect, wanted in INPUTS.items() if inputs == wanted]
        if not effects or [o.name for o in self.session.ort.get_outputs()] != OUTPUTS:
            if not self.fits(self.session):
                raise ModelError(f"{self.path} takes {inputs}; a fused model takes {INPUTS['picture']}")
            cure = "rtseg export CHECKPOINT --fused" + (" --blur" if "blur" in inputs else "")
            raise ModelError(f"{self.path} is a fused model of another version of rtseg; export it again: {cure}")
        self.effect = effects[0]

    @staticmethod
    def fits(session: Session) -> bool:
        """Whether the file is a fused model."""
        return "previous_grey" in [i.name for i in session.ort.get_inputs()]

    def size_for(self, width: int, height: int, area: int) -> tuple[int, int]:
        """(width, height) of the network for frames of this size: its own where that is fixed, else of about `area`."""
        return self.static or network_size(width, height, area)

    def dimensions(self, width: int, height: int, area: int) -> dict[str, int]:
        """What the graph's open sides are for frames of this size, by their names in the file."""
        w, h = self.size_for(width, height, area)
        return {"height": height, "width": width, "32*h": h, "32*w": w}

    @property
    def static(self) -> tuple[int, int] | None:
        """(width, height) of the network where the file has them fixed."""
        h, w = self.session.ort.get_inputs()[-1].shape[2:]
        return (w, h) if isinstance(h, int) and isinstance(w, int) else None

    def first_alpha(self, frame_bgr: U8) -> F32:
        """alpha float32 hxw of a first frame, uint8 HxWx3, that is about as large as the network wants it.

        Raises ModelError when there is none.
        """
        height, width = frame_bgr.shape[:2]
        w, h = self.size_for(width, height, width * height)
        feed = {
            "frame_bgr": frame_bgr[None],
            "edge": np.array(PLAIN, np.float32),
            "previous_alpha": np.zeros((1, 1, h, w), np.float32),
            "previous_grey": np.full((1, 1, h, w), NO_PICTURE, np.float32),
        }
        feed |= {"background": feed["frame_bgr"]} if self.effect == "picture" else {"blur": np.array(1, np.float32)}
        try:
            alpha, extent = self.session.ort.run(["alpha", "extent"], feed)
        except Exception as e:  # onnxruntime's exceptions have no common base
            raise self.failure(e) from e
        self.check(extent)
        return alpha[0, 0]  # type: ignore[no-any-return]

    def check(self, extent: F32) -> None:
        """Raise ModelError unless the alphas of a frame are good; extent: their least, greatest and mean."""
        require_alpha(self.path, float(extent.min()), float(extent.max()))

    def failure(self, e: Exception) -> ModelError:
        """What the user is told of onnxruntime's."""
        return ModelError(f"inference failed on {self.provider}: {plain(e)}")
