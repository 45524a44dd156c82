"""From a name or a path to a loaded network: ours, fused, or somebody else's with its adapter."""

from __future__ import annotations

from pathlib import Path

from rtseg.errors import BackgroundError, ModelError, ProviderError
from rtseg.files import ASSETS
from rtseg.models.foreign.model import ForeignModel
from rtseg.models.foreign.probe import probe
from rtseg.models.fused import FusedModel
from rtseg.models.model import TIERS, Model, Network, find_model
from rtseg.models.providers import cuda_problem
from rtseg.models.session import Session, open_session

Loaded = Network | FusedModel
FUSED = {"picture": "fused", "blur": "fused-blur"}  # endings of the shipped files' names


def open_network(name: str | Path, *, effect: str, provider: str = "auto", threads: int | None = None) -> Loaded:
    """A tier, or an .onnx file: an rtseg model, a fused one, or any other that has an adapter, X.toml beside X.onnx.

    effect: "picture" or "blur". A file with our metadata describes itself, an adapter beside it is not looked at.
    Raises ModelError for what is none of these, BackgroundError for a fused file of the other effect, ProviderError
    when `cuda` was asked for and does not work here.
    """
    if str(name) in TIERS:
        return open_tier(str(name), effect, provider, threads)
    session = open_session(find_model(name), provider, threads)
    if FusedModel.fits(session):
        model = FusedModel(session)
        require_effect(model, effect)
        return model
    return open_foreign(session) if ForeignModel.fits(session) else Model(session)


def open_foreign(session: Session) -> ForeignModel:
    """By the adapter beside the file; raises ModelError where it does not fit what comes out for a few frames."""
    model = ForeignModel.of(session)
    probe(model)
    return model


def require_effect(model: Loaded, effect: str) -> None:
    """Raise BackgroundError where the model's file makes composites of another effect."""
    if model.effect not in (None, effect):
        cure = "rtseg export CHECKPOINT --fused" + (" --blur" if effect == "blur" else "")
        does = "replaces the background" if model.effect == "picture" else "blurs the room"
        raise BackgroundError(f"{model.path} {does} and nothing else; for the other effect: {cure}")


def require_area(model: Loaded, area: int | None) -> None:
    """Raise ModelError for an area, in pixels, that a model of one size does not have."""
    fixed = model.static
    if fixed and area not in (None, fixed[0] * fixed[1]):
        raise ModelError("{} works at {}x{} alone, not at an area of {}; leave it out".format(model.path, *fixed, area))


def open_tier(name: str, effect: str, provider: str, threads: int | None) -> Model | FusedModel:
    """The file of a tier that suits the provider: fused, one per effect, wherever CUDA works; int8 on a CPU."""
    reason = None if provider == "cpu" else cuda_problem()
    if provider in ("auto", "cuda") and reason is None:
        try:
            return FusedModel(open_session(ASSETS / f"{name}-{FUSED[effect]}.onnx", "cuda", threads))
        except ModelError as e:
            if provider == "cuda":
                raise
            reason = str(e)
    if provider == "cuda":
        raise ProviderError(f"--provider cuda: {reason}")
    model = Model(name, provider="cpu" if provider == "auto" else provider, threads=threads)
    model.fallback_reason = reason
    return model
