"""The learners, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from inwit.core.registry import Entry, Registry

if TYPE_CHECKING:  # listing learners needs no PyTorch
    from inwit.core.contracts import Learner

LEARNERS: Registry[Callable[..., Learner]] = Registry(
    "learner",
    "inwit.learners",
    {
        "a2c": Entry("inwit.learners.a2c:A2C", "advantage actor-critic; with the published loss as an option"),
        "ppo": Entry("inwit.learners.ppo:PPO", "clipped ratios, generalised advantages, several epochs of minibatches"),
        "rloo": Entry(
            "inwit.learners.groups:RLOO", "a group of episodes per problem, each against the mean of the others"
        ),
        "grpo": Entry("inwit.learners.groups:GRPO", "a group of episodes per problem, no critic"),
        "oracle_cloning": Entry(
            "inwit.learners.oracle_cloning:OracleCloning",
            "imitates the oracle's programs: the ceiling, told what is best",
        ),
    },
)
