"""What a person sees must hold at any width of the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from inwit.commands.show import evaluation_table, percent
from inwit.evaluation.exact import Evaluation, StageResult


def stage(problems: int, solved: int) -> StageResult:
    return StageResult(
        stage=2,
        problems=problems,
        solved=solved,
        success=solved / problems,
        mean_steps=7.0,
        oracle_program=["MUL", "ADD", "STO", "MUL", "RCL", "SUB", "ANS"],
        oracle_steps=7,
        random_success=0.02,
        shortcut_program=["MUL", "ADD", "ANS"],
        shortcut_success=0.19,
        distinct_programs=1,
        program=["MUL", "ADD", "ANS"],
    )


@pytest.mark.parametrize("width", [80, 120])
def test_the_headline_is_not_cut(width: int) -> None:
    console = Console(file=io.StringIO(), width=width)
    console.print(evaluation_table(Evaluation("tutorial-v1", [stage(100_000, 100_000)])))
    text = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]
    assert text.count("100,000") == 4, "problems and solved, in the table and below it"
    assert "MUL ADD STO MUL RCL SUB ANS" in text
    assert "…" not in text


def test_almost_all_is_not_shown_as_all() -> None:
    assert percent(1.0) == "100.0 %"
    assert percent(99_999 / 100_000) == "> 99.9 %"
    assert percent(None) == "unknown"
