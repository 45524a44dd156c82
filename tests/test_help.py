"""Help in panels: what belongs together stands together, one word for each kind of value, examples that are right."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from typing import Any

import pytest
import typer

from rtseg.cli import app
from rtseg.commands.forwarded import MODULES, group
from rtseg.options.panels import OTHERS

COMMANDS = list(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def help_of(*command: str) -> str:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "80")
        with contextlib.suppress(SystemExit):
            typer.main.get_command(app).main(args=[*command, "--help"], prog_name="rtseg")
    return said.getvalue()


def panels(text: str) -> dict[str, str]:
    """Title -> what stands in it."""
    parts = re.split(r"(?m)^(\S.*):\n", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize(
    ("command", "panel", "options"),
    [
        ("cam", "The picture", "--bg --blur --edge --mirror"),
        ("cam", "From where, to where", "--source --out --size"),
        ("cam", "Model and speed", "--model --threads --target-fps"),
        ("apply", "Many files", "--jobs --shard --quiet"),
        ("train", "Pictures", "--val --person"),
        ("train", "Learning rates", "--lr --ema"),
        ("train", "The article's recipe", "--preset --epochs --size --width"),
        ("export", "What it becomes", "--out --precision --static"),
        ("export", "Whether it agrees", "--pictures --compare --tolerance"),
    ],
)
def test_options_stand_in_panels(command: str, panel: str, options: str) -> None:
    found = panels(help_of(command))
    assert set(options.split()) <= set(re.findall(r"--[\w-]+", found[panel]))
    assert list(found)[-2:] == [OTHERS, "Examples"]


def test_ui_takes_what_it_has_no_use_for_without_a_word() -> None:
    """A config that is for `cam` says `window = false`; a page is in the window's place."""
    assert "--window" in help_of("cam") and "--window" not in help_of("ui")
    ui: Any = typer.main.get_command(app).commands["ui"]  # type: ignore[attr-defined]
    assert ui.make_context("ui", ["--no-window"]).params["window"] is False


def test_commands_stand_in_panels_with_their_whole_sentence() -> None:
    found = panels(help_of())
    assert {"Use", "Look", "Your own model"} <= found.keys()
    assert "..." not in "".join(found.values()) and "and those in\n               this folder" in found["Look"]
    assert "cam" in found["Use"] and "doctor" in found["Look"] and "train" in found["Your own model"]


@pytest.mark.parametrize("command", COMMANDS)
def test_values_are_named_in_one_style(command: str) -> None:
    """CAPITALS for what is filled in, a|b for what is chosen; not the <types> of Python."""
    text = help_of(command)
    assert not re.search(r"<[\w |\[\]]+>", text), text


@pytest.mark.parametrize("command", ["cam", "train", "apply", "export"])
def test_the_examples_are_taken(command: str) -> None:
    examples = panels(help_of(command))["Examples"].strip().splitlines()
    assert len(examples) == 2
    own: Any = group(command) if command in MODULES else typer.main.get_command(app)
    for line in examples:
        first, name, *words = shlex.split(line)
        assert (first, name) == ("rtseg", command)
        own.commands[name].make_context(name, words)
