"""Learning, from nothing to every problem: one short training for each registered learner."""

from __future__ import annotations

from typing import Any

import pytest

import inwit
from inwit.learners import LEARNERS

GRPO = {
    "policy": {"id": "gru", "width": 32},
    "learner": {"id": "grpo", "entropy": 0.1, "group_size": 16},
    "training": {"learning_rate": 0.015},
}

# What to change in the tutorial recipe for a learner; nothing for the recipe's own.
OVERRIDES: dict[str, dict[str, Any]] = {
    "a2c": {"learner": {"id": "a2c"}},
    "grpo": GRPO,
    "oracle_cloning": {"learner": {"id": "oracle_cloning"}},
    "ppo": {"learner": {"id": "ppo", "group_size": 16}, "training": {"learning_rate": 0.003}},
    "rloo": {"learner": {"id": "rloo"}},
}


def train(**overrides: Any) -> Any:
    *_, last = inwit.updates("tutorial", **overrides)
    return last


@pytest.mark.slow
def test_the_recipe_learns_everything() -> None:
    assert train().solved, "The tutorial recipe as it stands must solve all 111,000 problems."


@pytest.mark.slow
@pytest.mark.parametrize("learner_id", LEARNERS.names())
def test_every_learner_learns_everything(learner_id: str) -> None:
    assert learner_id in OVERRIDES, (
        f"The learner {learner_id} is registered but nobody shows that it learns: add to OVERRIDES what the tutorial "
        f"recipe must change so that {learner_id} solves all 111,000 problems within ten seconds."
    )
    last = train(**OVERRIDES[learner_id])
    assert last.solved, f"{learner_id} has not solved every problem after {last.index + 1} updates: {last.summary()}."
    evaluation = inwit.evaluate(last.agent)
    assert (evaluation.solved, evaluation.problems) == (111_000, 111_000)
