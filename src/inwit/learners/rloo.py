"""REINFORCE with a leave-one-out baseline (Ahmadian et al. 2024), in one pass: no critic, no normalisation.

Each problem is tried `group_size` times; an episode's advantage is its return minus the mean return of the
*others*, which keeps the gradient unbiased. Tokens of all episodes weigh the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.returns import group_loss, leave_one_out_advantage


@dataclass(frozen=True)
class RLOOSettings(Settings):
    group_size: int = setting(16, "episodes on each problem", at_least=2)
    entropy: float = setting(0.05, "weight of the entropy bonus", at_least=0)


class RLOO:
    Settings = RLOOSettings
    one_pass = True
    whole_sequence = False
    reads_oracle = False

    def __init__(self, settings: RLOOSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        yield group_loss(rollout, leave_one_out_advantage(rollout.returns, self.group_size), self.settings.entropy)
