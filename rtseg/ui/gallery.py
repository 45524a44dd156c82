"""The backgrounds that a page shows: those that ship, and those of the user's folder."""

from __future__ import annotations

import contextlib
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Literal

from rtseg.backgrounds.background import shipped_backgrounds
from rtseg.backgrounds.opening import open_file
from rtseg.errors import PageError
from rtseg.files import BACKGROUNDS
from rtseg.sources.kinds import likely_kind
from rtseg.sources.usable import pictures_and_videos
from rtseg.ui.preview import encoded

THUMB = (240, 135)  # pixels
KEPT = 256  # thumbnails in memory
ID_LENGTH = 16


@dataclass(frozen=True)
class Item:
    """A background. `value` is what --bg would be told."""

    id: str
    name: str
    kind: Literal["picture", "video"]
    shipped: bool
    path: Path

    @property
    def value(self) -> str:
        return self.name if self.shipped else str(self.path)

    def public(self) -> dict[str, object]:
        """What a page is told."""
        return {"id": self.id, "name": self.name, "kind": self.kind, "shipped": self.shipped}


class Gallery:
    """Items by ids that are made from their names here: whatever a page sends as one is only looked up.

    Args:
        folder: the user's; links in it are left out, wherever they lead.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._thumbs: OrderedDict[tuple[Path, int, int], bytes] = OrderedDict()
        self._lock = Lock()
        self._shipped = [made(BACKGROUNDS / name, shipped=True) for name in shipped_backgrounds()]

    def items(self) -> list[Item]:
        """The user's, then those that ship."""
        with contextlib.suppress(OSError):
            mine = [p for p in pictures_and_videos(self.folder) if not p.is_symlink()]
            return [*(made(path) for path in mine), *self._shipped]
        return list(self._shipped)  # there is no folder yet

    def find(self, wanted: str) -> Item:
        """By its id. Raises PageError."""
        for item in self.items():
            if item.id == wanted:
                return item
        raise PageError("there is no such background any more; load the page again")

    def known(self, value: str) -> Item | None:
        """The item that a setting names, or None. Looks at no file."""
        for item in self._shipped:
            if item.value == value:
                return item
        path = Path(value)
        return made(path) if path.parent == self.folder else None

    def thumb(self, item: Item) -> bytes:
        """A JPEG of THUMB. Raises BackgroundError and OSError where it can't be read."""
        status = item.path.stat()
        key = item.path, status.st_mtime_ns, status.st_size
        with self._lock:  # one at a time: pictures may be large
            if key not in self._thumbs:
                with contextlib.closing(open_file(item.path, None)) as opened:
                    self._thumbs[key] = encoded(opened.at(0.0, *THUMB), THUMB[0])
                while len(self._thumbs) > KEPT:
                    self._thumbs.popitem(last=False)
            return self._thumbs[key]

    def remove(self, item: Item) -> None:
        """Delete a file of the user's folder. Raises PageError."""
        if item.shipped or item.path.parent != self.folder:
            raise PageError(f"{item.name} ships with rtseg and stays")
        try:
            item.path.unlink()
        except OSError as e:
            raise PageError(f"{item.name} can't be deleted: {e.strerror or e}") from e


def made(path: Path, *, shipped: bool = False) -> Item:
    """The item of a file."""
    mark = hashlib.sha256(f"{'shipped' if shipped else 'mine'}/{path.name}".encode("utf-8", "surrogateescape"))
    kind = "picture" if shipped else likely_kind(path)
    return Item(mark.hexdigest()[:ID_LENGTH], path.name, kind or "picture", shipped, path)
