"""Files from a page into the user's folder: bounded, looked at like `--bg`, and written anew without what they tell.

Pictures are decoded and encoded again as JPEG, animated ones as MP4. Of films the packets of the picture are copied
into a new file: neither sound nor titles, places, chapters or attachments.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import unicodedata
from collections.abc import AsyncIterable
from pathlib import Path

import av
import av.error
import cv2

from rtseg.backgrounds.background import KEPT_PIXELS, small_enough
from rtseg.backgrounds.film import Film
from rtseg.backgrounds.film_file import FilmFile, at_size
from rtseg.errors import BackgroundError, OutputError, PageError
from rtseg.files import complete_as_new, discard, free_names, short_enough, temporary_path
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.animations import is_animation
from rtseg.sources.containers import open_container, picture_track
from rtseg.sources.heif import is_heif
from rtseg.sources.kinds import header, likely_kind
from rtseg.sources.layers import size_of
from rtseg.sources.picture_size import picture_size
from rtseg.sources.pictures import read_opaque
from rtseg.sources.video import reason

MOST_PICTURE, MOST_FILM = 64 * 2**20, 1024 * 2**20  # bytes
UPLOAD_PIXELS = 2**26  # of a picture: 67 million
QUALITY = 92
LONGEST_NAME = 80  # letters
UNSAFE = re.compile(r"[^\w .()+-]+")
RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)", re.IGNORECASE)  # names of devices on Windows
MP4 = ("mov", "mp4", "m4a", "3gp")  # what FFmpeg calls this family
KEPT_TAG = "alpha_mode"  # of a stream: it says that the film is transparent, and nothing of who made it


def safe_stem(name: str) -> str:
    """A file's name without its ending and its folders, of letters that mean nothing to any system."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    stem = UNSAFE.sub("-", os.path.splitext(last)[0]).strip(" .-")[:LONGEST_NAME].rstrip(" .-")
    return f"{stem}-" if RESERVED.fullmatch(stem) else stem or "background"


async def receive(chunks: AsyncIterable[bytes], folder: Path, name: str, announced: int | None) -> Path:
    """Take a file in, and keep it under a name that is free; where it is then.

    announced: bytes, as the request's header has them. Raises PageError for what is refused.
    """
    if announced is not None and announced > MOST_FILM:
        raise PageError(too_large(name, MOST_FILM))
    partial = await asyncio.to_thread(made_in, folder, name)
    try:
        size = 0
        with partial.open("wb") as f:
            async for chunk in chunks:
                size += len(chunk)
                if size > MOST_FILM:
                    raise PageError(too_large(name, MOST_FILM))
                f.write(chunk)
        return await asyncio.to_thread(kept, partial, folder, name, size)
    except OSError as e:
        raise PageError(f"{shown_name(name)} can't be kept in {folder}: {e.strerror or e}") from e
    finally:
        with contextlib.suppress(OSError):
            discard(partial)


def made_in(folder: Path, name: str) -> Path:
    """An empty file of ours in the user's folder, which is made if it is not there. Raises PageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return temporary_path(folder / "upload")
    except OSError as e:
        raise PageError(f"{shown_name(name)} can't be kept in {folder}: {e.strerror or e}") from e


def kept(upload: Path, folder: Path, name: str, size: int) -> Path:
    """Write the upload anew under a name of its own; where. Raises PageError and OSError."""
    what = shown_name(name)
    if not size:
        raise PageError(f"{what} is empty")
    try:
        if likely_kind(upload) == "picture":
            if size > MOST_PICTURE:
                raise PageError(too_large(name, MOST_PICTURE))
            check_pixels(upload, what)
            return keep_picture(upload, folder / f"{safe_stem(name)}.jpg")
        return keep_film(upload, folder, safe_stem(name))
    except (BackgroundError, OutputError) as e:
        raise PageError(str(e).replace(str(upload), what).replace(upload.name, what)) from e


def check_pixels(upload: Path, what: str) -> None:
    """Before it is decoded. Raises PageError."""
    data = upload.read_bytes()
    width, height = picture_size(data) or size_of(data) or (0, 0)
    if not width and not is_heif(data):  # which counts its tiles by itself
        raise PageError(f"{what} does not say how large it is; save it as PNG or JPEG first")
    if width * height > UPLOAD_PIXELS:
        most = f"{UPLOAD_PIXELS / 1e6:.0f} million"
        raise PageError(f"{what} has {width}x{height} pixels, and {most} are enough; make it smaller")


def keep_picture(upload: Path, path: Path) -> Path:
    """As a JPEG of its pixels alone."""
    picture = small_enough(read_opaque(upload, BackgroundError, most=KEPT_PIXELS))
    made, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not made:
        raise PageError(f"{path.name} can't be written as a JPEG; save it as PNG or JPEG first")
    partial = temporary_path(path)
    try:
        partial.write_bytes(data.tobytes())
        return complete_as_new(partial, path)
    finally:
        with contextlib.suppress(OSError):
            discard(partial)


def keep_film(upload: Path, folder: Path, stem: str) -> Path:
    """Its pictures' packets, in a new container; what came of it can be played."""
    with contextlib.closing(Film(upload)):  # raises for what is no film
        pass
    head = header(upload)
    if head.startswith((b"GIF8", b"\x89PNG")) or is_animation(head):  # whose packets hold comments
        return encode_film(upload, folder / short_enough(stem, ".mp4"))
    with open_container(f"file:{upload}", remote=False) as film:
        formats = film.format.name.split(",")
        path = folder / short_enough(stem, ".mp4" if formats[0] in MP4 else ".mkv")
        partial = temporary_path(path)
        try:
            copy_pictures(film, partial, stem)
            with contextlib.closing(Film(partial)):
                pass
            return complete_as_new(partial, path)
        finally:
            with contextlib.suppress(OSError):
                discard(partial)


def encode_film(upload: Path, path: Path) -> Path:
    """All its pictures anew. Raises BackgroundError and OutputError."""
    with contextlib.closing(FilmFile(upload)) as film:
        pictures = film.pictures()
        first = next(pictures)
        width, height = first.look.size(first.frame)
        with VideoFile(next(free_names(path)), size=(width, height), fps=1 / first.duration, new=True) as made:
            for picture in itertools.chain([first], pictures):
                made.write(at_size(picture, width, height), picture.time)
                made.until = picture.time + picture.duration
    return made.path


def copy_pictures(film: av.container.InputContainer, path: Path, stem: str) -> None:
    """Every packet of the picture as it is. Raises PageError."""
    track = picture_track(film)
    try:
        with av.open(str(path), "w", options={"fflags": "+bitexact"}) as copy:
            stream = copy.add_stream_from_template(track)
            stream.metadata.clear()
            if KEPT_TAG in (tags := {k.lower(): v for k, v in track.metadata.items()}):
                stream.metadata[KEPT_TAG] = tags[KEPT_TAG]
            for packet in film.demux(track):
                if packet.dts is not None:
                    packet.stream = stream
                    copy.mux(packet)
    except (av.error.FFmpegError, ValueError) as e:
        raise PageError(f"{stem} can't be copied ({reason(e)}); save it as MP4, WebM or GIF") from e


def too_large(name: str, most: int) -> str:
    return f"{shown_name(name)} is too large; {most // 2**20} MB at most"


def shown_name(name: str) -> str:
    """For messages."""
    return re.split(r"[/\\]", name)[-1][:LONGEST_NAME] or "the file"
