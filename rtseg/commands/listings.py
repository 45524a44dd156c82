"""`rtseg backgrounds` and `rtseg models`: what --bg and --model can be told."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from rtseg.backgrounds.background import shipped_backgrounds
from rtseg.files import ASSETS, BACKGROUNDS, check_report, write_json
from rtseg.models.model import TIERS, Model, find_model
from rtseg.options.call import quoted

WORDS = (
    ("blur", "your own room, out of focus; --blur 1..100 says how much"),
    ("transparent", "green, to be keyed out; real transparency is `rtseg apply --emit cutout`"),
    ("#rrggbb", "a colour, or its name in CSS: red, navy, whitesmoke"),
    ("FILE", "a picture or a film of yours"),
    ("FOLDER", "of pictures and films; the keys [ and ] go through them"),
)


def backgrounds(console: Console, json_file: Path | None = None) -> None:
    """Print what ships and what else --bg takes. Raises OutputError when json_file can't be written."""
    check_report(json_file)
    names = shipped_backgrounds()
    for name in names:
        console.print(name)
    for word, meaning in WORDS:
        console.print(f"{word:<12} {meaning}")
    console.print(f"use one: rtseg cam --bg {names[0]}")
    if json_file:
        write_json(json_file, {"shipped": names, "folder": str(BACKGROUNDS), "words": [word for word, _ in WORDS]})


def models(console: Console, json_file: Path | None = None) -> None:
    """Print the models that ship and the .onnx files here. Raises OutputError when json_file can't be written."""
    check_report(json_file)
    found: list[dict[str, Any]] = []
    for name in TIERS:
        path = find_model(name)
        info = Model(path, provider="cpu", threads=1).info
        size = path.stat().st_size / 1e6
        console.print(f"{name:<9} {info.version}, {info.precision}, about {info.area} pixels inside, {size:.1f} MB")
        found.append({"name": name, "file": str(path), "bytes": path.stat().st_size, **asdict(info)} | {"name": name})
    console.print(
        "auto      one of these, by what this machine can do: `rtseg bench` says which; `rtseg cam` has it by itself"
    )
    mine = sorted(p.name for p in Path().glob("*.onnx"))
    for name in mine:
        console.print(f"{quoted(name)}: a file here")
    console.print(
        f"use one: rtseg cam --model {quoted(mine[0]) if mine else TIERS[0]}; their card: {ASSETS / 'MODEL_CARD.md'}"
    )
    if json_file:
        write_json(json_file, {"shipped": found, "here": mine})
