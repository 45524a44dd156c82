"""Wrong command lines are answered in one style, whoever found out what is wrong."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from rtseg.cli import app


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("cam --blur 200", "'--blur': 200 is too much; give at most 100"),
        ("cam --fps 0", "'--fps': 0 is too little; give at least 1"),
        ("cam --fps fast", "'--fps': 'fast' is not a number"),
        ("bench --frames 2.5", "'--frames': '2.5' is not a whole number"),
        ("cam --provider gpu", "'--provider': 'gpu' is not one of auto, cuda, cpu"),
        ("export --precision int4", "'--precision': 'int4' is not one of fp32, fp16, int8"),
        ("train x --arch fst", "'fst' is not one of quality, balanced, fast"),
        ("camm", "No such command 'camm'"),
    ],
)
def test_a_wrong_command_line_is_answered_in_our_words(words: str, answer: str) -> None:
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 2
    said = [line for line in done.output.splitlines() if line.lower().startswith("error:")]
    assert len(said) == 1 and said[0].startswith("error: ") and answer in said[0]
    assert not any(word in done.output for word in ("Input should", "Value error", "validation"))
