"""What in a folder can be used: pictures and videos, by name and by content."""

from __future__ import annotations

from pathlib import Path

from rtseg.formats import PICTURES, VIDEOS
from rtseg.sources.kinds import kind


def pictures_and_videos(folder: Path) -> list[Path]:
    """What in a folder can be used, by name; not hidden files. Raises OSError.

    A file of a known name belongs to it whatever is in it: what is wrong with it is to be said.
    """
    found = [p for p in folder.iterdir() if p.name[0] != "." and p.is_file() and is_usable(p)]
    return sorted(found, key=lambda p: (p.name.lower(), p.name))


def is_usable(path: Path) -> bool:
    """Whether a file is a picture or a video, by its name or its content; sound alone is neither."""
    if path.suffix.lower() in PICTURES + VIDEOS:
        return True
    found = kind(path)
    if found != "video":
        return found == "picture"
    from rtseg.sources.containers import has_pictures  # PyAV is loaded only for who needs it

    return has_pictures(path)
