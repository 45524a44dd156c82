"""The config file: what it may say, that the command line wins, and that what is saved comes back the same."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from rtseg import cli
from rtseg.errors import DataError, OutputError
from rtseg.files import ASSETS
from rtseg.options.call import Call, Value, call_of, typed_effect
from rtseg.options.config import default_path
from rtseg.options.saving import config_target, save_config
from test_cli import rtseg

CAM = typer.main.get_command(cli.app).commands["cam"]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not the developer's config file."""
    for name in ("XDG_CONFIG_HOME", "APPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


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


HOSTILE = [
    'it\'s "quoted"',
    "back\\slash\\",
    "two\nlines\r\n\ttab",
    "Zoë 日本 \U0001f600",
    "'''",
    '"""',
    "#00ff00",
    "$HOME `id` ; rm *",
    "--mirror",
    "\x7f\x1b\u2028",
    "a = 1 ]",
]


def words_of(line: str) -> list[str]:
    """What a shell makes of a line."""
    done = subprocess.run(["bash", "-c", f'printf "%s\\0" {line}'], capture_output=True, check=True)
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_come_back(text: str) -> None:
    call = parsed(f"--bg={text}", f"--model={text}", "--fps", "29.97", "--mirror", "--no-window")
    save_config(Path("saved.toml"), call)
    assert parsed("--config", "saved.toml").different() == call.different()
    if sys.platform != "win32":
        assert parsed(*words_of(call.command_line())[2:]).different() == call.different()


def test_saved_paths_hold_anywhere_and_recordings_are_not_written_over(tmp_path: Path) -> None:
    write("", "me.jpg")
    call = parsed("--bg", "me.jpg", "--source", "demo", "--model", "fast", "--out", "talk.mp4")
    assert "--out talk.mp4" in call.command_line()
    save_config(Path("deep/er/saved.toml"), call)
    values = parsed("--config", "deep/er/saved.toml").different()
    assert values == {"bg": str(tmp_path / "me.jpg"), "source": "demo", "model": "fast"}
    save_config(Path("saved.toml"), parsed("--out", "virtual:/dev/video9"))
    assert parsed("--config", "saved.toml").different() == {"out": "virtual:/dev/video9"}


def test_saving_is_whole_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    old = write("[cam]\nblur = 3\n")
    os.symlink(old, "link.toml")
    with pytest.raises(OutputError, match="can't be written"):
        save_config(Path("link.toml"), parsed("--blur", "4").changed(bg="\ud800"))  # no UTF-8 for it
    assert old.read_text() == "[cam]\nblur = 3\n" and sorted(os.listdir()) == ["c.toml", "link.toml"]
    save_config(Path("link.toml"), parsed("--blur", "4"))
    assert Path("link.toml").is_symlink() and "blur = 4" in old.read_text()


def test_a_bad_target_is_found_before_the_session() -> None:
    write("", "file")
    Path("folder").mkdir()
    for name in ("folder", "file/c.toml"):
        with pytest.raises(OutputError, match=name.partition("/")[0]):
            config_target(name, None)
    assert config_target("", Path("c.toml")) == Path("c.toml")
    assert config_target("", None) == default_path()


def test_the_tool_reads_and_saves(clip: Path) -> None:
    write('[cam]\nbg = "#0000ff"\nsource = "clip.mp4"\nwindow = false\n')
    said = rtseg("cam", "--config", "c.toml", "--save-config", "--out", "o.mp4", "--threads", "1")
    assert "config: c.toml" in said and "saved the options in c.toml; the file before is" in said
    assert "--out o.mp4 is not saved: every session would write over it" in said
    values = parsed("--config", "c.toml").different()
    assert values == {"bg": "#0000ff", "source": str(clip), "window": False, "threads": 1}
    assert "no permission" in rtseg("cam", "--save-config", "clip.mp4/x.toml", code=1)
    assert "did you mean blur" in rtseg("cam", "--config", str(write("[cam]\nblurr = 1")), code=1)


def test_files_count_from_the_config_files_folder(tmp_path: Path) -> None:
    Path("cfg/demo").mkdir(parents=True)
    for name in ("cfg/mine.jpg", "cfg/net.onnx", "cfg/blur", "cfg/clip.mp4", "mine.jpg", "beside.jpg"):
        Path(name).touch()

    def source(**values: str) -> dict[str, Value]:
        lines = [f"{key} = '{value}'" for key, value in values.items()]
        return parsed("--config", str(write("\n".join(["[cam]", *lines]), "cfg/c.toml"))).different()

    assert source(bg="mine.jpg", model="net.onnx", source="clip.mp4") == {
        "bg": "cfg/mine.jpg",
        "source": "cfg/clip.mp4",
        "model": "cfg/net.onnx",
    }
    assert source(bg="beside.jpg") == {"bg": "cfg/beside.jpg"}  # not the one of the working directory
    assert source(bg="beach.jpg", source="Brio 4.1", model="fast") == {
        "bg": "beach.jpg",
        "source": "Brio 4.1",
        "model": "fast",
    }
    for words in ({"bg": "blur", "source": "demo"}, {"bg": "#00ff00", "source": "0"}, {"source": "rtsp://x/a.mp4"}):
        assert source(**words) == words
    whole = {"bg": str(tmp_path / "mine.jpg"), "source": "/dev/video0"}
    assert source(**whole) == whole
    assert source(out="talk.mp4") == {"out": "talk.mp4"}  # what is written counts from where one is


def test_words_that_are_no_files_everywhere() -> None:
    from rtseg.models.model import AUTO, TIERS
    from rtseg.options.config import WORDS

    assert [name for name in (*TIERS, AUTO) if not re.fullmatch(WORDS["model"], name)] == []
    Path("blur").mkdir()
    save_config(Path("c.toml"), parsed("--bg", "blur"))
    assert parsed("--config", "c.toml").different() == {"bg": "blur"}
    assert (ASSETS / "backgrounds" / "beach.jpg").is_file()


def test_what_was_written_by_hand_is_kept() -> None:
    text = '# for calls\n[cam]\nblur = 30  # "#" is no comment here\n'
    path = write(text)
    assert (kept := save_config(path, parsed("--blur", "5"))) == Path("c.toml.bak")
    assert kept.read_text() == text and "blur = 5" in path.read_text()
    assert save_config(path, parsed("--blur", "6", "--bg", "#00ff00")) is None  # written by rtseg: nothing to lose
    assert save_config(path, parsed("--blur", "7")) is None
    path.write_text(path.read_text() + "# more\n")
    assert save_config(path, parsed("--blur", "8")) == Path("c.toml.bak1")
    assert kept.read_text() == text


def test_a_home_that_cannot_be_looked_into_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("XDG_CONFIG_HOME", "APPDATA", "HOME"):
        monkeypatch.setenv(name, "/" + 300 * "x")  # an error for root too, whom no permission stops
    assert parsed().different() == {}
    assert "note: no config is read" in capsys.readouterr().err
