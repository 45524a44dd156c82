"""Opening videos: which formats are taken for one, which of several picture tracks, and who decodes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import av.codec
import av.error
import av.logging
from av.codec.codec import UnknownCodecError
from av.stream import Disposition

from rtseg.sources.animations import as_film, is_animation
from rtseg.sources.kinds import IS_PICTURE, header, kind

# FFmpeg's remarks are left out: what matters is raised. Its own logger, not PyAV's: that one needs the GIL in
# decoder threads while PyAV holds it and waits for them (PyAV issues 751, 909); closing early hung in 400 tries.
av.logging.restore_default_callback()
av.logging.set_libav_level(-8)  # AV_LOG_QUIET
# FFmpeg plays more: lists that name other files, on this machine or elsewhere, and text, as a terminal would show it.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,m4v,asf,asf_o,flv,live_flv,kux,ogg,gif,apng,"
    "h261,h263,h264,hevc,vvc,av1,obu,ivf,vc1,vc1test,cavsvideo,avs2,avs3,dirac,dnxhd,evc,mjpeg,mjpeg_2000,mpjpeg,"
    "yuv4mpegpipe,nut,mxf,gxf,dv,rm,nsv,wtv,ty,dhav,pva,ivr,film_cpk,flic,rawvideo,mlv,cine,smjpeg,r3d,webp"
)
# Of streams also what their protocols and playlists consist of; a text that a server sends is none.
STREAMED = FORMATS + (
    ",hls,dash,rtsp,rtp,rtp_mpegts,sdp,sap,jpeg_pipe,image2pipe,aac,ac3,eac3,ac4,mp3,flac,wav,webvtt,srt,data,bin"
)
# A stream comes from where it was asked for: what a server sends must not name a file here.
NOT_FROM_AFAR = "file,fd,pipe,concat,concatf,subfile,cache,async,tee"
WITH_ALPHA = {"vp9": "libvpx-vp9", "vp8": "libvpx"}  # FFmpeg's own decoders leave the transparency out


def open_container(target: Any, *, remote: bool, timeout: tuple[float, float] | None = None) -> Any:
    """An open container. target: what av.open takes. Raises FFmpegError, OSError and ValueError.

    remote: an address, whose playlists may lead to others, but not to files of this machine.
    """
    if remote:
        limits = {"format_whitelist": STREAMED, "protocol_blacklist": NOT_FROM_AFAR}
        return av.open(target, timeout=timeout, options=limits)
    if isinstance(target, str):
        path = Path(target.removeprefix("file:"))
        if kind(path) == "picture" and header(path)[4:8] == b"ftyp":  # FFmpeg plays HEIC and AVIF, tile by tile
            raise ValueError(IS_PICTURE)
        if is_animation(header(path)) and kind(path) == "video":
            target = as_film(path)
    return av.open(target, options={"format_whitelist": FORMATS, "protocol_whitelist": "file"})


def picture_track(container: Any) -> Any:
    """The video stream to show: the default one, or else the largest; None where there is none but cover pictures."""
    tracks = [s for s in container.streams.video if Disposition.attached_pic not in s.disposition]

    def rank(stream: Any) -> tuple[bool, int]:
        context = stream.codec_context
        return Disposition.default in stream.disposition, context.width * context.height

    return max(tracks, key=rank, default=None)


def has_pictures(path: Path) -> bool:
    """Whether a file is a video, not sound alone."""
    try:
        with open_container(f"file:{path}", remote=False) as container:
            return picture_track(container) is not None
    except (av.error.FFmpegError, OSError, ValueError):
        return False


class Decoder:
    """The packets of one stream as pictures, their transparency too. `threads`: "AUTO", or "SLICE" for no delay."""

    def __init__(self, stream: Any, *, threads: str = "AUTO", count: int = 0) -> None:
        self._stream, self._own = stream, None
        stream.thread_type = threads
        if count:
            stream.codec_context.thread_count = count
        name = WITH_ALPHA.get(stream.codec_context.codec.canonical_name)
        if name and stream.metadata.get("alpha_mode", stream.metadata.get("ALPHA_MODE")) == "1":
            self._own = decoder(name, stream)

    def decode(self, packet: Any) -> list[Any]:
        """Raises InvalidDataError for a damaged packet, and other FFmpegErrors."""
        if self._own is None:
            return list(packet.decode())
        return list(self._own.decode(packet)) if packet.size else []


def decoder(name: str, stream: Any) -> Any:
    """A decoder of that name for the stream; None where FFmpeg was built without it."""
    try:
        made = av.CodecContext.create(name, "r")
    except UnknownCodecError:
        return None
    made.extradata = stream.codec_context.extradata
    return made
