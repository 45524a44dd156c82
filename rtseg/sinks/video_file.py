"""Where video goes: a file with true timestamps and sound, playable even when a recording is cut short."""

from __future__ import annotations

import contextlib
import weakref
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
import av.error
import cv2
from av.video.reformatter import ColorRange, Colorspace

from rtseg.arrays import U8
from rtseg.errors import OutputError
from rtseg.files import check_target, complete, complete_as_new, discard, recording_path, temporary_path
from rtseg.links import behind_links
from rtseg.sinks.encoders import Encoder, Pixels, choose_encoder, container_format, container_options
from rtseg.sinks.fragments import cut_to_whole
from rtseg.sinks.promised import Promised
from rtseg.sinks.sound import Sound
from rtseg.sources.look import ROUNDED, is_hd
from rtseg.sources.video import Video, reason

TIME_BASE = Fraction(1, 60_000)  # seconds; fine enough for any camera, and MPEG-4 allows no more than 65535
FLUSH_PACKETS = 0x200  # AVFMT_FLAG_FLUSH_PACKETS: what is written is on its way to the disk at once
COLOURS = {True: (Colorspace.ITU709, 1), False: (Colorspace.ITU601, 6)}  # HD: swscale's number, H.273's number
LIMITED = 1  # AVCOL_RANGE_MPEG
BILINEAR = 2  # as swscale converts; with ROUNDED it does not darken


class VideoFile:
    """Writes frames with their times; the file gets its name only when it is complete.

    A recording of something live is written as `NAME.partial.mp4`, which plays up to its last half second whatever
    happens to the process, and stays when something goes wrong. Anything else can be done again and leaves nothing.

    Args:
        path: .mp4, .m4v, .mov, .mkv or .webm.
        size: (width, height) of the frames to come; odd sides grow by one pixel, but not in ProRes.
        fps: what players are told; the real times are those of the frames.
        sound: a source whose sound and title are taken along, the sound by packets given to `copy`.
        pixels: bgr24 (HxWx3), gray (HxW) or bgra (HxWx4, straight alpha: .mov as ProRes 4444, .webm as VP9).
        live: a recording that can't be done again.
        new: the name was not asked for: if somebody has taken it by the end, the file gets the next (`talk-2.mp4`).

    Raises:
        OutputError: at once for a name or folder that won't do; later when the disk is full.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        size: tuple[int, int],
        fps: float,
        sound: Video | None = None,
        pixels: Pixels = "bgr24",
        live: bool = True,
        new: bool = False,
    ) -> None:
        path = Path(path)
        check_target(path)
        self._kind = kind = container_format(path)
        self._promised = Promised(path, size, fps, pixels)
        encoder = choose_encoder(path, pixels, size, fps, live=live)
        self.path, self.frames, self.live, self._pixels = path, 0, live, pixels
        self._last, self._closed, self._new = -1, False, new
        self._cut_short: str | None = None
        self.until: float | None = None  # seconds at which the last frame is over, if that is known
        self._ahead: int | None = None  # by how much the first packet is decoded before it is shown, in its time base
        self._held: list[Any] = []  # the last packet of a file, whose duration is known at the end
        made: Path | None = None
        try:
            self._target = behind_links(path)
            self.partial = made = recording_path(self._target) if live else temporary_path(self._target)
            if not live:  # a signal may come after this constructor and before `with`
                weakref.finalize(self, discard, made)
            self._container = av.open(  # "file:" because FFmpeg would take the 12 of "12:30.mp4" for a protocol
                f"file:{self.partial}", "w", format=kind, container_options=container_options(kind, live=live)
            )
            if live:
                self._container.flags |= FLUSH_PACKETS
            self._video = self._add_video(encoder, size, fps)
            self._sound = Sound(self._container, sound)
        except BaseException as e:
            if made:
                discard(made)
            if not isinstance(e, av.error.FFmpegError | OSError):
                raise
            raise OutputError(f"output {path} can't be created: {reason(e)}") from e

    def _add_video(self, encoder: Encoder, size: tuple[int, int], fps: float) -> av.VideoStream:
        rate = Fraction(fps).limit_denominator(1001)
        stream = cast(av.VideoStream, self._container.add_stream(encoder.codec, rate=rate))
        stream.pix_fmt, stream.options = encoder.pix_fmt, {**encoder.options}
        even = 2 if "420" in encoder.pix_fmt else 1  # two by two pixels share their colour
        self._odd = (size[1] % even, size[0] % even)
        stream.width, stream.height = size[0] + self._odd[1], size[1] + self._odd[0]
        self._colours, number = COLOURS[is_hd(*size)]
        context = stream.codec_context
        context.time_base = TIME_BASE
        context.colorspace = context.color_primaries = context.color_trc = number
        context.color_range = LIMITED
        return stream

    @property
    def remark(self) -> str | None:
        """What the user should know of the sound, and of the file's name; or None."""
        return together(*self._sound.remarks, self._cut_short)

    def cut_short(self) -> None:
        """More was to come: a finished file of that name, if there is one, will not give way to this one."""
        if self._target.exists():
            self._cut_short = f"{self.path} is still the file from before; what was written now is not all of it"

    def write(self, picture: U8, time: float) -> None:
        """Add a frame, shown at `time` seconds. Frames out of order are put right after the last.

        Raises OutputError, for a frame of another size or kind too.
        """
        self._promised.check(picture, time)
        if any(self._odd):
            picture = cv2.copyMakeBorder(picture, 0, self._odd[0], 0, self._odd[1], cv2.BORDER_REPLICATE)  # type: ignore[assignment]
        frame = av.VideoFrame.from_ndarray(picture, format=self._pixels).reformat(
            format=self._video.pix_fmt,
            dst_colorspace=self._colours,
            dst_color_range=ColorRange.MPEG,
            interpolation=BILINEAR | ROUNDED,
        )
        frame.time_base = TIME_BASE
        frame.pts = self._last = max(round(time / TIME_BASE), self._last + 1)
        self._mux(lambda: self._hold(self._video.encode(frame)))
        self.frames += 1

    def copy(self, packet: Any) -> None:
        """Pass on a packet of the source's sound; packets of other streams are left out."""
        self._mux(lambda: self._sound.take(packet))

    def _hold(self, packets: list[Any]) -> list[Any]:
        """The packets that came before; the last one waits for the next, unless it is a recording's."""
        if packets and self._ahead is None:
            self._ahead = packets[0].pts - packets[0].dts
        together = self._held + packets
        self._held = [] if self.live else together[-1:]
        return together[: len(together) - len(self._held)]

    def _rest(self) -> list[Any]:
        """The last packets; that of the last frame lasts as long as it is shown."""
        packets = self._hold(self._video.encode(None)) + self._held
        if packets and self.until is not None and packets[-1].time_base:
            shown_last = max(packets, key=lambda p: p.pts)
            # MP4 has the time to the next one stored, and so counts what is stored last too, which may be shown before;
            # and it is as long as these times together, however late that one is shown.
            for packet in (shown_last, packets[-1]) if self._kind in ("mp4", "mov") else (shown_last,):
                packet.duration = max(1, round(self.until / packet.time_base) - packet.pts)
            packets[-1].dts = max(packets[-1].dts, packets[-1].pts - (self._ahead or 0))
        return packets

    def _mux(self, packets: Any) -> None:
        try:
            for packet in packets():
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError, ValueError) as e:
            raise OutputError(f"output {self.path} can't be written: {reason(e)}{self._give_up()}") from e

    def finish(self) -> None:
        """Complete the file and give it its name; without a frame there is no file. Raises OutputError."""
        if self._closed:
            return
        if not self.frames:
            self._give_up()
            return
        try:
            self._mux(lambda: [*self._rest(), *self._sound.flush()])
            self._close()
            self._name()
        except (av.error.FFmpegError, OSError) as e:
            raise OutputError(f"output {self.path} can't be completed: {reason(e)}{self._give_up()}") from e
        except KeyboardInterrupt as e:  # a second Ctrl-C, while the first one's file is completed
            self._note(e)
            raise

    def _name(self) -> None:
        """Give what has been written its name; raises OSError."""
        if self._cut_short:
            made = self.partial if self.live else recording_path(self._target)
            if made != self.partial:
                complete(self.partial, made)
            self.path = self.partial = made
        elif self._new:
            self.path = complete_as_new(self.partial, self._target)
        else:
            complete(self.partial, self._target)

    def _close(self) -> None:
        self._closed = True
        self._container.close()

    def _give_up(self) -> str:
        """Drop what has been written, or keep it if it can't be done again; what to say about it."""
        if not self._closed:
            with contextlib.suppress(av.error.FFmpegError, OSError):  # closing flushes, which fails on a full disk
                self._close()
        if self.live and self.frames:
            if self._kind in ("mp4", "mov"):
                with contextlib.suppress(OSError):  # then it still plays in all but strict players
                    cut_to_whole(self.partial)
            return f"; what was recorded until then is kept in {self.partial}"  # less than was written to it
        discard(self.partial)
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None) -> None:
        if e is None:
            self.finish()
        elif not self._closed:
            self._note(e)

    def _note(self, e: BaseException) -> None:
        """Give up, and say on what ended it where what was recorded is."""
        if kept := self._give_up():
            e.add_note(f"output {self.path} is not complete{kept}")


def together(*remarks: str | None) -> str | None:
    """Several remarks as one line, or None."""
    return "; ".join(filter(None, remarks)) or None
