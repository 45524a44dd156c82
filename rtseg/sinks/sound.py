"""The sound of a source on its way into a video file: copied by packet, or encoded anew where it must be."""

from __future__ import annotations

from typing import Any

import av.error

from rtseg.sinks.encoders import has_codec
from rtseg.sources.video import Video

ENCODERS = {"webm": ("libopus", "Opus"), "matroska": ("libopus", "Opus")}  # of containers that are picky; else AAC
SILENT_IN_MP4 = ("pcm_", "vorbis", "dca")  # in players that know nothing but what MP4 mostly holds
RATE = 48_000  # Hz, the only rate that suits both
KEPT = ("language", "title", "handler_name")  # of what a file says about its tracks


class Sound:
    """Takes packets of a source and gives packets for the file, moved so that the source's video starts at 0.

    Streams are added to `container`, which must not have been written to yet.
    """

    def __init__(self, container: Any, source: Video | None) -> None:
        self.remarks: list[str] = []
        self._damaged = 0
        self._start = source.start if source else 0.0
        self._copied: dict[int, Any] = {}
        self._encoded: dict[int, Any] = {}
        self._ends: dict[int, int] = {}  # by stream: the timestamp of the last packet
        self._rising: set[int] = set()  # streams of which no two packets may have the same
        if source is None:
            return
        if title := source.container.metadata.get("title"):
            container.metadata["title"] = title
        for stream in source.container.streams.audio:
            if added := self._add(container, stream):
                added.metadata.update({k: v for k, v in stream.metadata.items() if k in KEPT})
                if title := stream.metadata.get("title"):
                    added.metadata["handler_name"] = title  # where MP4 has it
        if source.container.streams.subtitles:
            self.remarks.append("subtitles are left out")

    def _add(self, container: Any, stream: Any) -> Any:
        """The new track, or None where the sound can't be taken along."""
        context, name = stream.codec_context, container.format.name
        if name == "mp4" and context and context.name.startswith(SILENT_IN_MP4):
            return self._add_encoded(container, stream, f"{context.name} in mp4 is silent in QuickTime and Firefox")
        try:
            self._copied[stream.index] = container.add_stream_from_template(stream)
            if name not in ("matroska", "webm"):
                self._rising.add(stream.index)
            return self._copied[stream.index]
        except (av.error.FFmpegError, ValueError):
            what = f"{name} can't hold {context.name if context else 'an unknown codec'}"
        return self._add_encoded(container, stream, what)

    def _add_encoded(self, container: Any, stream: Any, what: str) -> Any:
        """The new track for sound that is encoded anew. what: why it is."""
        context, name = stream.codec_context, container.format.name
        encoder, title = ENCODERS.get(name, ("aac", "AAC"))
        if context is None or not has_codec(encoder):
            self.remarks.append(f"the sound was left out: {what}, and it can't be encoded as {title}")
            return None
        added = container.add_stream(encoder, rate=RATE)
        added.layout = "mono" if context.channels == 1 else "stereo"
        self._encoded[stream.index] = added
        self.remarks.append(f"the sound was encoded anew as {title}: {what}")
        return added

    def take(self, packet: Any) -> list[Any]:
        """What a packet becomes; nothing for packets of other streams."""
        if packet.dts is None or packet.pts is None:
            return []
        index = packet.stream.index
        last = self._ends.get(index)
        if last is not None and (packet.dts < last or (packet.dts == last and index in self._rising)):
            return []  # what overlaps where times have jumped back
        self._ends[index] = packet.dts
        if stream := self._copied.get(index):
            late = round(self._start / packet.time_base)
            packet.pts, packet.dts = packet.pts - late, packet.dts - late
            packet.stream = stream
            return [packet]
        if encoder := self._encoded.get(index):
            return self._encode(encoder, packet)
        return []

    def _encode(self, encoder: Any, packet: Any) -> list[Any]:
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            if not self._damaged:
                self.remarks.append("damaged sound was left out")
            self._damaged += 1
            return []
        out: list[Any] = []
        for frame in frames:
            frame.pts -= round(self._start / frame.time_base)
            out += encoder.encode(frame)
        return out

    def flush(self) -> list[Any]:
        """What the encoders still hold."""
        return [packet for encoder in self._encoded.values() for packet in encoder.encode(None)]
