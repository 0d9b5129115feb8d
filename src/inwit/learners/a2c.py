"""Advantage actor-critic (Mnih et al. 2016), on the graph kept from the rollout: one loss per rollout.

`credit = "per-step"` is the textbook form: a value for every step, returns to go without discount, normalised
advantages; only tokens that were live and chosen count. `credit = "whole-sequence"` is the published loss, kept to be
measured: one scalar advantage R - sum(values) for the sum of *all* log-probabilities, tokens after the end included,
over a fixed horizon.

`detours` (see `rollout.detours`) are learnt from by imitating them in so far as an episode ended better than the value
estimate said, and not at all otherwise: self-imitation (Oh et al. 2018) of tokens that were drawn by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.errors import UserError
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.base import PlainLearner
from inwit.learners.returns import detached, log_probs_and_entropy, masked_mean, normalise, returns_to_go


@dataclass(frozen=True)
class A2CSettings(Settings):
    entropy: float = setting(0.2, "weight of the entropy bonus", at_least=0)
    value: float = setting(0.5, "weight of the value loss", at_least=0)
    credit: str = setting(
        "per-step", "per-step, or whole-sequence (the published loss)", choices=("per-step", "whole-sequence")
    )
    group_size: int = setting(1, "episodes on each problem", at_least=1, at_most=65_536)
    detours: float = setting(
        0.0,
        "share of episodes in which two tokens are drawn by chance; learnt from where all ends well; such episodes "
        "count in the running success that curriculum and confirm_at see",
        at_least=0,
        at_most=1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.detours and self.credit != "per-step":
            raise UserError(f"detours = {self.detours}: the credit {self.credit} has no place for them; use 0")


class A2C(PlainLearner):
    Settings = A2CSettings
    one_pass = True

    def __init__(self, settings: A2CSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size
        self.detours = settings.detours
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
            own, surprise = mask, returns - outputs.value.detach()
            advantage = normalise(surprise, mask)
            if rollout.detour is not None:
                # These tokens are not the policy's own choice: it is not blamed for them where the episode fails. The
                # tokens before and after them get the episode's returns as ever.
                advantage = torch.where(rollout.detour & (surprise <= 0), 0.0, advantage)
                advantage = torch.where(rollout.detour, advantage.clamp_min(0.0), advantage)
                own = mask & ~rollout.detour
            policy_loss = -masked_mean(log_probs * advantage, mask)
            value_loss = masked_mean((outputs.value - returns).square(), mask)
            entropy = masked_mean(entropies, own)
        loss = policy_loss + self.settings.value * value_loss - self.settings.entropy * self.entropy_share * entropy
        yield loss, detached(policy_loss=policy_loss, value_loss=value_loss, entropy=entropy)
