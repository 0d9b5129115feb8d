"""Advantage actor-critic (Mnih et al. 2016), on the graph kept from the rollout: one loss per rollout.

`credit = "per-step"` is the textbook form: a value for every step, returns to go without discount, normalised
advantages; only tokens that were live and chosen count. `credit = "whole-sequence"` is the published loss, kept to be
measured: one scalar advantage R - sum(values) for the sum of *all* log-probabilities, tokens after the end included,
over a fixed horizon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.returns import detached, log_probs_and_entropy, masked_mean, normalise, returns_to_go


@dataclass(frozen=True)
class A2CSettings(Settings):
    entropy: float = setting(0.2, "weight of the entropy bonus", at_least=0)
    value: float = setting(0.5, "weight of the value loss", at_least=0)
    credit: str = setting(
        "per-step", "per-step, or whole-sequence (the published loss)", choices=("per-step", "whole-sequence")
    )
    group_size: int = setting(1, "episodes on each problem", at_least=1, at_most=65_536)


class A2C:
    Settings = A2CSettings
    one_pass = True
    reads_oracle = False
    entropy_share = 1.0

    def __init__(self, settings: A2CSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size
        self.whole_sequence = settings.credit == "whole-sequence"

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        outputs = rollout.outputs
        assert outputs is not None
        log_probs, entropies = log_probs_and_entropy(outputs, rollout.legal, rollout.tokens)
        if self.whole_sequence:
            error = rollout.returns - outputs.value.sum(1)
            policy_loss = -(log_probs.sum(1) * error.detach()).mean()
            value_loss, entropy = error.square().mean(), entropies.mean()
        else:
            mask, returns = rollout.live & rollout.chosen, returns_to_go(rollout.reward)
            advantage = normalise(returns - outputs.value.detach(), mask)
            policy_loss = -masked_mean(log_probs * advantage, mask)
            value_loss = masked_mean((outputs.value - returns).square(), mask)
            entropy = masked_mean(entropies, mask)
        loss = policy_loss + self.settings.value * value_loss - self.settings.entropy * self.entropy_share * entropy
        yield loss, detached(policy_loss=policy_loss, value_loss=value_loss, entropy=entropy)
