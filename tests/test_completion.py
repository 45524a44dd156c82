"""Tab in the shell: a real bash with the script that `--install-completion` writes, and what each option offers."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rtseg.commands.apply.plan import PIXELS
from rtseg.commands.bench import SIZES
from rtseg.models.session import PROVIDERS
from rtseg.options import completion, values
from test_cli import environment

TOOL = "import sys; sys.argv[0] = 'rtseg'; from rtseg.cli import main; main()"
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")


def in_bash(line: str) -> list[str]:
    """What bash offers at the end of a line; its words are split as bash splits them, blanks apart."""
    tool = Path("bin/rtseg")
    if not tool.exists():
        tool.parent.mkdir()
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{TOOL}" "$@"\n')
        tool.chmod(0o755)
    words = line.split(" ")
    program = f'eval "$(rtseg --show-completion)"; COMP_WORDS=("$@"); COMP_CWORD={len(words) - 1}\n'
    program += '_rtseg_completion rtseg; printf "%s\\n" "${COMPREPLY[@]}"'
    more = {"PATH": f"{tool.parent.absolute()}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{program}\nexit 0", "bash", *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=True,
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.fixture
def here() -> None:
    """Files of all kinds."""
    for folder in ("bgs", "my pics/sub", "only/deep"):
        Path(folder).mkdir(parents=True)
    for name in ("bg1.jpg", "be.mp4", "bad.txt", ".b.jpg", "bgs/x.png", "my pics/a b.JPG", "net.onnx", "talk.mkv"):
        Path(name).touch()


@needs_bash
@pytest.mark.usefixtures("here")
def test_bash_offers_words_and_own_files() -> None:
    assert in_bash("rtseg cam --bg b") == ["beach.jpg", "blur", "be.mp4", "bg1.jpg", "bgs/", "bin/"]
    # An only word would be ended with a space: what is in the folder keeps it open. Blanks are quoted.
    assert in_bash("rtseg cam --bg my") == ["my\\ pics/", "my\\ pics/a\\ b.JPG", "my\\ pics/sub/"]
    assert in_bash("rtseg cam --sa") == ["--save-power", "--save-config"]


@needs_bash
def test_bash_completes_the_commands_of_other_packages() -> None:
    assert in_bash("rtseg train --ar") == ["--arch", "--area"]
    assert in_bash("rtseg train mine --arch ba") == ["balanced"]
    assert in_bash("rtseg export runs/x --precision fp") == ["fp32", "fp16"]
    assert in_bash("rtseg eval --provider c") == ["cuda", "cpu"]


def test_tab_imports_nothing_heavy() -> None:
    program = f"import sys\ntry:\n    exec({TOOL!r})\nexcept SystemExit:\n    pass\n"
    program += "print(sorted({'torch', 'numpy', 'cv2', 'onnxruntime'} & set(sys.modules)), file=sys.stderr)"
    more = {"_RTSEG_COMPLETE": "complete_bash", "COMP_WORDS": "rtseg train --", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(**more), capture_output=True, text=True, check=True
    )
    assert "--frozen-steps" in done.stdout and done.stderr.strip() == "[]"


@pytest.mark.usefixtures("here")
def test_each_option_offers_what_fits() -> None:
    assert {"demo", "talk.mkv", "be.mp4", "bgs/"} <= set(completion.sources(""))
    assert "bg1.jpg" not in completion.sources("")
    assert completion.models("n") == ["net.onnx"] and {"auto", "quality", "balanced", "fast"} <= set(
        completion.models("")
    )
    assert {"virtual", "talk.mkv", "my pics/"} <= set(completion.outputs("")) and "net.onnx" not in completion.outputs(
        ""
    )
    assert completion.backgrounds("bgs/") == ["bgs/x.png"] and completion.backgrounds("nowhere/") == []
    assert completion.backgrounds(".") == [".b.jpg"]
    assert completion.bench_sizes("480p,7") == ["480p,720p"] and completion.emitted("cu") == ["cutout"]
    assert completion.backgrounds(f"{Path.cwd()}/bg") == [f"{Path.cwd()}/bg1.jpg", f"{Path.cwd()}/bgs/"]


def test_the_lists_are_those_of_the_program() -> None:
    assert set(values.PROVIDERS) == set(PROVIDERS)
    assert set(values.EMITTED) == set(PIXELS) and set(values.BENCH_SIZES) == set(SIZES)
