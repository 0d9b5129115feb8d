"""Policy gradients without a critic, in one pass: each problem is tried `group_size` times, and an episode's advantage
compares its return with those of the other episodes on its problem.

A short program that is right by luck on a fifth of the problems misleads a value estimate. In a group on such a problem
all episodes are right, and nothing is learnt from it. Tokens of all episodes weigh the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.base import PlainLearner
from inwit.learners.returns import (
    detached,
    group_advantage,
    leave_one_out_advantage,
    log_probs_and_entropy,
    masked_mean,
)


@dataclass(frozen=True)
class GRPOSettings(Settings):
    group_size: int = setting(16, "episodes on each problem", at_least=2, at_most=65_536)
    entropy: float = setting(0.1, "weight of the entropy bonus", at_least=0)
    floor: float = setting(0.05, "added to a group's standard deviation", at_least=0.000001)


class GRPO(PlainLearner):
    """Group-relative policy optimisation (Shao et al. 2024). Departures from the paper: the rollout's own graph is used
    once, so there is no ratio to clip; `floor` is added to the group's standard deviation, so that one lucky episode in
    a group does not get an advantage of four."""

    Settings = GRPOSettings
    one_pass = True

    def __init__(self, settings: GRPOSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        advantage = group_advantage(rollout.returns, self.group_size, self.settings.floor)
        yield _loss(rollout, advantage, self.settings.entropy * self.entropy_share)


@dataclass(frozen=True)
class RLOOSettings(Settings):
    group_size: int = setting(16, "episodes on each problem", at_least=2)
    entropy: float = setting(0.05, "weight of the entropy bonus", at_least=0)


class RLOO(PlainLearner):
    """REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024): an episode's advantage is its return minus the
    mean return of the *others*, which keeps the gradient unbiased."""

    Settings = RLOOSettings
    one_pass = True

    def __init__(self, settings: RLOOSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        advantage = leave_one_out_advantage(rollout.returns, self.group_size)
        yield _loss(rollout, advantage, self.settings.entropy * self.entropy_share)


def _loss(rollout: Rollout, advantage: Float[Tensor, " B"], entropy_weight: float) -> tuple[Tensor, Metrics]:
    outputs, mask = rollout.outputs, rollout.live & rollout.chosen
    assert outputs is not None
    log_probs, entropies = log_probs_and_entropy(outputs, rollout.legal, rollout.tokens)
    policy_loss = -masked_mean(log_probs * advantage[:, None], mask)
    entropy = masked_mean(entropies, mask)
    return policy_loss - entropy_weight * entropy, detached(policy_loss=policy_loss, entropy=entropy)
