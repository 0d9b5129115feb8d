"""What a person sees must be true, and hold at any width of the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from inwit.core.results import Evaluation
from inwit.training.progress import View, line
from recorded import put
from results import DRAWN, PROVEN
from support import python


def shown(table: RenderableType, width: int = 132) -> str:
    file = io.StringIO()
    Console(file=file, width=width, highlight=False, markup=False).print(table)
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 132])
@pytest.mark.parametrize("evaluation", [PROVEN, DRAWN], ids=["proven", "sampled"])
def test_nothing_is_cut(evaluation: Evaluation, width: int) -> None:
    text = shown(evaluation, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    words = text.split()
    for word in ("greedy", "blind", "oracle", "100,000", "99,990", "searched", "~3.1", "4.25", "101,100"):
        assert word in words, f"{word!r} is missing at {width} columns."
    assert text.count("doors have no locks") == 1
    assert words.count("apart") >= 2, "Both rows of the name are there."


def test_the_title_claims_what_is_proven_and_no_more() -> None:
    assert shown(PROVEN).startswith("doors-v0: greedy, on every problem\n")
    text = shown(DRAWN)
    assert text.startswith("doors-v0: greedy, on a sample of 101,100 problems\n")
    assert "every problem" not in text
    assert "proven" not in text.replace("over the proven best", "")
    assert "100 % (" not in text.replace("~100 % (", ""), "All of a sample is not all."


def test_programs_and_the_test_set_stand_below() -> None:
    text = shown(PROVEN)
    assert "one door  greedy  LEFT OPEN" in text
    assert "          agent   LEFT LEFT OPEN" in text
    assert "split by wall" in text
    assert "stage 1: 4 of 5 trained, 0 of 2 held out" in text
    assert "this split leaks" in text
    assert "split by" not in shown(DRAWN)


def test_an_evaluation_without_rows() -> None:
    assert "solved 0 of 0 problems" in shown(replace(PROVEN, rows=[], split=None))


SUMMARY: dict[str, Any] = {"update": 3, "seconds": 2.0, "episodes": 40, "tokens": 400, "success": {"0": 0.5, "1": None}}


@pytest.mark.parametrize("entropy", [{}, {"entropy": None}, {"entropy": 0.25}])
def test_a_learner_need_not_report_an_entropy(entropy: dict[str, Any]) -> None:
    """Nor a finite one; and a stage that is all test set has no rate."""
    text = line(SUMMARY | entropy)
    assert text.startswith("update 3  2.0 s  20 episodes/s  200 tokens/s  success 50.0 %")
    assert ("entropy" in text) == (entropy.get("entropy") is not None)
    table = shown(View("training", SUMMARY | entropy))
    assert ("entropy" in table) == (entropy.get("entropy") is not None)
    assert "stage 0" in table
    assert "stage 1" not in table
    assert "success" not in line(SUMMARY | {"success": {"1": None}})


@pytest.mark.parametrize(
    "arguments",
    [["runs"], ["play", "tutorial-v1", *["--stage", "0", "--operands", "3", "4", "5", "--", "MUL", "ADD", "ANS"]]],
)
def test_an_encoding_without_lines_and_dots(arguments: list[str], runs: Path) -> None:
    """As with LANG=C in some containers: signs that look like them stand for what cannot be written."""
    put(runs, "one")
    code = f"import sys; from inwit.commands.cli import main; sys.exit(main({arguments!r}))"
    done = python(code, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "----" in done.stdout
    assert "?" not in done.stdout
