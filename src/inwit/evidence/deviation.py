"""Deviation: one token of the agent's own program is forced to be another one. Can the agent still end right?

The agent writes its own first tokens, then the forced one, and then goes on by itself from what really was written.
Where a right program that is no longer than the agent's own still exists, that is a *tie*, and right is what is no
longer either. Elsewhere (*longer*) right is what succeeds within the budget. That this is possible is proven by the
agent's own program, written once more from its start (after one token more where the machine waits for one), or by the
world's search. Every legal token but the agent's own is forced, before each of its tokens but the last one, on
every task that the agent solves.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import Causal, capable
from inwit.core.contracts import Policy
from inwit.core.errors import UserError
from inwit.core.types import Rollout, State, map_rows
from inwit.evidence.away import DEPTHS, SOON, after_token, away, right_again
from inwit.rollout.collect import collect
from inwit.rollout.hooks import Hooks

if TYPE_CHECKING:
    from inwit.evidence.subject import Subject

NOT_FORCED = -1


@dataclass(frozen=True)
class Deviations:
    """D forced tokens after which a right program still exists. `row` is the place among the subject's tasks, `at` the
    column of the forced `token`, `tie` whether a right program is as short as the agent's own. `unknown` are so many
    more, which are left out: it was not proven that a right program exists, or not searched whether one is as short.
    `written` is what stands before the forced token, where that is not the agent's own program."""

    subject: Subject
    row: Int[Tensor, " D"]
    at: Int[Tensor, " D"]
    token: Int[Tensor, " D"]
    tie: Bool[Tensor, " D"]
    unknown: int = 0
    written: Int[Tensor, "D T"] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows: slice | Tensor) -> Deviations:
        columns = [column[rows] for column in (self.row, self.at, self.token, self.tie)]
        written = None if self.written is None else self.written[rows]
        return Deviations(self.subject, *columns, unknown=self.unknown, written=written)

    @property
    def force(self) -> Int[Tensor, "D T"]:
        """What is written in the agent's place: its own first tokens, then the forced one."""
        before = self.subject.own.tokens[self.row] if self.written is None else self.written
        place = torch.arange(before.shape[1], device=before.device)
        forced = torch.where(place == self.at[:, None], self.token[:, None], NOT_FORCED)
        return torch.where(place < self.at[:, None], before, forced)

    def strange_to(self, policy: Policy) -> Bool[Tensor, " D"]:
        """Where the tokens that were written up to the forced one are not what a policy would have written itself."""
        tokens, force = collect(self.subject.world, policy, self.subject.tasks).tokens[self.row], self.force
        width = max(tokens.shape[1], force.shape[1])
        tokens, force = (_wide(each, width) for each in (tokens, force))
        return ((tokens != force) & (force != NOT_FORCED)).any(1)

    def episodes(self, policy: Policy) -> Iterator[Rollout]:
        """How a policy goes on, in blocks."""
        for start in range(0, len(self), self.subject.block):
            part = self[start : start + self.subject.block]
            hooks = Hooks(force=part.force)
            yield collect(self.subject.world, policy, self.subject.tasks[part.row], hooks=hooks)

    @cached_property
    def own_right(self) -> Bool[Tensor, " D"]:
        """Where the agent itself ends right."""
        return self.right(self.subject.agent.policy)

    def right(self, policy: Policy) -> Bool[Tensor, " D"]:
        """Where a policy that goes on ends right."""
        found = [(each.success, (each.live & each.chosen).sum(1)) for each in self.episodes(policy)]
        if not found:
            return torch.zeros_like(self.row, dtype=torch.bool)
        success, length = (torch.cat(parts) for parts in zip(*found, strict=True))
        return success & (~self.tie | (length <= self.subject.lengths[self.row]))


def _wide(tokens: Int[Tensor, "D T"], width: int) -> Tensor:
    return torch.nn.functional.pad(tokens, (0, width - tokens.shape[1]), value=NOT_FORCED)


def deviations(subject: Subject) -> Deviations:
    """All of them. Raises `UserError` where the world is not `causal`."""
    causal = capable(subject.world, "causal")
    if causal is None:
        raise UserError(f"the world {subject.world.id} cannot tell how far a state is from a right end")
    own, rows = subject.own.tokens, subject.solved.nonzero()[:, 0]
    state, parts = causal.reset(subject.tasks[rows]), list[Deviations]()
    for at in range(own.shape[1] - 1):
        before_last = at < subject.lengths[rows] - 1
        if not bool(before_last.any()):
            break
        parts.append(_forced(subject, causal, rows, state, at, before_last))
        state = after_token(causal, state, own[rows, at])
    if not parts:
        return Deviations(subject, *[rows[:0]] * 3, tie=rows[:0] > 0)
    columns = [torch.cat([getattr(part, name) for part in parts]) for name in ("row", "at", "token", "tie")]
    return Deviations(subject, *columns, unknown=sum(part.unknown for part in parts))


def _forced(
    subject: Subject, causal: Causal, rows: Tensor, state: State, at: int, open_to: Bool[Tensor, " R"]
) -> Deviations:
    """The deviations in one column of R own programs."""
    legal = causal.legal(state) & open_to[:, None]
    legal.scatter_(1, subject.own.tokens[rows, at][:, None], False)
    place, token = legal.nonzero().unbind(1)
    after, step = causal.step(map_rows(state, lambda tensor: tensor[place]), token)
    going = ~step.terminated & ~step.truncated
    row, token, after = rows[place[going]], token[going], map_rows(after, lambda tensor: tensor[going])
    column = torch.full_like(row, at)
    tie, possible = proven(subject, causal, row, column, after)
    found = row[possible], column[possible], token[possible], tie[possible]
    return Deviations(subject, *found, unknown=int((~possible).sum()))


def proven(
    subject: Subject, causal: Causal, row: Int[Tensor, " D"], at: Int[Tensor, " D"], after: State
) -> tuple[Bool[Tensor, " D"], Bool[Tensor, " D"]]:
    """Of the states after column `at`: where a right program is left that is in all no longer than the agent's own, and
    where it is known that any is left, and whether one is as short."""
    left = subject.lengths[row] - at - 1
    tie = away(causal, subject.tasks[row], after, left) <= left
    possible = tie | right_again(causal, after, subject.own.tokens[row])
    doubtful = (~possible).nonzero()[:, 0]
    budget = (subject.world.max_steps - at[doubtful] - 1).clamp(max=SOON)
    part = map_rows(after, lambda tensor: tensor[doubtful])
    possible[doubtful] = away(causal, subject.tasks[row[doubtful]], part, budget) <= budget
    return tie, possible & (tie | (left <= DEPTHS[-1]))
