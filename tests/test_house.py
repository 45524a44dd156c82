"""The runtime's files: each is in the tour, and imports between folders go one way."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_file_of_the_runtime_is_explained() -> None:
    page = (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")
    rooms = re.split(r"\| \*\*`(rtseg/[a-z/]*)`\*\* \|", page)
    named = {Path(room) / name for room, text in zip(rooms[1::2], rooms[2::2], strict=True)
             for name in re.findall(r"`([a-z0-9_]+\.py)`", text)}  # fmt: skip
    files = {p.relative_to(ROOT) for p in (ROOT / "rtseg").rglob("*.py") if p.name[0] != "_"}
    missing, gone = sorted(map(str, files - named)), sorted(map(str, named - files))
    assert not gone, f"take {gone} out of the table at the end of docs/how-it-works.md"
    assert not missing, f"add {missing} to the table at the end of docs/how-it-works.md"


def test_imports_between_folders_go_one_way() -> None:
    graph: dict[str, set[str]] = {}
    for path in (ROOT / "rtseg").rglob("*.py"):
        here = graph.setdefault(room(path.relative_to(ROOT).with_suffix("").parts), set())
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rtseg."):
                here.add(room(tuple(str(node.module).split("."))))
        here.discard(room(path.relative_to(ROOT).with_suffix("").parts))
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError
    assert order.index("rtseg/pixels") < order.index("rtseg/live") < order.index("rtseg/cli")


def room(parts: tuple[str, ...]) -> str:
    """A folder of the runtime, or a file that lies in none of them."""
    return "/".join(parts[:2])
