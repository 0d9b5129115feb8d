"""Sums over the rows of an expansion, by question: what `Expectation` is made of.

A *group* is the rows that follow one choice of the policy's while the world alone writes. If the world ends a row, it
judges it by what it had not shown when the policy chose last. Such a row is right by luck if its group has a row that
is wrong: then nothing that the policy had seen decided it.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.types import Expectation, Step

Row = Int[Tensor, " B"]
Flag = Bool[Tensor, " B"]
Weight = Float[Tensor, " B"]

NO_GROUP = -1


class Totals:
    """Of N questions, in float64."""

    def __init__(self, world: World, questions: int, device: torch.device) -> None:
        self.words, self.masks = len(world.vocabulary), world.masks
        zero = torch.zeros(questions, dtype=torch.float64, device=device)
        self.success, self.unexpanded, self.reward, self.invalid = (zero.clone() for _ in range(4))
        self.uses = zero.new_zeros(questions * self.words)
        self.counts: dict[str, Tensor] = {}
        self.leaves, self.wrong = zero.long(), zero.long()
        self.num_groups = 0
        self.asked = zero.new_zeros(1024, dtype=torch.int64)  # of each group the question
        self.lucky = zero.new_zeros(1024)  # the weight of the rows that the world ended and that were right
        self.doubted = zero.new_zeros(1024, dtype=torch.bool)  # whether another one was wrong, or is left out

    def add(
        self, question: Row, weight: Weight, group: Row, token: Row, chosen: Flag, invalid: Flag, step: Step
    ) -> None:
        """Add what a column did to its rows. `token` is what they wrote, `group` theirs after that."""
        zero = torch.zeros_like(weight)
        self.reward.index_add_(0, question, weight * step.reward.double())
        for name, count in step.counts.items():
            known = self.counts.setdefault(name, torch.zeros_like(self.reward))
            known.index_add_(0, question, weight * count)
        self.uses.index_add_(0, question * self.words + token, torch.where(chosen, weight, zero))
        if not self.masks:
            self.invalid.index_add_(0, question, torch.where(invalid, weight, zero))
        ended = step.terminated | step.truncated
        if not bool(ended.any()):
            return
        right, wrong = torch.where(step.success, weight, zero), ended & ~step.success
        self.success.index_add_(0, question, right)
        self.leaves.index_add_(0, question, ended.long())
        self.wrong.index_add_(0, question, wrong.long())
        judged = (ended & (group != NO_GROUP)).nonzero()[:, 0]
        if len(judged):
            self.lucky.index_add_(0, group[judged], right[judged])
            self.doubted[group[judged][wrong[judged]]] = True

    def leave_out(self, question: Row, weight: Weight, group: Row) -> None:
        """Rows that are not followed further."""
        self.unexpanded.index_add_(0, question, weight)
        self.doubted[group[group != NO_GROUP]] = True

    def grouped(self, question: Row, group: Row) -> Row:
        """The groups of rows for which the world draws: a new one for each row that has none yet."""
        fresh = (group == NO_GROUP).nonzero()[:, 0]
        first, self.num_groups = self.num_groups, self.num_groups + len(fresh)
        if self.num_groups > len(self.asked):
            more = max(len(self.asked), self.num_groups - len(self.asked))
            grown = (torch.cat([old, old.new_zeros(more)]) for old in (self.asked, self.lucky, self.doubted))
            self.asked, self.lucky, self.doubted = grown
        self.asked[first : self.num_groups] = question[fresh]
        return group.index_put((fresh,), torch.arange(first, self.num_groups, device=group.device))

    def expectation(self) -> Expectation:
        luck = torch.zeros_like(self.success).index_add_(0, self.asked, self.lucky.masked_fill(~self.doubted, 0.0))
        always = (self.wrong == 0) & (self.unexpanded == 0)  # by counting: the sum of weights may be rounded
        return Expectation(
            success=self.success.masked_fill(always, 1.0).cpu(),
            unexpanded=self.unexpanded.cpu(),
            reward=self.reward.cpu(),
            uses=self.uses.view(-1, self.words).cpu(),
            counts={name: total.cpu() for name, total in self.counts.items()},
            luck=luck.cpu(),
            invalid=self.invalid.cpu(),
            leaves=self.leaves.cpu(),
            wrong=self.wrong.cpu(),
        )
