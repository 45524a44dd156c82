"""What a file is, by its content: a picture, a video, or what else it is called in a message."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Literal

from rtseg.formats import PICTURES, VIDEOS
from rtseg.sources.cut_off import CUT_OFF, is_whole
from rtseg.sources.layers import is_still

Kind = Literal["picture", "video"]
HEADER = 2**16  # bytes that are looked at; in them an animated PNG says that it is one
STILL = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|BM....\0\0\0\0|II\*\0|MM\0\*|II\+\0|MM\0\+"
    rb"|\0\0\0\x0cjP  |\xff\x4f\xff\x51|P[1-6](?:\s+#[^\n]*)*\s+\d+\s|P[7Ff]\n"
    rb"|\x59\xa6\x6a\x95|#\?RADIANCE|#\?RGBE|\x76\x2f\x31\x01",
    re.DOTALL,
)
HEIF = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"avif")  # brands of still pictures in ISO files
MOVING = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip|pnot)|\x1a\x45\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xb3\xba\xb0]"
    rb"|(?:\0|\0\0)?\0\0\x01[\x09\x27\x47\x67\x40\x46\x42\x44]|\x30\x26\xb2\x75\x8e\x66\xcf\x11|OggS|YUV4MPEG2 "
    rb"|DKIF|nut/multimedia|\x06\x0e\x2b\x34|\.RMF|\x1f\x07\0|\xb7\xd8\0\x20",
    re.DOTALL,
)
WEBP_MOVES = 2  # a bit among the flags in an extended WebP's header
JPEGS_IN_A_ROW = (".mjpeg", ".mjpg")  # which nothing but the name tells from a single one
IS_PICTURE = "it is a picture; `rtseg apply` takes those"
SYNC, PACKETS = 0x47, (188, 192, 204)  # of MPEG transport streams: each packet begins with it; sizes
REMARKS = rb"\s*(?:<\?xml.{0,1000}?>)?\s*(?:<!--.{0,1000}?-->\s*)*"
OTHERS = (  # what looks like something to play and is not
    (REMARKS + rb"(?:<!DOCTYPE svg.{0,500}?>)?\s*<svg", "an SVG drawing; save it as PNG"),
    (rb"#EXTM3U|ffconcat|\[playlist\]|<\?xml.{0,1000}<(?:MPD|playlist)", "a playlist; give the videos it names"),
    (rb"%PDF", "a PDF document; save its page as PNG"),
    (REMARKS + rb"<(?:!DOCTYPE html|html)", "a web page"),
    (rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf|Rar!", "an archive; unpack it"),
)


def kind(path: Path) -> Kind | None:
    """By what is in the file; None for what is neither, or no file. An animation is a video, one picture is none."""
    head = header(path)
    if head.startswith(b"GIF8"):
        return "picture" if is_still(path) else "video"
    if head.startswith(b"\xff\xd8") and path.suffix.lower() in JPEGS_IN_A_ROW:
        return "video"
    if moves(head):
        return "video"
    if STILL.match(head) or (head[4:8] == b"ftyp" and head[8:12] in HEIF):
        return "picture"
    if MOVING.match(head) or is_transport_stream(head):
        return "video"
    return None


def likely_kind(path: Path) -> Kind | None:
    """As `kind`; where the content tells nothing, as in a pipe or a damaged file, by the name."""
    if found := kind(path):
        return found
    suffix = path.suffix.lower()
    return "video" if suffix in VIDEOS else "picture" if suffix in PICTURES else None


def moves(head: bytes) -> bool:
    """Whether a PNG or WebP that begins so is an animation."""
    at = head.partition(b"IDAT")[0].find(b"acTL")
    if head.startswith(b"\x89PNG"):
        return at > 0 and int.from_bytes(head[at + 4 : at + 8], "big") > 1
    return head[8:16] == b"WEBPVP8X" and bool(head[20:21] and head[20] & WEBP_MOVES)


def is_transport_stream(head: bytes) -> bool:
    """Whether there are packets of MPEG-TS, also from the middle of a recording on."""
    for size in PACKETS:
        for start in range(min(size, len(head))):
            marks = head[start : start + 5 * size : size]
            if len(marks) == 5 and set(marks) == {SYNC}:
                return True
    return False


def what_it_is(path: Path) -> str | None:
    """For messages: `it is a text file` and the like, or None where that is not known."""
    head = header(path)
    text = head.removeprefix(b"\xef\xbb\xbf")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", "replace").encode()
    for pattern, name in OTHERS:
        if re.match(pattern, text, re.DOTALL | re.IGNORECASE):
            return f"it is {name}"
    if kind(path) == "picture" and not is_text(head):
        return IS_PICTURE
    return "it is a text file" if head and is_text(head) else None


def why_not_played(path: Path) -> str | None:
    """For messages, of a file that no video could be read from: what it is instead, or what it lacks."""
    if what := what_it_is(path):
        return what
    try:
        if path.is_file() and not path.stat().st_size:
            return "it is an empty file"
        return CUT_OFF if is_whole(path) is False else None
    except OSError:
        return None


def is_text(head: bytes) -> bool:
    """Whether all of it is letters, in UTF-8 or UTF-16."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    text = head.decode("utf-8", "replace")[:-4] or head.decode("utf-8", "replace")
    return "\ufffd" not in text and all(c.isprintable() or c in "\t\n\r\f\x1b" for c in text)


def header(path: Path) -> bytes:
    """The first bytes of a regular file; none of anything else and of what can't be read."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as f:
            return f.read(HEADER)
    except (OSError, ValueError):
        return b""
