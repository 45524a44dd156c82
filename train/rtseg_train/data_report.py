"""Look at a whole training set before training: in words, and as data.json and data.png in the run's folder.

rtseg train photos/ --check
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from rtseg.errors import DataError
from rtseg.files import whole_file
from rtseg.messages import amount
from rtseg.texts import read_json
from rtseg_train.classes import SMALL, question
from rtseg_train.dataset import Found, Pair, Sets, several
from rtseg_train.describe import counted, describe, inverted_set, suspicious_first
from rtseg_train.inspect_data import Finding, look
from rtseg_train.preview import draw_findings

FEW = 0.1  # share of the masks with anybody that may hold classes; such are left out
FIRST = 20  # pictures, after which a set that holds nothing but classes is told
ON_SHEET = 48  # pictures
NAMES = "utf-8", "surrogateescape"  # of files are bytes, text or not


class Inspection:
    """The findings of a run's pictures, in order, and what to make of them."""

    def __init__(
        self, sets: Sets, rooms: list[Path] | None = None, strict: bool = False, cutouts: Found | None = None
    ) -> None:
        self.sets, self.rooms, self.strict, self.cutouts = sets, rooms or [], strict, cutouts or Found([], "none")
        self.train: list[Finding] = []
        self.val: list[Finding] = []
        self.cut: list[Finding] = []  # cut-outs
        self.bad_rooms: dict[Path, str] = {}

    def __len__(self) -> int:
        return len(self.sets.train.pairs) + len(self.sets.val.pairs)

    def read(self) -> Iterator[int]:
        """Look at every pair; yields the count, at the end `settle`s."""
        pairs = [(p, self.train) for p in self.sets.train.pairs] + [(p, self.val) for p in self.sets.val.pairs]
        for count, (pair, findings) in enumerate(pairs, start=1):
            findings.append(look(pair)[0])
            self.ask_early()
            yield count
        self.settle()

    def ask_early(self) -> None:
        """`ask_for_classes` after the first few pictures, where the answer is plain: a large set takes long to read."""
        if len(self.train) == FIRST and all(f.asks for f in self.train):
            self.ask_for_classes()

    def settle(self) -> None:
        """Raises DataError when nothing can be used, or when strict and anything can't."""
        self.ask_for_classes()
        findings = self.train + self.val + self.cut
        bad = [*(f.problem for f in findings if f.problem), *self.bad_rooms.values()]
        if self.strict:
            found = (self.sets.train, self.sets.val, self.cutouts)
            bad += [f"{p} has no mask" for part in found for p in part.lonely_images]
            bad += [f"{p} has no picture" for part in found for p in part.lonely_masks]
            bad += [f"{name} is not there" for part in found for name in part.missing]
            if bad:
                raise DataError(f"{len(bad)} pictures can't be used, and --strict refuses that:{several(bad)}")
        parts = {"training pictures": self.train, "validation pictures": self.val, "cut-outs": self.cut}
        optional = {"validation pictures": self.sets.held_out or not self.val, "cut-outs": not self.cut}
        optional["training pictures"] = not self.train and bool(self.cut)
        for name, findings in parts.items():
            if not usable(findings) and not optional[name]:
                raise DataError(f"none of the {len(findings)} {name} can be used:{several(bad)}")

    def ask_for_classes(self) -> None:
        """Raises DataError where the masks hold classes, and nobody has said which is the person.

        A few such masks among many are left out like others that can't be used. A mask of one class beside 0 looks
        like 0/255 by itself; several such classes in one set don't.
        """
        asking = [f for f in self.train + self.val if f.asks]
        people = [f for f in self.train + self.val if not f.problem and not f.nobody]
        if asking and len(asking) > FEW * (len(asking) + len(people)):
            others = f" ({len(asking)} masks are like that)" if len(asking) > 1 else ""
            raise DataError(f"{asking[0].problem}{others}")
        asked = next((f for f in self.train if f.nobody and f.pair.person), None)
        if asked and asked.pair.person and not people:
            raise DataError(
                f"no mask of the set holds {asked.pair.person.text}, which --person names; look at {asked.pair.mask}"
            )
        classes = {f.number: f for f in people if 0 < f.number <= SMALL}
        if len(classes) > 1:
            (one, first), (other, second) = sorted(classes.items())[:2]
            what = f"{first.pair.mask} holds {one} beside 0 and {second.pair.mask} {other}: the set"
            raise question(what, sorted(classes))

    def lines(self) -> list[str]:
        """What was found, in lines of text."""
        lines = []
        for name, found, findings in (
            ("training", self.sets.train, self.train),
            ("validation", self.sets.val, self.val),
            *([("cut-outs", self.cutouts, self.cut)] if self.cut else []),
        ):
            good = len(usable(findings))
            count = f"{good} of {len(findings)} pictures" if good < len(findings) else amount(good, "picture")
            lines.append(f"{name}: {count} ({found.layout})" if findings else f"{name}: {found.layout}")
            lines += [f"  {line}" for line in describe(found, findings)]
        lines += counted("background pictures can't be used, skipped", list(self.bad_rooms.values()))
        both = {f.pair.image for f in self.train} & {f.pair.image for f in self.val}
        lines += [f"WARNING: {len(both)} pictures are in both sets, which flatters the validation"] if both else []
        return lines + inverted_set([f for f in self.train + self.val if not f.problem])

    def fingerprint(self) -> str:
        """Changes when another picture is used, or one's size or mask changes: batches depend on exactly these."""
        digest = hashlib.sha256()
        for f in self.train:
            if not f.problem:
                digest.update(as_line(f).encode(*NAMES))
        for room in self.rooms:
            if room not in self.bad_rooms:
                digest.update(f"{room.name}\n".encode(*NAMES))
        return digest.hexdigest()

    def cutouts_fingerprint(self) -> str:
        """As `fingerprint`, of the cut-outs; runs that were begun without it go on."""
        used = (as_line(f) for f in self.cut if not f.problem)
        return hashlib.sha256("".join(used).encode(*NAMES)).hexdigest()

    def report(self, folder: Path, resume: bool = False) -> list[str]:
        """Write data.json and data.png into the run's folder; returns the lines to print. Raises DataError."""
        doubts = self.check_unchanged(folder) if resume else []
        self.save(folder)
        return [*self.lines(), f"{folder / 'data.png'}: the pictures, suspicious ones first", *doubts]

    def check_unchanged(self, folder: Path) -> list[str]:
        """For a run that goes on: raises DataError when its pictures are not those that it began with."""
        path = folder / "data.json"
        if not path.exists():
            return [f"no {path}: cannot tell whether the pictures are those that the run began with"]
        try:
            saved = read_json(path)
            mark, before = saved["fingerprint"], {r["image"] for r in saved["training"] if "problem" not in r}
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise DataError(f"{path} is not from `rtseg train`: {e!r}") from e
        cut = saved.get("cutouts_fingerprint", self.cutouts_fingerprint())
        if mark == self.fingerprint() and cut == self.cutouts_fingerprint():
            return []
        if mark == self.fingerprint():
            raise DataError(f"the cut-outs are not those that the run in {folder} began with; put them back")
        now = {str(pair.image) for pair in usable(self.train)}
        changes = [f"gone: {name}" for name in sorted(before - now)] + [f"new: {name}" for name in sorted(now - before)]
        what = several(changes) if changes else " a picture, a mask or a background is another"
        raise DataError(
            f"the pictures are not those that the run in {folder} began with:{what}\nput them back, or start a new "
            f"run from its weights: rtseg train ... --init {folder / 'model.safetensors'}"
        )

    def save(self, folder: Path) -> None:
        """Write data.json (everything) and data.png (the most suspicious pictures first); raises DataError."""
        parts = {"training": self.train, "validation": self.val} | ({"cut-outs": self.cut} if self.cut else {})
        content: dict[str, object] = {"report": self.lines(), "fingerprint": self.fingerprint()}
        content |= {"cutouts_fingerprint": self.cutouts_fingerprint()} if self.cut else {}
        content |= {name: [record(f) for f in findings] for name, findings in parts.items()}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with whole_file(folder / "data.json") as temporary:
                temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            draw_findings(suspicious_first(self.train + self.val + self.cut, ON_SHEET), folder / "data.png")
        except OSError as e:
            raise DataError(f"cannot write into the run's folder {folder}: {e}") from e


def usable(findings: list[Finding]) -> list[Pair]:
    """The pairs that can be used, in order."""
    return [f.pair for f in findings if not f.problem]


def as_line(f: Finding) -> str:
    """What batches depend on, of one picture."""
    return f"{f.pair.image.name}|{f.pair.mask.name}|{f.size}|{f.person}\n"


def record(f: Finding) -> dict[str, object]:
    """A finding for the JSON."""
    result: dict[str, object] = {"image": str(f.pair.image), "mask": str(f.pair.mask), "source": f.pair.source}
    if f.problem:
        return result | {"problem": f.problem}
    return result | {"size": f.size, "person": f.person, "values": f.values, "done": f.done, "doubts": f.doubts}
