"""`rtseg doctor`: what is here, what is missing, and the line that cures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.text import Text

from rtseg.commands.doctor.checks import cuda as check_cuda
from rtseg.commands.doctor.checks import devices as check_devices
from rtseg.commands.doctor.checks import model as check_model
from rtseg.commands.doctor.checks import software as checks
from rtseg.commands.doctor.checks.software import Check
from rtseg.files import check_report, write_json
from rtseg.messages import shown

Result = Check | Iterable[Check]
STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}
FIRST = "cure the packages above first"
BUG = "a bug in rtseg: please report it with this line"


def groups() -> Iterator[tuple[str, list[Callable[[], Result]]]]:
    """Title and checks, in the order in which they are run and shown."""
    yield (
        "Software",
        [
            checks.check_machine,
            checks.check_python,
            checks.check_rtseg,
            checks.check_packages,
            checks.check_onnxruntimes,
            checks.check_opencvs,
        ],
    )
    yield "GPU", [check_cuda.check_cuda]
    yield "Model", [check_session, check_model.check_speed, check_model.check_auto, checks.check_cache]
    yield "Camera", [check_devices.check_cameras]
    outputs: list[Callable[[], Result]] = [check_devices.check_display, check_devices.check_virtual_camera]
    yield "Output", [*outputs, check_devices.check_pyvirtualcam, checks.check_folder]


def check_session() -> Check:
    return check_model.check_session(usable=check_cuda.check_driver().status == "ok")


def results(check: Callable[[], Result]) -> list[Check]:
    """What a check found. One that breaks is a problem, never the end of the doctor."""
    try:
        found = check()
        return [found] if isinstance(found, Check) else list(found)
    except Exception as e:
        name = check.__name__.removeprefix("check_").replace("_", " ")
        cure = FIRST if isinstance(e, ImportError) else BUG
        return [Check(name, "problem", f"could not be checked: {type(e).__name__}: {e}", cure)]


def run(
    console: Console,
    json_file: Path | None = None,
    chosen: Iterable[tuple[str, list[Callable[[], Result]]]] | None = None,
) -> bool:
    """Run the checks, print them as they come, write them to json_file; False, and exit code 1, with any problem.

    A *problem* is what keeps `rtseg cam` from doing its job, or from doing it on the GPU that is here: two
    onnxruntimes over each other, a driver with which CUDA can't be used, a model that can't run. No camera, no GPU,
    no display and no virtual camera are *notes*: rtseg works without. chosen: groups of checks; None for all.
    Raises OutputError when json_file can't be written.
    """
    check_report(json_file)
    report: dict[str, list[Check]] = {}
    for title, group in groups() if chosen is None else chosen:
        console.print(title, style="bold")
        report[title] = []
        for check in group:
            for found in results(check):
                report[title].append(found)
                show(found, console)
    problems = [c for found in report.values() for c in found if c.status == "problem"]
    conclude(problems, console)
    if json_file:
        groups_found = {title: [asdict(c) for c in found] for title, found in report.items()}
        write_json(json_file, {"ready": not problems, "checks": groups_found})
    return not problems


def show(check: Check, console: Console) -> None:
    """One line, and a note's cure below it; the cures of problems come at the end."""
    said = shown(f"{check.name:<21} {check.found}")
    line = Text.assemble("  ", (f"{check.status:<8}", STYLES[check.status]), said)
    console.print(line)
    if check.status == "note" and check.cure:
        console.print(Text(f"{' ' * 10}-> {shown(check.cure)}", style="dim"))


def conclude(problems: list[Check], console: Console) -> None:
    """The last word: what to do, or `ready`. Problems with one cure share a line."""
    if not problems:
        console.print("ready", style=STYLES["ok"])
        return
    console.print(f"{len(problems)} problem{'s' * (len(problems) > 1)}:", style=STYLES["problem"])
    cures: dict[str, list[str]] = {}
    for check in problems:
        cures.setdefault(check.cure or "", []).append(f"{check.name}: {check.found}")
    for cure, names in cures.items():
        for name in names:
            console.print(Text(f"- {shown(name)}"))
        if cure:
            console.print(Text(f"  {shown(cure)}"))
