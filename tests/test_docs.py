"""docs/ and CONTRIBUTING.md: commands that the tool takes, links and files that exist, messages that it says."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from rtseg.backgrounds.background import find_background
from rtseg.cli import app, optional_value
from rtseg.commands.apply.plan import PIXELS
from rtseg.errors import RtsegError
from rtseg.formats import WRITTEN_VIDEOS
from rtseg.models.foreign.adapter import read_adapter
from rtseg.models.model import AUTO, TIERS
from rtseg.options.call import options_of
from rtseg.options.config import read_config
from rtseg.options.values import parse_size
from rtseg.sinks.virtual import parse_virtual
from rtseg_export.cli import app as exporter
from rtseg_train.cli import app as trainer
from rtseg_train.config import AREAS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
# Commands that are not ours; the repository's own scripts are checked to exist instead.
OTHERS = (
    *(
        "apt-get",
        "docker",
        "echo",
        "ffmpeg",
        "ffplay",
        "git",
        "modprobe",
        "parallel",
        "pip",
        "python",
        "ssh",
        "sudo",
        "systemctl",
        "tee",
    ),
    "torchrun",
)
TOP = ("rtseg", "train", "export", "tests", "benchmarks", "docs", "scripts", ".ci")
OUTSIDE = {**dict.fromkeys(("train", "eval"), trainer), "export": exporter}  # commands in packages of their own
HOLE = "…"  # stands in a quoted message for what changes


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell script, as words; pipes, && and redirections end one."""
    for line in text.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        reader.whitespace_split = True
        words: list[str] = []
        for word in [*reader, ";"]:
            if set(word) <= set("|&;<>"):
                if words and "=" not in words[0]:
                    yield words
                words = ["redirected="] if set(word) <= set("<>") else []
            else:
                words.append(word)


def examples(tool: bool) -> list[Any]:
    """Every command on every page: rtseg's, or the others."""
    found = []
    for page in PAGES:
        services = re.findall(r"^ExecStart=\S*/(rtseg .*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        for words in commands("\n".join([*blocks(page, "sh"), *services])):
            mine = words[0] == "rtseg"
            if words[:2] == ["docker", "run"] and tool:  # docker run [OPTIONS] rtseg COMMAND
                words, mine = words[words.index("rtseg") :], True
            if mine is tool:
                found.append(pytest.param(page, words, id=f"{page.stem}: {' '.join(words)}"))
    return found


def parsed(words: list[str]) -> dict[str, Any]:
    """The values of a command's parameters; AssertionError when rtseg would not take it."""
    command: Any = typer.main.get_command(app)
    try:
        if words[0].startswith("-"):
            assert words[0] in [name for p in command.get_params(None) for name in p.opts], "no such option"
            return {}
        assert words[0] in command.commands, "no such command"
        command = typer.main.get_command(OUTSIDE.get(words[0], app))
        values: dict[str, Any] = command.commands[words[0]].make_context(words[0], optional(words[1:])).params
    except (typer.Exit, Exception) as e:
        raise AssertionError(f"rtseg {' '.join(words)}: {getattr(e, 'message', None) or e}") from e
    return values


def optional(words: list[str]) -> list[str]:
    """The words as the entry point hands them on."""
    return optional_value("--save-config", [w for w in words if w != "--debug"]) if words else []


def check_values(command: str, values: dict[str, Any]) -> None:
    """What only the command itself would find out."""
    assert values.get("provider", "auto") in ("auto", "cuda", "cpu")
    if command in ("cam", "apply", "bench"):
        assert values["model"] in (*TIERS, AUTO) or values["model"].endswith(".onnx")
    for size in (values.get("size") if command == "cam" else None, values.get("raw"), values.get("static")):
        assert not size or parse_size(size)
    background = values.get("bg")
    if background and Path(background).suffix == ".jpg":
        find_background(background)
    if command == "cam" and values["out"] and parse_virtual(values["out"]) is None:
        assert Path(values["out"]).suffix in WRITTEN_VIDEOS
    assert values.get("emit", "composite") in PIXELS
    assert command != "train" or values["arch"] in (None, *AREAS)


@pytest.mark.parametrize(("page", "words"), examples(tool=True))
def test_rtseg_takes_the_command(page: Path, words: list[str]) -> None:
    configs = [text for text in blocks(page, "toml") if "[cam]" in text]
    if configs and "--config" in words:  # is read while the command line is
        Path("page.toml").write_text(configs[0], encoding="utf-8")
        place = words.index("--config") + 1
        words = [*words[:place], "page.toml", *words[place + 1 :]]
    check_values(words[1], parsed(words[1:]))


@pytest.mark.parametrize(("page", "words"), examples(tool=False))
def test_other_commands_are_known(page: Path, words: list[str]) -> None:
    name = words[0]
    assert name.removeprefix(".venv/bin/") in OTHERS or (ROOT / name).is_file(), f"{page.name}: {' '.join(words)}"


WRONG = (
    *("cam --bgg beach.jpg", "cam --fps 0", "cam --fps fast", "camm", "--versoin", "apply x.jpg"),
    *("export runs/x --precision int4", "train mine --archh fast"),
)


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_command_is_found_out(command: str) -> None:
    with pytest.raises(AssertionError, match="rtseg"):
        parsed(command.split())


@pytest.mark.parametrize(
    "command",
    ["cam --out x.avi", "cam --bg nowhere.jpg", "cam --size big", "cam --model big", "apply a --out b --emit x"],
)
def test_a_wrong_value_is_found_out(command: str) -> None:
    words = command.split()
    with pytest.raises((AssertionError, RtsegError)):
        check_values(words[0], parsed(words))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" in target:
            continue
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(path), f"{page.name}: {target}#{anchor}"


def anchors(page: Path) -> list[str]:
    """The names that GitHub gives a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_files_that_are_named_exist(page: Path) -> None:
    names = {path.name for folder in TOP for path in (ROOT / folder).rglob("*.py")}
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for span in re.findall(r"`([^`\s]+)`", text):
        if span.split("/")[0] in TOP and "/" in span and not re.search(r"[*A-Z<]{4}", span):
            assert (ROOT / span).exists(), f"{page.name}: {span}"
        elif re.fullmatch(r"\w+\.py", span):
            assert span in names, f"{page.name}: {span}"


def test_toml_is_read(tmp_path: Path) -> None:
    command: Any = typer.main.get_command(app)
    cam = command.commands["cam"]
    for page in PAGES:
        for text in blocks(page, "toml"):
            path = tmp_path / "x.toml"
            path.write_text(text, encoding="utf-8")
            if "[cam]" in text:
                assert read_config(path, "cam", options_of(cam.params, cam.callback))
            else:
                read_adapter(path)


def literals(text: str) -> Iterator[str]:
    """Strings of a program as they come out, with a hole for each value in them."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(v.value if isinstance(v, ast.Constant) else HOLE for v in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.sub(r"\{[^}]*\}", HOLE, node.value)


def test_messages_are_those_of_the_program() -> None:
    """Each piece between two holes of a message that docs/troubleshooting.md quotes is in one string of the program."""
    sources = [
        p for folder in ("rtseg", "train/rtseg_train", "export/rtseg_export") for p in (ROOT / folder).rglob("*.py")
    ]
    strings = "\n".join(s for p in sources for s in literals(p.read_text(encoding="utf-8")))
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    quoted = [
        q
        for part in re.findall(r"^Says: (.*?)\n\n", page, re.DOTALL | re.MULTILINE)
        for q in re.findall(r"`([^`]+)`", part)
    ]
    assert len(quoted) > 20
    pieces = [(piece.strip(), message) for message in quoted for piece in " ".join(message.split()).split(HOLE)]
    assert not [f"{piece!r} of {message!r}" for piece, message in pieces if piece not in strings]


def test_the_readme_has_the_figures_of_the_card() -> None:
    """What the shipped models score stands in two places, and changes with every new one of them."""

    def rows(page: Path) -> list[str]:
        lines = page.read_text(encoding="utf-8").splitlines()
        return [line for line in lines if re.match(rf"\| `({'|'.join(TIERS)})` \|( [\d./% ]+ \|){{7}}$", line)]

    card = rows(ROOT / "rtseg" / "assets" / "MODEL_CARD.md")
    assert len(card) == len(TIERS) and rows(ROOT / "README.md") == card
