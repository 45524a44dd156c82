"""Saving the config and reading it back: whatever was typed, wherever it is run, whole or not at all."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rtseg.errors import OutputError
from rtseg.files import ASSETS
from rtseg.options.call import Value
from rtseg.options.config import default_path
from rtseg.options.saving import config_target, save_config
from test_cli import rtseg
from test_config import parsed, write

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
