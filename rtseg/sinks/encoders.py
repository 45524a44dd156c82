"""What a video file is written with: container, encoder and its settings, by the file's ending."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from av.codec.codec import UnknownCodecError

from rtseg.errors import OutputError
from rtseg.formats import CONTAINERS

Pixels = Literal["bgr24", "gray", "bgra"]  # FFmpeg's names for uint8 HxWx3, HxW and HxWx4 frames
TRANSPARENT = {".mov": "ProRes 4444", ".webm": "VP9"}
X264_CRF = {False: "20", True: "22"}  # of files and recordings: x264's 20 with looking ahead is as good as 22 without
VP9_CRF = "24"  # about as good as that
MPEG4_BITS = 0.25  # per pixel: where there is no x264, size is the lesser worry
KEY_SECONDS = 2.0  # between key frames of a recording: what seeking in it costs
FRAGMENT_SECONDS = 0.5  # of a recording that are lost at most when the process is killed
HYBRID_SINCE = 62  # libavformat of FFmpeg 8


@dataclass(frozen=True)
class Encoder:
    """An FFmpeg encoder by name, the pixels it is given and its options."""

    codec: str
    pix_fmt: str
    options: dict[str, str]


def container_format(path: Path) -> str:
    """FFmpeg's name for the container of this ending; raises OutputError."""
    try:
        return CONTAINERS[path.suffix.lower()]
    except KeyError:
        kinds = ", ".join(CONTAINERS)
        if str(path) == "-":
            what = (
                f": a file is needed here ({kinds}); `rtseg apply VIDEO --out -` writes raw frames to standard output"
            )
        elif path.suffix:
            what = f": {path.suffix} can't be written; use {kinds}"
        else:
            what = f" has no suffix, which says what is written; give {path}.mp4, or one of {kinds}"
        raise OutputError(f"output {path}{what}") from None


def choose_encoder(path: Path, pixels: Pixels, size: tuple[int, int], fps: float, *, live: bool) -> Encoder:
    """The encoder for a file of (width, height) frames; `live` keeps up with a camera and delays nothing.

    Raises OutputError when the container has no transparency or the encoder is not to be had.
    """
    suffix = path.suffix.lower()
    key_frames = {"g": str(max(1, round(KEY_SECONDS * fps)))} if live else {}
    if pixels == "bgra" and suffix not in TRANSPARENT:
        kinds = " or ".join(f"{ending} ({codec})" for ending, codec in TRANSPARENT.items())
        raise OutputError(f"output {path}: {suffix} has no transparency; use {kinds}, or a folder for PNG pictures")
    if pixels == "bgra" and suffix == ".mov":
        return needed(path, Encoder("prores_ks", "yuva444p10le", {"profile": "4444"}))
    if suffix == ".webm":
        speed = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        speed = speed if live else {"deadline": "good", "cpu-used": "5"}
        options = {"crf": VP9_CRF, "b": "0", "row-mt": "1"} | speed | key_frames
        return needed(path, Encoder("libvpx-vp9", "yuva420p" if pixels == "bgra" else "yuv420p", options))
    if has_codec("libx264"):
        speed = {"preset": "veryfast"} | ({"tune": "zerolatency"} if live else {})
        return Encoder("libx264", "yuv420p", {"crf": X264_CRF[live]} | speed | key_frames)
    bits = round(MPEG4_BITS * size[0] * size[1] * fps)
    return needed(path, Encoder("mpeg4", "yuv420p", {"b": str(bits)} | key_frames))


def container_options(container: str, *, live: bool) -> dict[str, str]:
    """A recording is playable at any moment, its index spread over it; other files have theirs in front.

    So they can be played from a server before all of them has come; it costs copying the file once within itself.
    """
    if not live:
        return {"movflags": "+faststart"} if container in ("mp4", "mov") else {}
    if container in ("matroska", "webm"):
        return {"cluster_time_limit": str(round(FRAGMENT_SECONDS * 1e3))}
    # Hybrid: fragments while recording, an ordinary index once it is complete, which every player can seek in.
    hybrid = av.library_versions["libavformat"][0] >= HYBRID_SINCE
    flags = "hybrid_fragmented" if hybrid else "frag_keyframe+empty_moov+default_base_moof"
    return {"movflags": flags, "frag_duration": str(round(FRAGMENT_SECONDS * 1e6))}


def has_codec(name: str) -> bool:
    """Whether this build of FFmpeg can encode with it."""
    try:
        av.Codec(name, "w")
    except UnknownCodecError:
        return False
    return True


def needed(path: Path, encoder: Encoder) -> Encoder:
    if not has_codec(encoder.codec):
        raise OutputError(f"output {path}: this FFmpeg has no encoder {encoder.codec}; use .mp4, or `pip install av`")
    return encoder
