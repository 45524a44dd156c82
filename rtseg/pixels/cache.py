"""Compiled loops kept on disk from one start to the next: in numba's folder, but bound to the source, and able to rot.

numba looks at the file of a function alone; a loop also holds the code of what it calls. Here one mark stands for all
the source of this folder. What a power cut or a full disk has done to a file is found out, and compiled again.
"""

from __future__ import annotations

import hashlib
import pickle
from functools import cache
from pathlib import Path
from typing import Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

MARK = 32  # bytes in front of compiled code: a digest of it and of the source
_troubles: dict[str, None] = {}  # what was the matter, each said once
_compiling: set[str] = set()  # functions of which nothing was kept, until they are compiled


def compiling() -> bool:
    """Whether something is being compiled now, for want of a kept copy."""
    return bool(_compiling)


def never_kept(function: Any) -> None:
    """For a function that has no place to be kept in: it is compiled at each start."""
    _compiling.add(repr(function))


def troubles() -> list[str]:
    """What the user should know of the folder, so far."""
    return list(_troubles)


def no_place(folder: str, e: OSError) -> str:
    """That nothing can be kept in a folder, in words."""
    return f"compiled code can't be kept in {folder} ({e.strerror or e}): every start takes some seconds longer"


@cache
def mark_of_source() -> str:
    """Changes with anything in this folder; empty where its source is not to be had, as in a frozen program."""
    digest = hashlib.sha256()
    files = sorted(Path(__file__).parent.glob("*.py"))
    for path in files:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest() if files else ""


class Kept(FunctionCache):  # type: ignore[misc]
    """What is kept of one function. Raises RuntimeError when there is no folder for it."""

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        mark = mark_of_source() or self._impl.locator.get_source_stamp()
        self._cache_file = Files(self.cache_path, self._impl.filename_base, mark)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            kept = super().load_overload(sig, target_context)
        except Exception:  # whatever comes of a damaged file: then it is compiled
            self._cache_file.damaged()
            kept = None
        if kept is None:
            _compiling.add(self._name)
        return kept

    def save_overload(self, sig: Any, data: Any) -> None:
        _compiling.discard(self._name)
        try:
            super().save_overload(sig, data)
        except OSError as e:
            _troubles[f"{no_place(self.cache_path, e)}; make room there, or set NUMBA_CACHE_DIR to another folder"] = (
                None
            )


class Files(IndexDataCacheFile):  # type: ignore[misc]
    """An index, and a file for each combination of types that the function was called with."""

    def damaged(self) -> None:
        _troubles[
            f"what was kept in {self._cache_path} was damaged; it is compiled again, which takes some seconds"
        ] = None

    def _load_index(self) -> Any:
        try:
            return super()._load_index()
        except Exception:  # pickle raises nearly anything for a file that is cut off
            self.damaged()
            return {}

    def _load_data(self, name: str) -> Any:
        content = Path(self._data_path(name)).read_bytes()
        if self._mark(content[MARK:]) != content[:MARK]:
            self.damaged()
            return None
        return pickle.loads(content[MARK:])

    def _save_data(self, name: str, data: Any) -> None:
        content = self._dump(data)
        with self._open_for_write(self._data_path(name)) as f:
            f.write(self._mark(content) + content)

    def _mark(self, content: bytes) -> bytes:
        return hashlib.sha256(repr(self._source_stamp).encode() + content).digest()
