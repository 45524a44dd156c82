"""What a file is, is in the file: what is taken for a picture or a video, and what is said of the rest."""

import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from rich.console import Console

from rtseg.backgrounds.opening import Folder, open_background
from rtseg.commands.apply import run as apply
from rtseg.errors import BackgroundError, OutputError, SourceError
from rtseg.pipeline import Pipeline
from rtseg.sources.kinds import kind, likely_kind
from rtseg.sources.opening import open_source
from rtseg.sources.pictures import read_picture
from test_containers import CASES, colours

VIDEOS = [
    ("clip.MTS", "mpegts", "libx264"),
    ("clip.wmv", "asf", "wmv2"),
    ("clip.3gp", "3gp", "mpeg4"),
    ("clip.h264", "h264", "libx264"),
    ("clip.y4m", "yuv4mpegpipe", "rawvideo"),
    ("clip.vob", "mpeg", "mpeg2video"),
    ("clip.ogv", "ogg", "libtheora"),
    ("clip.hevc", "hevc", "libx265"),
    ("clip.nut", "nut", "mpeg4"),
    ("clip.ivf", "ivf", "libvpx"),
    ("clip.mjpeg", "mjpeg", "mjpeg"),
    ("clip", "mp4", "libx264"),
    ("clip.jpg", "matroska", "libx264"),
]


def write_video(path: Path, form: str, codec: str) -> Path:
    try:
        av.Codec(codec, "w")
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this FFmpeg has no {codec}")
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = 176, 144
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for i in range(5):
            picture = av.VideoFrame.from_ndarray(rng.integers(0, 256, (144, 176, 3), np.uint8), format="bgr24")
            picture.pts, picture.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def pipeline(make_model: Callable[..., Path]) -> Pipeline:
    return Pipeline(model=make_model("left"), background="#00ff00")


@pytest.mark.parametrize(("name", "form", "codec"), VIDEOS)
def test_a_video_is_one_whatever_it_is_called(
    tmp_path: Path, name: str, form: str, codec: str, pipeline: Pipeline
) -> None:
    path = write_video(tmp_path / name, form, codec)
    assert kind(path) == "video"
    with open_source(str(path)) as source:
        assert len(list(source)) == 5
    assert open_background(path).at(0.1, 32, 18).shape == (18, 32, 3)
    apply.run(path, tmp_path / "out.mp4", pipeline, "composite", Console(quiet=True))
    with open_source(str(tmp_path / "out.mp4")) as source:
        assert len(list(source)) == 5


def test_folders_take_what_they_hold_by_content(tmp_path: Path, pipeline: Pipeline) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_video(folder / "a.wmv", "asf", "wmv2")
    write_video(folder / "noname", "mp4", "libx264")
    cv2.imwrite(str(folder / "p.png"), np.full((20, 30, 3), 9, np.uint8))
    (folder / "p.png").rename(folder / "photo")
    (folder / "notes.txt").write_text("P1 is no picture here")
    with av.open(str(folder / "song.m4a"), "w", format="mp4") as container:
        container.add_stream("aac", rate=44_100)
        sound = container.streams[0]
        chunk = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        chunk.sample_rate = 44_100
        container.mux([*sound.encode(chunk), *sound.encode(None)])
    apply.run(folder, tmp_path / "out", pipeline, "composite", Console(quiet=True))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a.mkv", "noname.mkv", "photo.png"]
    behind = Folder(folder)
    assert behind.name == "a.wmv (1 of 3)" and behind.remark is None
    behind.close()


SVG = '<?xml version="1.0"?>\n<!DOCTYPE svg PUBLIC "x" "y">\n<svg xmlns="http://www.w3.org/2000/svg" width="9"/>'
SECRET = "file 'secret.mp4'\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.txt", "hello\n" * 400, "a text file"),
        ("notes", "\x1b[1mhello\x1b[0m\n" * 400, "a text file"),
        ("film.mp4", "hello\n" * 400, "a text file"),
        ("drawing.svg", SVG, "an SVG drawing"),
        ("drawing.png", SVG, "an SVG drawing"),
        ("marked.svg", "\ufeff<!-- made by hand -->\n" + SVG.partition("\n")[2], "an SVG drawing"),
        ("page.mp4", "\ufeff\n<!-- saved -->\n<html lang='en'>", "a web page"),
        ("page.jpg", "<?xml version='1.0'?>\n<!DOCTYPE html>", "a web page"),
        ("list.ffconcat", "ffconcat version 1.0\n" + SECRET, "a playlist"),
        ("list.mp4", "ffconcat version 1.0\n" + SECRET, "a playlist"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n", "a playlist"),
        ("list.txt", "#EXTM3U\nsecret.mp4\n", "a playlist"),
    ],
)
def test_text_drawings_and_playlists_are_called_so(
    tmp_path: Path, name: str, text: str, said: str, pipeline: Pipeline
) -> None:
    write_video(tmp_path / "secret.mp4", "mp4", "libx264")
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(SourceError, match=f"{name}.*it is {said}"):
        open_source(str(path))
    with pytest.raises(BackgroundError, match=f"{name}.*it is {said}"):
        open_background(path)
    with pytest.raises((SourceError, OutputError), match=said if name != "film.mp4" else "film.mp4"):
        apply.run(
            path,
            tmp_path / ("out.mp4" if likely_kind(path) == "video" else "out.png"),
            pipeline,
            "alpha",
            Console(quiet=True),
        )


def encoded(suffix: str, height: int = 300, channels: int = 3) -> bytes:
    rng = np.random.default_rng(0)
    ok, data = cv2.imencode(suffix, cv2.resize(rng.integers(0, 256, (9, 16, channels), np.uint8), (height * 2, height)))
    assert ok
    return data.tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".avif", ".tif", ".ppm"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_off_picture_is_called_so(tmp_path: Path, suffix: str, share: float, pipeline: Pipeline) -> None:
    data = encoded(suffix)
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SourceError, match=rf"cut\{suffix}.*cut off"):
        apply.run(path, tmp_path / "out.png", pipeline, "alpha", Console(quiet=True))
    with pytest.raises(BackgroundError, match=rf"cut\{suffix}.*cut off"):
        open_background(path)
    path.write_bytes(data + b"and something after it")
    assert read_picture(path, SourceError).shape == (300, 600, 3)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (20_000, 50), (50, 1)])
def test_pictures_of_sizes_that_can_t_be_processed_are_named(
    tmp_path: Path, width: int, height: int, pipeline: Pipeline
) -> None:
    path = tmp_path / "odd.png"
    cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
    with pytest.raises(SourceError, match=rf"odd\.png is {width}x{height}"):
        apply.run(path, tmp_path / "out.png", pipeline, "alpha", Console(quiet=True))
    assert open_background(path).at(None, 64, 36).shape == (36, 64, 3)


def test_nothing_of_the_libraries_is_printed(tmp_path: Path) -> None:
    for suffix in (".jpg", ".png", ".webp"):
        data = encoded(suffix)
        (tmp_path / f"cut{suffix}").write_bytes(data[: len(data) // 2])
        (tmp_path / f"bad{suffix}").write_bytes(data[:40] + bytes(200) + data[240:])
    program = """
import sys
from pathlib import Path
from rtseg.errors import SourceError
from rtseg.sources.pictures import read_layers
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        read_layers(path, SourceError)
    except SourceError as e:
        print(e)
"""
    ran = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert ran.stderr == "" and ran.stdout.count("cut off") >= 3


def turned_heic(name: bytes, value: int) -> bytes:
    """The HEIC of `quarters` with one more property, irot or imir."""
    data = bytearray((CASES / "quarters.heic").read_bytes())

    def grow(box: bytes, by: int) -> None:
        at = data.index(box) - 4
        data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + by).to_bytes(4, "big")

    for box, by in ((b"meta", 10), (b"iprp", 10), (b"ipco", 9), (b"ipma", 1)):
        grow(box, by)
    place = data.index(b"iloc") + 4 + 4 + 2 + 2 + 4  # the base of the first item's place in the file
    data[place : place + 4] = (int.from_bytes(data[place : place + 4], "big") + 10).to_bytes(4, "big")
    at = data.index(b"ipma") + 4 + 4 + 4 + 2
    count = data[at]
    data[at] += 1
    data[at + 1 + count : at + 1 + count] = bytes([count + 1])
    data[data.index(b"ipma") - 4 : data.index(b"ipma") - 4] = (9).to_bytes(4, "big") + name + bytes([value])
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [(b"irot", 0, "rgbw"), (b"irot", 1, "gwrb"), (b"irot", 2, "wbgr"), (b"irot", 3, "brwg"), (b"imir", 1, "grwb")],
)
def test_heic_is_upright_as_source_and_as_background(
    tmp_path: Path, name: bytes, value: int, shown: str, pipeline: Pipeline
) -> None:
    path = tmp_path / "photo.heic"
    path.write_bytes(turned_heic(name, value))
    picture = read_picture(path, SourceError)
    size = (64, 128) if value in (1, 3) and name == b"irot" else (128, 64)
    assert picture.shape[1::-1] == size and colours(picture) == shown
    assert colours(open_background(path).at(None, *size)) == shown
    apply.run(path, tmp_path / "out.png", pipeline, "alpha", Console(quiet=True))
    assert cv2.imread(str(tmp_path / "out.png")).shape[1::-1] == size
