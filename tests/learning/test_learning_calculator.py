"""The calculator, learned from nothing: up to two operators in seconds."""

from __future__ import annotations

import pytest

import inwit


@pytest.mark.slow
def test_the_recipe_learns_every_expression_of_two_operators() -> None:
    *_, last = inwit.updates("calculator", world={"max_operators": 2}, training={"max_updates": 400})
    evaluation = inwit.evaluate(last.agent)
    assert last.solved, (
        f"After {last.index + 1} updates and {last.totals.seconds:.0f} s `calculator` with max_operators = 2 "
        f"has not solved {evaluation.unsolved}: {last.summary()}."
    )
    assert (evaluation.solved, evaluation.problems) == (21, 21), f"Not solved: {evaluation.unsolved}."
