"""What is printed: other people's text, without what a terminal obeys, and without passwords."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import pytest

from rtseg.console import Messages
from rtseg.messages import amount, as_address, has_secret, shown
from rtseg.options.saving import save_config
from rtseg.sources.opening import SourceError, open_source
from test_cli import rtseg
from test_config import parsed

SECRETS = [
    "http://user:hunter2@host:8080/stream",
    "rtsp://admin:hunter2@192.168.1.5/live?x=1",
    "http://user:hunt@hunter2@host/x",
    "http://user:a/hunter2@host/x",
    "http://:hunter2@host",
    "http://user:hunter2@[::1]:80/",
    "http:/user:hunter2@host",  # as pathlib has it
    "rtsp://host/user=admin&password=hunter2&channel=1",
    "rtsp://host/user=admin_password=hunter2_channel=1",
    "http://host/video?user=a&PWD=hunter2",
    "http://host/video?token=hunter2#x",
    "http://hunter2@host/x",
    "http://user%3Ahunter2@host/x",
    "rtsp://user:hunt hunter2@host/x",
    "https://host/x?X-Amz-Signature=hunter2&a=b",
    "https://host/x?client_secret=hunter2",
    "http://host/cgi?loginuse=admin&loginpas=hunter2",
    "srt://host:9000?streamid=hunter2&latency=200",
    "srt://host:9000?mode=caller&streamid=#!::u=admin,r=hunter2",
    "srt://host:9000?passphrase=hunter2&pbkeylen=16",
    "rtmp://host/app/hunter2",
    "rtmps://host:443/app/hunter2?backup=1",
    "rtmp://host/app/inst/hunter2-abcd-efgh",
    "https://host/hls/eyJhbGciOiJIUzI1NiIs-hunter2/index.m3u8",
    "rtsps://192.168.1.1:7441/aB3hunter2XyZ09Qr7T?enableSrtp",
    "http://host:8080/live/me/hunter2/1234.ts",
    "http://host:8080/me/hunter2/1234.m3u8",
    "http://host/hls/stream.m3u8?hdnts=exp=1~hmac=hunter2",
]


@pytest.mark.parametrize("address", SECRETS)
def test_passwords_are_not_shown(address: str) -> None:
    said = shown(f"source {address} was refused")
    assert "hunter2" not in said and "***" in said and said.endswith(" was refused")
    assert has_secret(address)


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/video",
        "C:/a@b.c",
        "http://host/a@b.c",
        "rtsp://host:554/a b@c",
        "rtsp://[::1]:554/a?b=c",
        "a@b.c",
        "C:/x",
        "C:/users/aB3dE5fG7hI9jK1lM3/b.mp4",
        "file:///home/aB3dE5fG7hI9jK1lM3/b.mp4",
        "rtmp://host/live",
        "rtsp://host/Streaming/Channels/101",
        "rtsp://host/h264Preview_01_main",
        "http://host/big_buck_bunny_1080p60fps.mp4",
        "srt://host:9000?mode=listener&latency=200",
        "file:///home/a",
        "5:30",
    ],
)
def test_addresses_without_any_stay(text: str) -> None:
    assert shown(text) == text and not has_secret(text)


def test_the_command_says_no_password_anywhere() -> None:
    address = "http://user:hunter2@127.0.0.1:9/stream"
    for more in ([], ["--debug"]):
        said = rtseg("cam", "--source", address, "--no-window", *more, code=1)
        assert "hunter2" not in said and "http://user:***@127.0.0.1:9/stream" in said
    assert "hunter2" not in rtseg("cam", "--source", "demo", "--bg", address, "--no-window", code=1)
    assert "hunter2" not in parsed("--source", address, "--blur", "30").command_line()
    with pytest.raises(SourceError) as e:
        open_source(address)
    assert "hunter2" not in str(e.value)  # nor in the window, which shows it


def test_nor_of_a_stream_whose_key_is_in_the_address() -> None:
    for address in ("rtmp://127.0.0.1:9/app/hunter2", "srt://127.0.0.1:9?streamid=hunter2&timeout=1000"):
        said = rtseg("cam", "--source", address, "--no-window", "--debug", code=1)
        assert "hunter2" not in said and "***" in said


def test_nor_where_the_scheme_was_left_out() -> None:
    address = "user:hunter2@host:554/live"
    with pytest.raises(SourceError) as e:
        open_source(address)
    assert "source user:***@host:554/live: No such file" in str(e.value)
    assert "hunter2" not in rtseg("apply", address, "--out", "x.mp4", code=1)


@pytest.mark.parametrize("before", [None, 0o644, 0o600])
def test_a_config_with_a_password_is_for_its_owner_alone(before: int | None) -> None:
    path = Path("kept.toml")
    if before is not None:
        path.write_text("# by hand\n[cam]\nsource = 'http://a:old@b'\n")
        path.chmod(before)
    kept = save_config(path, parsed("--source", "http://user:hunter2@host/", "--blur", "30"))
    assert "hunter2" in path.read_text() and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept is None or stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_one_without_is_as_the_others() -> None:
    mask = os.umask(0o022)
    save_config(Path("kept.toml"), parsed("--blur", "30"))
    os.umask(mask)
    assert stat.S_IMODE(Path("kept.toml").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[red]x[/red] [/b] [link=x]", "[red]x[/red] [/b] [link=x]"),
        (":smile: \\[x]", ":smile: \\[x]"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("a\rb\x08\x9b1m\x7f", "a\\rb\\x08\\x9b1m\\x7f"),
        ("b\udcffd", "b\\xffd"),
        ("exe\u202egpj.x", "exe\\u202egpj.x"),
        ("日本 é 👨‍👩‍👧\n\tx", "日本 é 👨‍👩‍👧\n\tx"),
    ],
)
def test_text_comes_out_as_it_is(text: str, wanted: str) -> None:
    console = Messages(file=io.StringIO(), width=200, force_terminal=True)
    console.print(f"wrote {text}")
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.rstrip("\n").expandtabs() == f"wrote {wanted}".expandtabs()


def test_usage_errors_obey_nothing() -> None:
    assert "\x1b" not in rtseg("cam", "--no\x1b[31m", code=2)
    assert "\x1b" not in rtseg("apply", "x", "y\x1b[31m", code=2)
    assert "\\x1b" in rtseg("cam", "--size", "1\x1b[31m", code=2)


def test_the_same_again_holds_brackets_and_bytes() -> None:
    line = parsed("--bg", "[dQw4w9WgXcQ].jpg").command_line()
    assert line == "rtseg cam --bg '[dQw4w9WgXcQ].jpg'"
    assert parsed("--bg", "b\udcff'\x1b").command_line() == "rtseg cam --bg $'b\\xff\\x27\\x1b'"


def test_one_is_one() -> None:
    assert [amount(n, "frame") for n in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("https://host/x.jpg", "https://host/x.jpg"),
        (Path("https://me:secret@host/x.jpg"), "https://me:***@host/x.jpg"),
        (Path("C:/x.jpg"), None),
        ("12:30.mp4", None),
        ("photos/a.jpg", None),
    ],
)
def test_an_address_in_a_files_place(given: str | Path, wanted: str | None) -> None:
    assert as_address(given) == wanted
