"""Weights that an ONNX file keeps in other files: found without the onnx package, and kept to the file's own folder.

Older versions of onnxruntime read whatever name stands there, `../../x` and `/dev/zero` too; newer ones look for the
weights of a model that they get as bytes in the working directory.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

from rtseg.errors import ModelError
from rtseg.sources.plain_name import is_plain

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's kinds of fields
# Fields of the messages in onnx.proto that lead to tensors: message -> number -> message.
WAYS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
KEY, VALUE = 1, 2  # of an entry: external_data has location, offset and length
DEEPEST = 64  # graphs in one another


def check_outside(path: Path) -> None:
    """Raise ModelError when weights of the model are outside of its folder, not there, or can't be found.

    What is no ONNX file at all is left to onnxruntime. Raises OSError when the file can't be read.
    """
    try:
        with path.open("rb") as f:
            content = memoryview(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
        names = sorted(set(locations(content, "model")))
    except (ValueError, IndexError):
        return
    for name in names:
        check_one(path, name)


def check_one(model: Path, name: bytes) -> None:
    """The same for one name in it."""
    weights = model.parent / os.fsdecode(name.replace(b"\0", b"?"))
    where = f"{model} keeps weights in {os.fsdecode(name)}"
    folder = os.path.realpath(model.parent)
    if os.path.commonpath([folder, os.path.realpath(weights)]) != folder:
        raise ModelError(f"{where}, which is outside of its folder; nothing there is read")
    if not weights.is_file():
        raise ModelError(f"{where}, which is no file beside it; put it there")
    if not is_plain(weights) or not is_plain(model.absolute()):
        raise ModelError(f"{where}, which can't be found by a name that is not UTF-8; rename files and folder")


def locations(message: memoryview, kind: str, depth: int = 0) -> Iterator[bytes]:
    """Names of the files that tensors in a message lie in. Raises ValueError or IndexError for what is no message."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    for number, value in fields(message):
        inner = WAYS[kind].get(number)
        if inner == "entry":
            pairs = dict(fields(value))
            if bytes(pairs.get(KEY, b"")) == b"location":
                yield bytes(pairs.get(VALUE, b""))
        elif inner:
            yield from locations(value, inner, depth + 1)


def fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of a message's fields that have bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == VARINT:
            _, at = varint(message, at)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        elif kind == BYTES:
            size, at = varint(message, at)
            if at + size > len(message):
                raise ValueError("cut off")
            yield tag >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError("no such kind")


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """(value, where the next thing begins)."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > 63:
            raise ValueError("no number")
