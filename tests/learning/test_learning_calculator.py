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


@pytest.mark.slow
def test_programs_that_follow_the_text_carry_over_to_held_out_classes() -> None:
    """To more of the 14 expressions of classes never trained on than the shortest programs do."""
    by_parts, shortest = held_out_solved("parts"), held_out_solved("short")
    assert by_parts >= 7, f"Programs by parts solve {by_parts} of 14."
    assert by_parts > shortest, f"Programs by parts solve {by_parts} of 14, the shortest ones {shortest}."


def held_out_solved(prefer: str) -> int:
    *_, last = inwit.updates(
        "calculator",
        world={"split": "classes"},
        policy={"stage_aware": False},
        hindsight={"prefer": prefer, "thrift": 0.75},
        training={"max_updates": 350, "confirm": False, "last_rate": 0.05},
    )
    split = inwit.evaluate(last.agent).to_dict()["split"]
    trained, held_out = split["trained"]["3"], split["held_out"]["3"]
    assert held_out[1] == 14
    assert trained[0] >= 0.95 * trained[1], f"{trained} of the trained ones are solved: too few to tell."
    return held_out[0]
