"""What a page may ask for: JSON from a browser becomes changes that `Controls` takes. All of it is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rtseg.backgrounds.background import BLUR_LIMITS, DEFAULT_BLUR
from rtseg.backgrounds.colour import colour, is_plain
from rtseg.errors import BackgroundError, PageError
from rtseg.live.settings import Settings
from rtseg.messages import shown
from rtseg.models.model import AUTO, TIERS
from rtseg.pixels.edge import LIMITS
from rtseg.schema import Kind, Mistake, checked, choice, or_none, plain
from rtseg.ui.gallery import Gallery
from rtseg.ui.origins import Origins

RATES = (1.0, 240.0)  # frames per second, as --target-fps
GREEN = "transparent"  # what "none" is behind the person
RANGES: Mapping[str, Any] = {
    "blur": BLUR_LIMITS,
    **{name: LIMITS[name] for name in ("edge", "feather", "specks")},
    "target_fps": (1.0, 120.0),
    "tier": (AUTO, *TIERS),
}
BACKGROUND = (
    '{"kind": "picture", "id": ...}, {"kind": "colour", "value": "#rrggbb"}, {"kind": "blur"} or {"kind": "none"}'
)
KINDS = {
    "blur": or_none(plain(float, *BLUR_LIMITS), 0),
    **{name: plain(float, *LIMITS[name]) for name in ("edge", "feather", "specks")},
    **{name: plain(bool) for name in ("smoothing", "mirror", "save_power")},
    "target_fps": or_none(plain(float, *RATES)),
    "tier": choice(AUTO, *TIERS),
}


def changes(values: object, gallery: Gallery, origins: Origins) -> dict[str, object]:
    """The `values` of a page's message as fields of Settings. Raises PageError for what can't be."""
    if not isinstance(values, dict) or not values:
        raise PageError("there is nothing to set; give values by their names")
    own = {"background": Kind(BACKGROUND, lambda value: background(value, gallery)), "source": Kind("", origins.named)}
    try:
        found = checked(values, KINDS | own, unknown="is not a setting")
    except Mistake as e:
        raise PageError(str(e)) from e
    return {"model" if name == "tier" else name: value for name, value in found.items()}


def background(value: object, gallery: Gallery) -> str | None:
    """As --bg takes it; None for the room, out of focus. Raises ValueError, PageError."""
    given = value if isinstance(value, dict) else {}
    match given.get("kind"):
        case "blur":
            return None
        case "none":
            return GREEN
        case "colour" if isinstance(text := given.get("value"), str):
            try:
                if text.startswith("#") and (plain := colour(text)):
                    return plain
            except BackgroundError as e:
                raise PageError(str(e)) from e
            raise PageError(f"colour {text!r} is not like #rrggbb")
        case "picture" | "video" if isinstance(name := given.get("id"), str):
            return gallery.find(name).value
    raise ValueError


def described(settings: Settings, gallery: Gallery) -> dict[str, Any]:
    """The background and the other settings as a page has them."""
    name = settings.background
    strength = settings.blur or (DEFAULT_BLUR if name is None else 0.0)
    own = {k: getattr(settings, k) for k in ("edge", "feather", "specks", "smoothing", "mirror", "save_power")}
    return {
        "background": what_is(name, gallery),
        "blur": strength,
        **own,
        "target_fps": settings.target_fps,
        "tier": settings.model if settings.model in (AUTO, *TIERS) else None,
        "paused": settings.paused,
    }


def what_is(name: str | None, gallery: Gallery) -> dict[str, Any]:
    """A background as a page knows it; one that is not in the gallery has no id."""
    if name is None:
        return {"kind": "blur"}
    if name == GREEN:
        return {"kind": "none"}
    if (item := gallery.known(name)) is not None:
        return {"kind": item.kind, "id": item.id}
    if is_plain(name):
        return {"kind": "colour", "value": colour(name)}
    return {"kind": "picture", "id": None, "name": shown(Path(name).name)}
