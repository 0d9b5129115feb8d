"""Proximal policy optimisation (Schulman et al. 2017): several epochs of minibatches on one rollout, with the ratio
clipped.

Advantages are generalised (GAE) with the behaviour policy's values, normalised over the rollout; the value loss is
not clipped. Problems are independent draws, so minibatches are taken from them at a stride, another one in each epoch:
no shuffling, no generator. Each minibatch runs the policy over its tokens again (`policy.replay`), with all episodes of
a group together, so that their prompt is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import gcd

import torch
from jaxtyping import Float, Int
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.base import PlainLearner
from inwit.learners.returns import detached, gae, log_probs_and_entropy, masked_mean, normalise


@dataclass(frozen=True)
class PPOSettings(Settings):
    epochs: int = setting(4, "passes over a rollout", at_least=1, at_most=100)
    minibatches: int = setting(2, "optimiser steps in a pass", at_least=1)
    clip_range: float = setting(0.2, "the ratio counts within 1 +- this", at_least=0.000001)
    gae_lambda: float = setting(1.0, "1 trusts returns, 0 trusts values", at_least=0, at_most=1)
    entropy: float = setting(0.1, "weight of the entropy bonus", at_least=0)
    value: float = setting(0.5, "weight of the value loss", at_least=0)
    group_size: int = setting(1, "episodes on each problem", at_least=1)


class PPO(PlainLearner):
    Settings = PPOSettings
    one_pass = False

    def __init__(self, settings: PPOSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        mask = rollout.live & rollout.chosen
        advantage = gae(rollout.reward, rollout.values, mask, self.settings.gae_lambda)
        returns = advantage + rollout.values
        advantage = normalise(advantage, mask)
        count = len(rollout.prompt)
        for epoch in range(self.settings.epochs):
            order = torch.arange(count, device=mask.device) * _stride(count, epoch) % count
            for problems in order.tensor_split(min(self.settings.minibatches, count)):
                yield self._loss(policy, rollout, problems, advantage, returns)

    def _loss(
        self,
        policy: Trainable,
        rollout: Rollout,
        problems: Int[Tensor, " M"],
        advantage: Float[Tensor, "B T"],
        returns: Float[Tensor, "B T"],
    ) -> tuple[Tensor, Metrics]:
        size = rollout.group_size
        rows = (problems[:, None] * size + torch.arange(size, device=problems.device)).flatten()
        tokens, mask = rollout.tokens[rows], (rollout.live & rollout.chosen)[rows]
        prompt, prompt_mask = rollout.prompt[problems], rollout.prompt_mask[problems]
        outputs = policy.replay(prompt, prompt_mask, rollout.stage[problems], tokens)
        log_probs, entropies = log_probs_and_entropy(outputs, rollout.legal[rows], tokens)
        log_ratio = (log_probs - rollout.log_probs[rows]).masked_fill(~mask, 0.0)
        ratio = log_ratio.exp()
        clip = self.settings.clip_range
        clipped = ratio.clamp(1 - clip, 1 + clip)
        gain = torch.minimum(ratio * advantage[rows], clipped * advantage[rows])
        policy_loss = -masked_mean(gain, mask)
        value_loss = masked_mean((outputs.value - returns[rows]).square(), mask)
        entropy = masked_mean(entropies, mask)
        bonus = self.settings.entropy * self.entropy_share * entropy
        loss = policy_loss + self.settings.value * value_loss - bonus
        with torch.no_grad():
            # Schulman's estimator of KL(old || new): never negative, low variance.
            approx_kl = masked_mean(ratio - 1 - log_ratio, mask)
            clip_fraction = masked_mean(((ratio - 1).abs() > clip).to(ratio.dtype), mask)
        metrics = detached(policy_loss=policy_loss, value_loss=value_loss, entropy=entropy)
        return loss, {**metrics, "approx_kl": approx_kl, "clip_fraction": clip_fraction}


def _stride(count: int, epoch: int) -> int:
    """A stride that visits each of `count` problems once, another one in each epoch: from the golden section, rounded
    up to a number that has no divisor in common with `count`."""
    stride = max(1, round(count * (0.6180339887 * (epoch + 1) % 1.0)))
    while gcd(stride, count) != 1:
        stride += 1
    return stride
