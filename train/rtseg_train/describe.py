"""What was found in a set of pictures, in lines of text, and which of them to look at."""

from __future__ import annotations

from collections import Counter

from rtseg_train.dataset import Found, shorten
from rtseg_train.inspect_data import Finding

INVERTED_SET = 0.5  # share of the masks with anybody that look inverted, above which the whole set does
NAMED = 5  # pictures named in a line of the report


def describe(found: Found, findings: list[Finding]) -> list[str]:
    """A set in a few lines: sizes, masks, what is skipped, what to look at."""
    good, lines = [f for f in findings if not f.problem], []
    if good:
        sizes = sorted((f.size for f in good), key=lambda s: s[0] * s[1])
        smallest, median, largest = (f"{w}x{h}" for w, h in (sizes[0], sizes[len(sizes) // 2], sizes[-1]))
        lines.append(f"sizes: smallest {smallest}, median {median}, largest {largest}")
        kinds = Counter("nobody (black)" if f.nobody else values_in_words(f) for f in good)
        lines.append(f"masks: {', '.join(f'{count} {kind}' for kind, count in kinds.most_common())}")
        done = Counter(text for f in good for text in f.done)
        lines += [f"masks converted: {text} ({count})" for text, count in done.most_common()]
    lines += counted("can't be used, skipped", [f.problem for f in findings if f.problem])
    alone = "pictures without transparency" if found.transparent else "pictures without mask"
    for what, paths in ((alone, found.lonely_images), ("masks without picture", found.lonely_masks)):
        lines += [f"{what}, skipped ({len(paths)}): {some([p.name for p in paths])}"] if paths else []
    lines += counted("listed but not there, skipped", list(found.missing))
    by_doubt: dict[str, list[str]] = {}
    for f in good:
        for doubt in f.doubts:
            by_doubt.setdefault("nearly all person" if "%" in doubt else doubt, []).append(f.pair.mask.name)
    return lines + [f"suspicious: {doubt} ({len(names)}): {some(names)}" for doubt, names in by_doubt.items()]


def values_in_words(f: Finding) -> str:
    """The kind of a mask that is not black."""
    return {"one value": "all person", "soft": "soft"}.get(f.values, f"binary {f.values}")


def inverted_set(good: list[Finding]) -> list[str]:
    """A loud line when most masks with anybody look inverted."""
    people = [f for f in good if not f.nobody]
    wrong = [f for f in people if f.doubts and f.doubts[0] in ("looks inverted", "all person")]
    if len(wrong) <= INVERTED_SET * len(people) or not wrong:
        return []
    what = f"{len(wrong)} of {len(people)} masks look inverted (upper corners person, middle not)"
    return [
        f"WARNING: {what}. White must be the person: if black is, turn the masks round (255 - mask) and start again"
    ]


def counted(what: str, problems: list[str], shown: int = NAMED) -> list[str]:
    """How many, and the first few, a line each; nothing for none."""
    if not problems:
        return []
    more = [f"  ... and {len(problems) - shown} more"] if len(problems) > shown else []
    return [f"{what} ({len(problems)}):", *(f"  {shorten(p, 300)}" for p in problems[:shown]), *more]


def some(names: list[str]) -> str:
    """The first few names and how many more."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shorten(n, 60) for n in names[:NAMED]) + more


def suspicious_first(findings: list[Finding], count: int) -> list[Finding]:
    """Up to `count` readable ones to look at: those with doubts, worst first, then some of the others, spread out."""
    order = ("all person", "looks inverted", "nearly black", "% is person")
    good = [f for f in findings if not f.problem]

    def rank(f: Finding) -> int:
        return next((i for i, text in enumerate(order) if text in f.doubts[0]), len(order))

    doubtful = sorted((f for f in good if f.doubts), key=rank)[:count]
    others = [f for f in good if not f.doubts]
    room = min(count - len(doubtful), len(others))
    return doubtful + [others[i * len(others) // room] for i in range(room)]
