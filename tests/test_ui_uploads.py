"""Files that a page sends: kept in the user's folder without what they tell of their maker, or refused in words."""

import io
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from conftest import write_clip
from pages import Browser, served
from rtseg.ui import uploads
from rtseg.ui.uploads import safe_stem

PLACE = b"Rue de la Paix 7"  # what a file tells of its maker


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mine"


@pytest.fixture
def browser(folder: Path) -> Iterator[Browser]:
    with served(folder) as browser:
        yield browser


def picture(kind: str = "JPEG", size: tuple[int, int] = (160, 90)) -> bytes:
    """A blue one, taken at PLACE."""
    made, data = Image.new("RGB", size, (20, 60, 200)), io.BytesIO()
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = PLACE.decode(), "somebody"
    made.save(data, kind, exif=exif)
    assert PLACE in data.getvalue()
    return data.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that claims side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 5000)) + chunk(b"IEND", b"")
    )


def film(path: Path, suffix: str) -> bytes:
    """A short one with sound, a title and a place."""
    frames = [np.full((90, 160, 3), (200, 60, 20 + 5 * i), np.uint8) for i in range(12)]
    plain = write_clip(path / "plain.mp4", frames, [i / 30 for i in range(12)], sound=True)
    told = path / f"told{suffix}"
    with av.open(str(plain)) as source, av.open(str(told), "w", options={"movflags": "use_metadata_tags"}) as target:
        target.metadata.update({"title": PLACE.decode(), "location": PLACE.decode(), "comment": PLACE.decode()})
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams}
        for stream in streams.values():
            stream.metadata["handler_name"] = PLACE.decode()
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert PLACE in told.read_bytes()
    return told.read_bytes()


def send(browser: Browser, name: str, data: bytes) -> tuple[int, dict[str, str]]:
    answer = browser.ask("POST", f"/api/backgrounds?name={quote(name, safe='')}", data)
    return answer.status, answer.json


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_picture_is_kept_without_what_it_tells(browser: Browser, folder: Path, kind: str) -> None:
    status, item = send(browser, f"my wall.{kind.lower()}", picture(kind))
    assert status == 201 and item["name"] == "my wall.jpg" and item["kind"] == "picture"
    (kept,) = folder.iterdir()
    assert PLACE not in kept.read_bytes() and b"Exif" not in kept.read_bytes()
    blue, green, red = cv2.imread(str(kept))[45, 80].astype(int)
    assert abs(blue - 200) < 9 and abs(green - 60) < 9 and abs(red - 20) < 9
    assert browser.backgrounds()["my wall.jpg"]["id"] == item["id"]
    assert browser.ask("GET", f"/api/backgrounds/{item['id']}/thumb").body.startswith(b"\xff\xd8")


def test_a_turned_picture_is_upright(browser: Browser, folder: Path) -> None:
    """The tag that says so goes with the others."""
    made, data = Image.new("RGB", (160, 90), (20, 60, 200)), io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    made.save(data, "JPEG", exif=exif)
    assert send(browser, "turned.jpg", data.getvalue())[0] == 201
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    assert cv2.imread(str(folder / "turned.jpg"), flags).shape == (160, 90, 3)


@pytest.mark.parametrize(("sent", "kept"), [(".mp4", ".mp4"), (".mov", ".mp4"), (".mkv", ".mkv")])
def test_a_film_is_kept_without_sound_and_what_it_tells(
    browser: Browser, folder: Path, tmp_path: Path, sent: str, kept: str
) -> None:
    status, item = send(browser, f"waves{sent}", film(tmp_path, sent))
    assert status == 201 and item["name"] == f"waves{kept}" and item["kind"] == "video", item
    path = folder / item["name"]
    assert PLACE not in path.read_bytes()
    with av.open(str(path)) as film_kept:
        assert [s.type for s in film_kept.streams] == ["video"]
        assert len(list(film_kept.decode(video=0))) == 12
        assert not set(film_kept.metadata) & {"title", "location", "comment"}
    assert browser.ask("GET", f"/api/backgrounds/{item['id']}/thumb").status == 200


def test_an_animation_is_kept_as_a_film(browser: Browser, folder: Path) -> None:
    data = io.BytesIO()
    frames = [Image.new("RGB", (64, 48), (60 * i, 80, 90)) for i in range(4)]
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=100, comment=PLACE)
    status, item = send(browser, "dance.gif", data.getvalue())
    assert status == 201 and item["name"] == "dance.mp4", item
    assert PLACE not in (folder / "dance.mp4").read_bytes()
    with av.open(str(folder / "dance.mp4")) as film_kept:
        assert len(list(film_kept.decode(video=0))) == 4 and film_kept.duration == pytest.approx(400_000, rel=0.1)


REFUSED = {
    "empty": (b"", "empty"),
    "text": (b"hello, this is not a picture\n" * 9, "text file"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "SVG"),
    "html": (b"<!DOCTYPE html><html><script>alert(1)</script></html>", "web page"),
    "playlist": (b"#EXTM3U\nfile:///etc/passwd\n", "playlist"),
    "concat": (b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
    "zip": (b"PK\x03\x04" + b"\0" * 99, "archive"),
    "noise": (bytes(range(256)) * 9, ""),
    "half a picture": (picture()[:-300], "cut off"),
    "half a png": (picture("PNG", (640, 360))[:400], ""),
    "bomb": (bomb(30_000), "30000x30000 pixels"),
    "more than is of use": (bomb(9_000), "9000x9000 pixels"),
    "larger bomb": (bomb(2**31 - 1), "pixels"),
    "a picture behind text": (b"GIF89a<script>" + b"x" * 99, ""),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("name", ["x.jpg", "x.mp4"])
def test_what_is_none_is_refused_in_words(browser: Browser, folder: Path, what: str, name: str) -> None:
    data, why = REFUSED[what]
    status, said = send(browser, name, data)
    assert status == 400 and why in said["error"], said
    assert ".part" not in said["error"] and str(folder) not in said["error"]
    assert not list(folder.iterdir())


def test_too_much_is_refused_before_it_is_all_there(
    browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_FILM", 100_000)
    status, said = send(browser, "x.mp4", b"\0" * 100_001)
    assert status == 400 and "too large" in said["error"]
    # Who does not say how much is coming is stopped on the way.
    chunk = b"%x\r\n%s\r\n" % (50_000, b"\0" * 50_000)
    path, length = "/api/backgrounds?name=x.mp4", {"Content_Length": None, "Transfer_Encoding": "chunked"}
    answer = browser.ask("POST", path, chunk * 3 + b"0\r\n\r\n", **length)
    assert answer.status == 400 and "too large" in answer.json["error"]
    monkeypatch.setattr(uploads, "MOST_PICTURE", 500)
    assert "too large" in send(browser, "x.jpg", picture())[1]["error"]
    assert not list(folder.iterdir())


NAMES = {
    "../../evil.jpg": "evil",
    "..\\..\\evil.jpg": "evil",
    "/etc/cron.d/evil.jpg": "evil",
    "C:\\Windows\\evil.jpg": "evil",
    "%2e%2e%2fevil.jpg": "2e-2e-2fevil",
    "evil\0.jpg": "evil",
    ".hidden.jpg": "hidden",
    "..": "background",
    "": "background",
    "/": "background",
    "CON.jpg": "CON-",
    "a" * 300 + ".jpg": "a" * 80,
    "\u202egpj.exe": "gpj",
    "-rf.jpg": "rf",
    "<script>.jpg": "script",
    "x\r\nSet-Cookie: a=b.jpg": "x-Set-Cookie- a-b",
    "Größe 2.jpg": "Größe 2",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_safe_and_stay_in_the_folder(browser: Browser, folder: Path, name: str) -> None:
    assert safe_stem(name) == NAMES[name]
    status, item = send(browser, name, picture())
    assert status == 201 and item["name"] == f"{NAMES[name]}.jpg"
    assert [path.name for path in folder.iterdir()] == [item["name"]]
    assert not [path for path in folder.parent.rglob("*evil*") if path.parent != folder]


def test_nothing_is_overwritten_and_no_link_followed(browser: Browser, folder: Path) -> None:
    folder.mkdir()
    (folder.parent / "precious").write_text("precious")
    (folder / "wall.jpg").symlink_to(folder.parent / "precious")
    (folder / "wall-2.jpg").symlink_to(folder.parent / "not there")
    os.link(folder.parent / "precious", folder / "wall-3.jpg")
    assert send(browser, "wall.jpg", picture())[1]["name"] == "wall-4.jpg"
    assert send(browser, "wall.jpg", picture())[1]["name"] == "wall-5.jpg"
    assert (folder.parent / "precious").read_text() == "precious" and not (folder.parent / "not there").exists()


def test_a_folder_that_can_not_be_written_is_said(browser: Browser, folder: Path) -> None:
    folder.write_text("a file")
    status, said = send(browser, "wall.jpg", picture())
    assert status == 400 and "can't be kept" in said["error"]
