"""The calculator, learned from nothing: up to two operators in seconds."""

from __future__ import annotations

import pytest

import inwit


@pytest.mark.slow
def test_the_recipe_learns_every_expression_of_two_operators() -> None:
    *_, last = inwit.updates("calculator", world={"max_operators": 2})
    evaluation = inwit.evaluate(last.agent)
    assert last.solved, (
        f"After {last.index + 1} updates and {last.totals.seconds:.0f} s `calculator` with max_operators = 2 "
        f"has not solved {evaluation.unsolved}: {last.summary()}."
    )
    assert (evaluation.solved, evaluation.problems) == (21, 21), f"Not solved: {evaluation.unsolved}."
    assert last.totals.seconds < 30, f"It took {last.totals.seconds:.0f} s."
