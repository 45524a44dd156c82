"""The config file: what it may say, that the command line wins, and that what is saved comes back the same."""

import shlex
from pathlib import Path

import pytest
import typer

from rtseg import cli
from rtseg.errors import DataError
from rtseg.options.call import Call, Value, call_of, typed_effect
from rtseg.options.config import default_path
from test_cli import rtseg

CAM = typer.main.get_command(cli.app).commands["cam"]  # type: ignore[attr-defined]


def parsed(*words: str) -> Call:
    """`rtseg cam WORDS` as it would run."""
    with CAM.make_context("cam", list(words)) as context:
        bg, blur = typed_effect(context, context.params["bg"], context.params["blur"])
        return call_of(context).changed(bg=bg, blur=blur)


def write(text: str, name: str = "c.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_of_option_and_the_command_line_wins() -> None:
    write('[cam]\nmodel = "fast"\nblur = 35\nthreads = 2\nmirror = true\nwindow = false\nout = "a.mkv"\n')
    assert parsed("--config", "c.toml").different() == {
        "blur": 35.0,
        "out": "a.mkv",
        "window": False,
        "model": "fast",
        "threads": 2,
        "mirror": True,
    }
    typed = parsed("--config", "c.toml", "--model", "auto", "--no-mirror", "--blur", "5")
    assert typed.different() == {"blur": 5.0, "out": "a.mkv", "window": False, "threads": 2}
    assert "--no-mirror" in typed.command_line() and "--model auto" in typed.command_line()


def test_auto_in_the_file_is_what_cam_does_without_one() -> None:
    write('[cam]\nmodel = "auto"')
    again = parsed("--config", "c.toml")
    assert again.values["model"] == parsed().values["model"] == "auto" and again.different() == {}
    assert parsed("--model", "balanced").command_line() == "rtseg cam --model balanced"


@pytest.mark.parametrize(
    ("words", "effect"),
    [
        ([], ("beach.jpg", 8.0)),
        (["--blur", "50"], (None, 50.0)),
        (["--bg", "space.jpg"], ("space.jpg", None)),
        (["--bg", "blur"], ("blur", None)),
    ],
)
def test_bg_and_blur_are_taken_together(words: list[str], effect: tuple[str | None, float | None]) -> None:
    write('[cam]\nbg = "beach.jpg"\nblur = 8')
    values = parsed("--config", "c.toml", *words).values
    assert (values["bg"], values["blur"]) == effect


def test_the_command_line_undoes_what_the_file_says() -> None:
    write('[cam]\nbg = "beach.jpg"\nmirror = true')
    back = parsed("--config", "c.toml").changed(bg=None, mirror=False)
    assert back.command_line() == "rtseg cam --config c.toml --no-mirror --bg blur"
    assert again(back).different() == {"bg": "blur"}


def again(call: Call) -> Call:
    """What the line that is printed for a call gives."""
    return parsed(*shlex.split(call.command_line())[2:])


OWN = '[cam]\nbg = "space.jpg"\nblur = 9\nmirror = true\nfps = 15\nmodel = "fast"\n'
OTHER = '[cam]\nbg = "beach.jpg"\nsmoothing = false\nthreads = 1\n'
CHANGES: list[dict[str, Value | None]] = [
    {},
    {"bg": None, "blur": None},
    {"bg": None, "blur": 40.0},
    {"bg": "beach.jpg", "blur": None},
    {"bg": "room.jpg", "blur": 9.0},
    {"bg": "beach.jpg", "blur": 12.0},
    {"mirror": False, "smoothing": True},
    {"mirror": True, "smoothing": False},
]


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("words", [[], ["--config", "other.toml"], ["--config", "other.toml", "--blur", "20"]])
@pytest.mark.parametrize("own", [None, OWN])
def test_the_line_gives_the_same_whatever_file_is_in_force(
    own: str | None, words: list[str], changes: dict[str, Value | None]
) -> None:
    if own:
        default_path().parent.mkdir(parents=True)
        default_path().write_text(own)
    write(OTHER, "other.toml")
    call = parsed(*words).changed(**changes)
    given = dict(again(call).values)
    given["bg"] = None if given["bg"] == "blur" else given["bg"]
    assert given == call.values
    if words == ["--config", "other.toml"] and not changes:
        assert call.command_line() == "rtseg cam --config other.toml"


@pytest.mark.usefixtures("clip")
def test_the_line_run_as_printed() -> None:
    default_path().parent.mkdir(parents=True)
    default_path().write_text(OWN)
    write('[cam]\nbg = "#0000ff"\nsource = "clip.mp4"\nwindow = false\nout = "o.mp4"\n', "w.toml")
    call = parsed("--config", "w.toml").changed(bg="#00ff00", smoothing=False)
    assert call.command_line() == "rtseg cam --config w.toml --bg '#00ff00' --no-smoothing"
    said = rtseg(*shlex.split(call.command_line())[1:], "--save-config", "same.toml")
    assert "config: w.toml" in said
    assert parsed("--config", "same.toml").different() == {
        "bg": "#00ff00",
        "source": str(Path("clip.mp4").absolute()),
        "window": False,
        "smoothing": False,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[cam]\n\nblurr = 3", ["c.toml, line 3", "did you mean blur"]),
        ("[cam]\nno-window = true", ["line 2", "did you mean window"]),
        ("[cam]\nxyzzy = 3", ["line 2: xyzzy", "known are bg, blur"]),
        ('[cam]\nblur = "35"', ['line 2: blur is "35"; give a number, 1 to 100']),
        ("[cam]\n\nblur = 300", ["line 3: blur is 300; give a number, 1 to 100"]),
        ("[cam]\nthreads = 0", ["line 2: threads is 0; give a whole number, 1 to 256"]),
        ("[cam]\nsize = '12'", ["line 2: size is", "WIDTHxHEIGHT"]),
        ("[cam]\nprovider = 'cudaa'", ["line 2: provider is", "did you mean cuda?"]),
        ("[cam]\nBackground = 'x.jpg'", ["did you mean bg?"]),
        ("[cam]\nwebcam = 0", ["did you mean source?"]),
        ("[cam]\noutput = 'x.mp4'", ["did you mean out?"]),
        ("[cam]\nstrength = 5", ["did you mean blur?"]),
        ("[cam]\nbg = 2026-11-23", ["bg is 2026-11-23; give text in quotes"]),
        ("[cam]\nbg = {a = [true, 'b']}", ['bg is {a = [true, "b"]}; give text']),
        ("[cam]\nthreads = 1.5", ["threads is 1.5; give a whole number"]),
        ("[cam]\nthreads = true", ["threads is true; give a whole number"]),
        ("[cam]\nmirror = 1", ["mirror is 1; give true or false"]),
        ("[cam]\nbg = 7", ["bg is 7; give text in quotes"]),
        ('[cam]\nbg = "a\\u0000b"', ["without NUL"]),
        ("[cam]\nfps = 500", ["fps is 500; give a number, 1 to 240"]),
        ("[cam]\nfps = nan", ["fps is nan"]),
        ("[cam]\nblur = 0x" + 9000 * "f", ["blur is a number of thousands of digits; give a number, 1 to 100"]),
        ("[cam]\nblur = [1, 2]", ["blur is [1, 2]"]),
        ('config = "other.toml"', ["config is not a section"]),
        ("[cam]\nconfig = 1", ["config is not an option"]),
        ("blur = 3\n[cam]\n", ["line 1: blur stands outside", "[cam]"]),
        ("[cm]\nblur = 3", ["line 1: cm is not a section", "[cam]"]),
        ("cam = 5", ["cam is not a section"]),
        ("[cam]\nblur 3", ["c.toml is not TOML", "line 2"]),
        ("[cam]\nblur = 1\nblur = 2", ["not TOML"]),
        ("[cam]\nbg = " + "[" * 5000, ["not TOML"]),
    ],
)
def test_mistakes_are_named(text: str, says: list[str]) -> None:
    write(text)
    with pytest.raises(DataError) as e:
        parsed("--config", "c.toml")
    for words in says:
        assert words in str(e.value)


def test_files_that_are_none() -> None:
    Path("bytes.toml").write_bytes(b"[cam]\nbg = '\xff\xfe'")
    Path("folder.toml").mkdir()
    for name, says in (("bytes.toml", "not UTF-8"), ("folder.toml", "not a file"), ("none.toml", "No such file")):
        with pytest.raises(DataError, match=says):
            parsed("--config", name)


def test_the_users_own_file() -> None:
    assert parsed().different() == {}  # there is none
    default_path().parent.mkdir(parents=True)
    default_path().write_text("\ufeff[cam]\r\nblur = 12\r\n", encoding="utf-8")  # as a Windows editor leaves it
    assert parsed().different() == {"blur": 12.0}
    write("[cam]\nmirror = true")
    assert parsed("--config", "c.toml").different() == {"mirror": True}  # another file instead, not both
