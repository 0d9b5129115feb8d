"""Group-relative policy optimisation (Shao et al. 2024) in one pass: no critic, no ratio, no clipping.

Each problem is tried `group_size` times; an episode's advantage is its return compared with its group's. A short
program that is right by luck on a fifth of the problems misleads a value estimate. In a group on such a problem all
episodes are right, and nothing is learnt from it. Departures from the paper: the rollout's own graph is used once, so
there is no ratio to clip; `floor` is added to the group's standard deviation, so that one lucky episode in a group does
not get an advantage of four; tokens of all episodes weigh the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from inwit.core.contracts import Metrics, Trainable
from inwit.core.settings import Settings, setting
from inwit.core.types import Rollout
from inwit.learners.returns import group_advantage, group_loss


@dataclass(frozen=True)
class GRPOSettings(Settings):
    group_size: int = setting(16, "episodes on each problem", at_least=2, at_most=65_536)
    entropy: float = setting(0.1, "weight of the entropy bonus", at_least=0)
    floor: float = setting(0.05, "added to a group's standard deviation", at_least=0.000001)


class GRPO:
    Settings = GRPOSettings
    one_pass = True
    whole_sequence = False
    reads_oracle = False

    def __init__(self, settings: GRPOSettings) -> None:
        self.settings = settings
        self.group_size = settings.group_size

    def losses(self, policy: Trainable, rollout: Rollout) -> Iterator[tuple[Tensor, Metrics]]:
        advantage = group_advantage(rollout.returns, self.group_size, self.settings.floor)
        yield group_loss(rollout, advantage, self.settings.entropy)
