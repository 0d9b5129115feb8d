"""The suite's settings of learners and policies: one set for all abilities, so that a score is an agent's, not a
tuning's. An agent from outside has its own defaults."""

from __future__ import annotations

from inwit.core.results import Json

# Settings of a recipe's parts, by learner and by policy. What an experiment sets of the training is not named here.
LEARNERS: dict[str, Json] = {
    "a2c": {"learner": {"entropy": 0.05, "group_size": 4}, "training": {"learning_rate": 0.01}},
    "ppo": {"learner": {"entropy": 0.05, "group_size": 4, "epochs": 2}, "training": {"learning_rate": 0.01}},
    "grpo": {"learner": {"entropy": 0.05, "group_size": 8}, "training": {"learning_rate": 0.01}},
    "rloo": {"learner": {"entropy": 0.02, "group_size": 8}, "training": {"learning_rate": 0.01}},
}
POLICIES: dict[str, Json] = {"gru": {"width": 64}, "lstm": {"width": 64}}
