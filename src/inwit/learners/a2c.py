"""Advantage actor-critic (Mnih et al. 2016), on the graph kept from the rollout: one loss per rollout.

Textbook form with `credit = "per-step"`: a value for every step, returns to go without discount, normalised
advantages, and only tokens that were live and chosen count. `credit = "whole-sequence"` is the published loss, to
the letter: one scalar advantage R - sum(values) for the sum of *all* log-probabilities, tokens after the end
included, over a fixed horizon. It is here to be measured, not to be used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.returns import log_probs_and_entropy, masked_mean, normalise, returns_to_go

Loss = tuple[Tensor, Metrics]


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

    def __init__(self, settings: A2CSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size
        self.whole_sequence = settings.credit == "whole-sequence"

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[Loss]:
        yield self._whole_sequence(rollout) if self.whole_sequence else self._per_step(rollout)

    def _per_step(self, rollout: Rollout) -> Loss:
        outputs, mask = rollout.outputs, rollout.live & rollout.chosen
        assert outputs is not None
        log_probs, entropy = log_probs_and_entropy(outputs, rollout.legal, rollout.tokens)
        returns = returns_to_go(rollout.reward)
        advantage = normalise(returns - outputs.value.detach(), mask)
        policy_loss = -masked_mean(log_probs * advantage, mask)
        value_loss = masked_mean((outputs.value - returns).square(), mask)
        mean_entropy = masked_mean(entropy, mask)
        loss = policy_loss + self.settings.value * value_loss - self.settings.entropy * mean_entropy
        return loss, _metrics(policy_loss=policy_loss, value_loss=value_loss, entropy=mean_entropy)

    def _whole_sequence(self, rollout: Rollout) -> Loss:
        outputs = rollout.outputs
        assert outputs is not None
        log_probs, entropy = log_probs_and_entropy(outputs, rollout.legal, rollout.tokens)
        total_value = outputs.value.sum(1)
        error = rollout.returns - total_value
        policy_loss = -(log_probs.sum(1) * error.detach()).mean()
        value_loss = error.square().mean()
        mean_entropy = entropy.mean()
        loss = policy_loss + self.settings.value * value_loss - self.settings.entropy * mean_entropy
        return loss, _metrics(policy_loss=policy_loss, value_loss=value_loss, entropy=mean_entropy)


def _metrics(**tensors: Tensor) -> Metrics:
    return {name: torch.Tensor.detach(tensor) for name, tensor in tensors.items()}
