"""The doctor's checks one by one in made-up surroundings, then all of them as a process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import rtseg
from rtseg.commands.doctor.checks import software as checks
from rtseg.commands.doctor.checks.model import check_session, check_speed
from rtseg.commands.doctor.checks.software import (
    Check,
    check_cache,
    check_folder,
    check_import,
    check_onnxruntimes,
    check_opencvs,
)
from rtseg.commands.doctor.run import run
from test_cli import environment


def install(folder: Path, *packages: str) -> list[str]:
    """Packages as pip leaves them behind, as far as their names go."""
    for package in packages:
        info = folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    return [str(folder)]


def test_where_rtseg_is() -> None:
    assert f"({Path(rtseg.__file__).parent})" in checks.check_rtseg().found


def test_two_onnxruntimes_are_a_problem(tmp_path: Path) -> None:
    check = check_onnxruntimes(install(tmp_path, "onnxruntime", "onnxruntime-gpu", "onnxruntime-extensions"))
    assert check.status == "problem" and check.found.startswith("onnxruntime 1.0, onnxruntime-gpu 1.0: ")
    assert (check.cure or "").startswith("pip uninstall -y onnxruntime onnxruntime-gpu && pip install onnxruntime")


def test_one_onnxruntime_is_right(tmp_path: Path) -> None:
    assert check_onnxruntimes(install(tmp_path, "onnxruntime-gpu")).status == "ok"


def test_opencvs(tmp_path: Path) -> None:
    headless = install(tmp_path / "a", "opencv-python-headless")
    assert check_opencvs(headless).status == "note"
    both = [*headless, *install(tmp_path / "b", "opencv-python")]
    assert check_opencvs(both).status == "problem"


@pytest.mark.parametrize(
    ("module", "content", "words"),
    [
        ("absent_package", None, "not installed"),
        ("broken_package", "raise ImportError('libGL.so.1: cannot open shared object file')", "libGL"),
        ("strange_package", "1 / 0", "division by zero"),
    ],
)
def test_packages_that_do_not_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, content: str | None, words: str
) -> None:
    if content:
        (tmp_path / f"{module}.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    check = check_import("package", module)
    assert check.status == "problem" and words in check.found and "pip install" in (check.cure or "")


def test_place_for_compiled_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    assert (check_cache().status, str(tmp_path) in check_cache().found) == ("ok", True)
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file"))
    check = check_cache()
    assert check.status == "note" and "NUMBA_CACHE_DIR" in (check.cure or "")


def test_little_space_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_folder(tmp_path).found.startswith(str(tmp_path))
    monkeypatch.setattr(checks, "LITTLE_SPACE", 2**63)
    assert check_folder(tmp_path).status == "note"


def test_session_of_the_shipped_model() -> None:
    check = check_session()
    assert check.status == "ok" and check.found.startswith("balanced ") and "runs on C" in check.found


@pytest.mark.parametrize(("kind", "words"), [("nan", "not finite"), ("one", "100%"), ("cut", "not a readable ONNX")])
def test_model_that_does_not_work(tmp_path: Path, make_model: Callable[..., Path], kind: str, words: str) -> None:
    path = make_model(kind)
    if kind == "cut":
        path = tmp_path / "cut.onnx"
        path.write_bytes(make_model().read_bytes()[:60])
    check = check_session(path)
    assert check.status == "problem" and words in check.found and "pip install" in (check.cure or "")


def test_gpu_that_is_not_used_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtseg.models.networks.cuda_problem", lambda: "libexample.so.1 is missing")
    assert (check_session(usable=True).status, check_session(usable=True).cure) == (
        "problem",
        "libexample.so.1 is missing",
    )


def test_speed(make_model: Callable[..., Path]) -> None:
    check = check_speed(make_model("nobody"), seconds=0.01)
    assert " ms a frame at 720p, " in check.found and "CPU thread" in check.found


def fine() -> Check:
    return Check("first", "ok", "there")


def lacking() -> list[Check]:
    return [Check("second", "note", "not there", "get one"), Check("third", "ok", "there")]


def wrong() -> Check:
    return Check("fourth", "problem", "[broken]", "pip install it")


def check_that_breaks() -> Check:
    raise KeyError("surprise")


def test_notes_are_no_failure(console: Console) -> None:
    assert run(console, chosen=[("Group", [fine, lacking])])
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said.endswith("ready\n") and "-> get one" in said


def test_problems_end_with_their_cures(console: Console, tmp_path: Path) -> None:
    groups: Any = [("One", [fine, wrong]), ("Two", [check_that_breaks, wrong])]
    assert not run(console, tmp_path / "found.json", groups)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    end = said[said.index("3 problems:") :].splitlines()
    assert end[1:4] == ["- fourth: [broken]", "- fourth: [broken]", "  pip install it"]
    assert end[4].startswith("- that breaks: could not be checked: KeyError: 'surprise'")
    report = json.loads((tmp_path / "found.json").read_text())
    assert report["ready"] is False
    assert report["checks"]["One"][1] == {
        "name": "fourth",
        "status": "problem",
        "found": "[broken]",
        "cure": "pip install it",
    }


def doctor(*arguments: str, **variables: str) -> tuple[int, str]:
    """The real command: (exit code, what it said)."""
    command = [sys.executable, "-m", "rtseg", "doctor", *arguments]
    done = subprocess.run(
        command, env=environment() | variables, capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_command_says_ready_or_not() -> None:
    code, said = doctor("--json", "doctor.json")
    report = json.loads(Path("doctor.json").read_text())
    assert code == (0 if report["ready"] else 1), said
    assert set(report["checks"]) == {"Software", "GPU", "Model", "Camera", "Output"}
    for words in ("onnxruntime", "NVIDIA driver", "balanced", "fps", "camera", "no display", "virtual camera"):
        assert words in said, said


def test_broken_packages_are_findings_and_exit_1(tmp_path: Path) -> None:
    (folder,) = install(tmp_path / "more", "onnxruntime-directml")
    (tmp_path / "more" / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    path = os.pathsep.join([folder, environment()["PYTHONPATH"]])
    code, said = doctor("--json", "doctor.json", PYTHONPATH=path)
    assert code == 1 and "Traceback" not in said
    assert "onnxruntime-directml 1.0" in said and "pip uninstall -y onnxruntime" in said
    assert "cure the packages above first" in said and "a bug in rtseg" not in said
    assert "libGL.so.1" in said and "apt-get install libgl1" in said and "NVIDIA driver" in said
    assert json.loads(Path("doctor.json").read_text())["ready"] is False


def test_report_that_can_not_be_written() -> None:
    code, said = doctor("--json", "no/x.json")
    assert code == 1 and said.startswith("error: output no/x.json: the folder no does not exist")
