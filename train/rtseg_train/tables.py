"""Lists as people have them: CSV by comma, semicolon or tab, in any usual encoding, with paths from any system."""

from __future__ import annotations

import csv
import io
import os
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rtseg.errors import DataError
from rtseg.texts import decode_text

if TYPE_CHECKING:
    import _csv

DELIMITERS = ",;\t|"
ALSO = {  # other names of columns, which count where the first is not there
    "image": ("images", "img", "image_path", "image_file", "filename", "file_name"),
    "mask": ("masks", "mask_path", "mask_file", "label", "labels"),
}
DEEPEST = 100  # folders in a path, in which other spellings are looked for
Row = dict[str, str]


def read_table(path: Path, columns: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """(number of the line, what it says by column) of every row; names of columns are in small letters.

    Empty rows, comments (#) and the header once more are left out, wherever they stand. Raises DataError for what is no
    list with these columns.
    """
    try:
        if path.is_char_device() or path.is_block_device():  # /dev/zero has no end
            raise DataError(f"cannot read the list {path}: it is a device")
        text = decode_text(path.read_bytes(), errors="surrogateescape")
    except (OSError, ValueError) as e:
        raise DataError(f"cannot read the list {path}: {e}") from e
    wanted = tuple(columns)
    try:
        yield from rows_of(text, wanted, path)
    except csv.Error as e:
        raise DataError(f"cannot read the list {path}: {e}") from e


def rows_of(text: str, wanted: tuple[str, ...], path: Path) -> Iterator[tuple[int, Row]]:
    """`read_table` for the text of a list."""
    lines = io.StringIO(text.rstrip("\0\x1a\r\n"), newline="")  # the first two are how old programs end a text
    delimiter, names = header_of(lines, wanted, path)
    before = text.count("\n", 0, lines.tell())
    reader = split(lines, delimiter)
    blank = dict.fromkeys(names, "")
    for fields in reader:
        row = blank | {name: field.strip() for name, field in zip(names, fields, strict=False)}
        comment = bool(fields) and fields[0].startswith("#")
        comment = comment and (fields[0].startswith("# ") or not all(row[name] for name in wanted))
        again = all(row[name].lower() == name for name in wanted)
        if any(row.values()) and not comment and not again:
            yield before + reader.line_num, row


def header_of(lines: Iterable[str], wanted: tuple[str, ...], path: Path) -> tuple[str, list[str]]:
    """(delimiter, names of the columns) by the first line that is no comment; Excel has "sep=;" before it."""
    first = ""
    for line in map(str.strip, lines):
        if not line or line.lower().startswith("sep="):
            continue
        for delimiter in DELIMITERS:
            names = [name.strip().lower() for name in next(split([line.removeprefix("#")], delimiter), [])]
            for name in wanted:
                if name not in names and (other := next((n for n in ALSO.get(name, ()) if n in names), "")):
                    names[names.index(other)] = name
            if set(wanted) <= set(names):
                return delimiter, names
        first = first or line
        if not line.lstrip('"').startswith("#"):
            break
    raise DataError(f"{path} needs a header with the columns {','.join(wanted)}; its first line is {first[:200]!r}")


def split(lines: Iterable[str], delimiter: str) -> _csv.Reader:
    """The fields of each line."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def has_columns(path: Path, columns: Iterable[str]) -> bool:
    """Whether it is a list with these columns."""
    try:
        next(read_table(path, columns), None)
    except DataError:
        return False
    return True


class Files:
    """Finds the files that a list names, also by another system's spelling: each folder is looked into once.

    A list of a million names then takes seconds, on a network's disk too.
    """

    def __init__(self, base: Path) -> None:
        self._base = str(base)
        self._folders: dict[str, str | None] = {}  # as named -> as on disk; None: not there
        self._names: dict[str, set[str] | None] = {}  # of the files in a folder; None: it can't be listed
        self._alike: dict[str, dict[str, str]] = {}  # by folder and `plain` name; "" where several are alike

    def find(self, name: str) -> Path | None:
        """The file of that name, counted from the list's folder; None when it is not there."""
        for spelling in (name,) if name.isascii() and "\\" not in name else spellings(name):
            head, _, tail = spelling.rpartition("/")
            if spelling.startswith("/"):
                head = head or "/"
            found = self._find(os.path.join(self._base, head) if head else self._base, tail)
            if found:
                return Path(found)
        return None

    def _find(self, head: str, tail: str) -> str | None:
        """The path on disk of what is called `tail` in the folder that is called `head`."""
        folder = self._folder(head)
        if folder is None or not tail:
            return None
        names = self._listed(folder)
        if names is None:
            path = os.path.join(folder, tail)
            return path if is_there(path) else None
        if tail not in names:
            tail = self._by_plain_name(folder, names).get(plain(tail), "")
        return os.path.join(folder, tail) if tail else None

    def _by_plain_name(self, folder: str, names: set[str]) -> dict[str, str]:
        if folder not in self._alike:
            alike: dict[str, str] = {}
            for name in names:
                alike[plain(name)] = "" if plain(name) in alike else name
            self._alike[folder] = alike
        return self._alike[folder]

    def _folder(self, path: str) -> str | None:
        """The folder as it is on disk."""
        if path not in self._folders:
            found: str | None = path
            if not os.path.isdir(path):
                above = os.path.split(path)
                found = self._find(*above) if path.count(os.sep) < DEEPEST and all(above) else None
                found = found if found and os.path.isdir(found) else None
            self._folders[path] = found
        return self._folders[path]

    def _listed(self, folder: str) -> set[str] | None:
        if folder not in self._names:
            try:
                self._names[folder] = set(os.listdir(folder))
            except OSError:  # one that may be entered but not listed; a disk's error is told when a file is read
                self._names[folder] = None
        return self._names[folder]


def spellings(name: str) -> Iterator[str]:
    """The name as it is written, then as Windows or an old spreadsheet may have meant it."""
    forms = [name]
    if any("\udc80" <= letter <= "\udcff" for letter in name):  # not UTF-8: Excel's "CSV" is Windows' code page
        forms.append(name.encode("utf-8", "surrogateescape").decode("cp1252", "replace"))
    yield from forms
    yield from (form.replace("\\", "/") for form in forms if "\\" in form)


def plain(name: str) -> str:
    """What names share that differ in case or in how accents are put together, which some systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def is_there(path: str) -> bool:
    """Whether it is a file; a name that no file can have is none."""
    try:
        return os.path.isfile(path)
    except (OSError, ValueError):
        return False
