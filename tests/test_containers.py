"""What containers say of their pictures, as sources and as backgrounds."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from conftest import write_clip
from rtseg.backgrounds.opening import open_background
from rtseg.commands.apply import run as apply
from rtseg.errors import SourceError
from rtseg.pipeline import Pipeline
from rtseg.sinks.video_file import VideoFile
from rtseg.sources.opening import open_source

CASES = Path(__file__).parent / "cases"
RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)


def quarters(width: int, height: int) -> np.ndarray:
    """Red, green, blue, white from the top left on, line by line."""
    picture = np.full((height, width, 3), 255, np.uint8)
    picture[: height // 2, : width // 2], picture[: height // 2, width // 2 :] = RED, GREEN
    picture[height // 2 :, : width // 2] = BLUE
    return picture


def colours(picture: np.ndarray) -> str:
    """`rgbw` for `quarters`."""
    height, width = picture.shape[:2]
    known = {"r": RED, "g": GREEN, "b": BLUE, "w": (255, 255, 255), "k": (0, 0, 0)}
    places = [picture[y, x].astype(int) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return "".join(min(known, key=lambda k: int(np.abs(place - known[k]).sum())) for place in places)


def first_of(path: Path) -> np.ndarray:
    with open_source(str(path)) as source:
        return next(iter(source)).image


def encode(path: Path, frames: list[np.ndarray], change: Callable[[av.VideoStream], None] = lambda s: None) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "1", "preset": "ultrafast"}
        change(stream)
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
            container.mux(
                stream.encode(picture.reformat(format="yuv420p", dst_colorspace=stream.codec_context.colorspace))
            )
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), "rgbw"),
        ((-1, 0, 0, 1), "grwb"),  # a selfie
        ((1, 0, 0, -1), "bwrg"),
        ((-1, 0, 0, -1), "wbgr"),
        ((0, 1, -1, 0), "brwg"),
        ((0, -1, 1, 0), "gwrb"),
        ((0, 1, 1, 0), "rbgw"),
        ((0, -1, -1, 0), "wgbr"),
    ],
)
def test_every_display_matrix_is_obeyed(tmp_path: Path, matrix: tuple[int, ...], expected: str) -> None:
    path = encode(tmp_path / "clip.mp4", [quarters(128, 64)] * 2)
    data, (a, b, c, d) = path.read_bytes(), (0x10000 * v for v in matrix)
    at = data.index(b"tkhd") + 4 + 40  # behind the box's times, layer and volume
    path.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x4000_0000) + data[at + 36 :])
    turned = expected in ("brwg", "gwrb", "rbgw", "wgbr")
    picture = first_of(path)
    assert picture.shape[:2] == ((128, 64) if turned else (64, 128)) and colours(picture) == expected
    width, height = (64, 128) if turned else (128, 64)
    assert colours(open_background(path).at(0.0, width, height)) == expected


@pytest.mark.parametrize(("aspect", "size"), [((2, 1), (256, 64)), ((1, 2), (128, 128))])
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, aspect: tuple[int, int], size: tuple[int, int]) -> None:
    def widen(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)

    path = encode(tmp_path / "clip.mp4", [quarters(128, 64)] * 2, widen)
    picture = first_of(path)
    assert picture.shape[1::-1] == size and colours(picture) == "rgbw"
    behind = open_background(path).at(0.0, 64, 64)  # cut around its middle, the edges of the quarters stay there
    assert colours(behind) == "rgbw"


def test_untagged_video_has_the_colours_of_its_size(tmp_path: Path) -> None:
    colour = (40, 120, 200)
    for width, height, matrix in (
        (640, 720, 1),
        (640, 360, 5),
        (640, 576, 5),
        (640, 578, 1),
        (1280, 360, 1),
        (1278, 360, 5),
    ):
        frame = np.full((height, width, 3), colour, np.uint8)
        picture = av.VideoFrame.from_ndarray(frame, format="bgr24").reformat(
            format="yuv420p", dst_colorspace=matrix, dst_color_range=1, interpolation=0x40004
        )
        path = tmp_path / f"{width}x{height}.y4m"
        y, u, v = (np.frombuffer(bytes(p), np.uint8).reshape(-1, p.line_size)[:, : p.width] for p in picture.planes)
        path.write_bytes(
            f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\nFRAME\n".encode()
            + y.tobytes()
            + u.tobytes()
            + v.tobytes()
        )
        for shown in (first_of(path), open_background(path).at(0.0, width, height)):
            np.testing.assert_allclose(shown[height // 2, 320], colour, atol=2)


def test_a_round_trip_does_not_darken(tmp_path: Path, demo_frames: list[np.ndarray]) -> None:
    frames = demo_frames[:3]
    for height in (360, 720):
        sized = [cv2.resize(f, (height * 16 // 9, height)) for f in frames]
        with VideoFile(tmp_path / f"{height}.mp4", size=sized[0].shape[1::-1], fps=30, live=False) as sink:
            for i, frame in enumerate(sized):
                sink.write(frame, i / 30)
        with open_source(str(tmp_path / f"{height}.mp4")) as source:
            for frame, before in zip(source, sized, strict=True):
                change = frame.image.astype(float).mean((0, 1)) - before.mean((0, 1))
                assert np.abs(change).max() < 0.6


def test_hlg_is_tone_mapped_and_said(demo_frames: list[np.ndarray]) -> None:
    with open_source(str(CASES / "hdr_hlg.mov")) as source:
        picture = next(iter(source)).image
        assert source.remark and "HDR (HLG)" in source.remark
    small, standard = (cv2.resize(p, (64, 36), interpolation=cv2.INTER_AREA) for p in (picture, demo_frames[0]))
    assert np.abs(small.astype(int) - standard).mean() < 6
    behind = open_background(CASES / "hdr_hlg.mov").at(0.0, 640, 360)
    assert np.abs(behind.astype(int) - picture).mean() < 2


def test_interlaced_video_has_no_combs() -> None:
    def combs(picture: np.ndarray) -> float:
        lines = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(float)
        return float(np.maximum(0, (lines[1:-1] - lines[:-2]) * (lines[1:-1] - lines[2:]) - 100).mean())

    with av.open(str(CASES / "interlaced.mp4")) as container:
        raw = [combs(f.to_ndarray(format="bgr24")) for f in container.decode(video=0)]
    with open_source(str(CASES / "interlaced.mp4")) as source:
        frames = list(source)
    assert len(frames) == len(raw) and [f.index for f in frames] == list(range(len(raw)))
    assert frames[-1].time == pytest.approx((len(raw) - 1) / 25, abs=1e-3)
    assert max(combs(f.image) for f in frames) < 0.1 * float(np.median(raw))
    behind = open_background(CASES / "interlaced.mp4")
    assert combs(behind.at(0.4, 1024, 576)) < 0.1 * float(np.median(raw))


def test_of_two_picture_tracks_the_larger_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=30) for _ in range(2)]
        for stream, (width, height) in zip(streams, ((64, 36), (320, 180)), strict=True):
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for stream in streams:
            picture = av.VideoFrame.from_ndarray(quarters(stream.width, stream.height), format="bgr24")
            container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
    assert first_of(path).shape == (180, 320, 3)


def test_turned_avif_is_upright_as_source_and_as_background(tmp_path: Path, demo_frames: list[np.ndarray]) -> None:
    from rtseg.sources.pictures import read_picture

    path = CASES / "turned.avif"
    for picture in (read_picture(path, SourceError), open_background(path).at(None, 640, 360)):
        assert picture.shape == (360, 640, 3)
        assert np.abs(picture.astype(int) - demo_frames[0]).mean() < 12


def test_colour_profiles_become_srgb() -> None:
    from rtseg.sources.pictures import read_picture

    for picture in (
        read_picture(CASES / "display_p3.jpg", SourceError),
        open_background(CASES / "display_p3.jpg").at(None, 640, 360),
    ):
        assert np.abs(picture.astype(int) - (2, 86, 143)).sum(2).min() <= 2


@pytest.mark.parametrize("codec", ["pcm_s16le", "aac"])
def test_uncompressed_sound_becomes_aac_in_mp4(tmp_path: Path, codec: str, make_model: Callable[..., Path]) -> None:
    clip = write_clip(tmp_path / "clip.mp4", [quarters(64, 36)] * 6, [i / 30 for i in range(6)], sound=True)
    source = tmp_path / "clip.mov"
    with av.open(str(clip)) as given, av.open(str(source), "w") as container:
        video = container.add_stream_from_template(given.streams.video[0])
        sound = container.add_stream(codec, rate=44_100, layout="mono")
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                packet.stream = video
                container.mux(packet)
            else:
                for chunk in packet.decode():
                    container.mux(
                        sound.encode(av.AudioResampler("s16" if codec != "aac" else "fltp").resample(chunk)[0])
                    )
        container.mux(sound.encode(None))
    said = []
    console = Console(quiet=True)
    console.print = lambda *a, **k: said.append(str(a))  # type: ignore[method-assign]
    for target in ("out.mp4", "out.mov"):
        apply.run(
            source, tmp_path / target, Pipeline(model=make_model("left"), background="#00ff00"), "composite", console
        )
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    with av.open(str(tmp_path / "out.mov")) as container:
        assert container.streams.audio[0].codec_context.name == codec
    assert ("encoded anew as AAC" in "".join(said)) == (codec == "pcm_s16le")
