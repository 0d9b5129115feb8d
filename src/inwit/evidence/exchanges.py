"""Exchanged answers: one answer of the agent's own episode is another one that the world might have given.

The agent plays each of the world's tasks once, in a hidden world that is drawn for the task. Of the episodes that it
solves, of the kinds of which it solves most (`SOLVED`), every answer that was not decided yet is exchanged for every
other one that had a chance. Up to there the agent was told what it was told in its own episode; from there on the world
has drawn what was told, and nothing else. So all that may follow is followed, and what the agent is worth after an
exchange is its exact probability to end right.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Stochastic, capable
from inwit.core.contracts import Policy
from inwit.core.errors import UserError
from inwit.core.seeding import stream
from inwit.core.types import Rollout, Tasks
from inwit.core.vocabulary import UNDECIDED
from inwit.evidence.outcomes import NOT_TOLD, Ends, follow, joined
from inwit.evidence.reciting import Reciter
from inwit.rollout.collect import collect

ROWS = 1024  # exchanges that are followed at a time
MOST = 2**14  # exchanges; of more as many as these, evenly spaced
SOLVED = 0.75  # of the tasks of a kind: of the others luck may be what solves some


@dataclass(frozen=True)
class Exchanges:
    """D exchanges: `row` is the task, `at` the column of the answer, `told` the other answer. `tasks` are all of the
    world's, nothing drawn, and `own` the agent's own episodes on them in the hidden worlds that were drawn."""

    world: Stochastic
    policy: Policy
    tasks: Tasks
    own: Rollout
    row: Int[Tensor, " D"]
    at: Int[Tensor, " D"]
    told: Int[Tensor, " D"]

    def __len__(self) -> int:
        return len(self.row)

    def __getitem__(self, rows: Tensor) -> Exchanges:
        return replace(self, row=self.row[rows], at=self.at[rows], told=self.told[rows])

    @cached_property
    def ends(self) -> Ends:
        """What comes of the agent's own episodes after the exchanges."""
        return self.followed(self.policy)

    @cached_property
    def right(self) -> Float[Tensor, " D"]:
        """The agent's probability to end right after each exchange."""
        return self.right_of(self.ends)

    @cached_property
    def reciter(self) -> Reciter:
        """Writes the agent's own tokens, whatever it is told."""
        return Reciter(self.world, self.tasks, self.own.tokens)

    @cached_property
    def moved(self) -> Bool[Tensor, " D"]:
        """Where the agent's own tokens would no longer be right for certain, all other answers being its own ones."""
        return self.right_of(self._recited) < 1

    @cached_property
    def due(self) -> Bool[Tensor, " D"]:
        """Where the agent's own calls no longer decide the task, so that another call is due."""
        found = torch.zeros_like(self.moved)
        return found.index_put((self._recited.origin[self._recited.open],), torch.ones_like(found[0]))

    @cached_property
    def held(self) -> Bool[Tensor, " D"]:
        """Where the agent, told of the other answer, asks the same next call as in its own episode: the answer is kept
        while another one is asked for, and the last token does not tell it."""
        rows, columns = len(self), self.own.tokens.shape[1]
        place = torch.arange(columns, device=self.row.device)
        answers = (self.own.live & ~self.own.chosen)[self.row] & (place > self.at[:, None])
        upto = torch.where(answers.any(1), answers.int().argmax(1), -1)
        between = (place > self.at[:, None]) & (place < upto[:, None])
        first = torch.full((rows,), len(self.ends.origin), device=self.row.device)
        which = torch.arange(len(self.ends.origin), device=self.row.device)
        first = first.scatter_reduce(0, self.ends.origin, which, "amin")
        wrote = self.ends.tokens[first, :columns]
        return (upto >= 0) & ((wrote == self.own.tokens[self.row]) | ~between).all(1)

    def followed(self, policy: Policy, later: bool = False) -> Ends:
        """What comes of a policy's episodes after the exchanges; `later`: the answers after them are those of the
        agent's own episode, too, where they are not decided."""
        parts = []
        for start in range(0, len(self), ROWS):
            part = slice(start, start + ROWS)
            ends = follow(self.world, policy, self.tasks[self.row[part]], self._answers(later)[part])
            parts.append(replace(ends, origin=ends.origin + start))
        return joined(parts)

    def right_of(self, ends: Ends) -> Float[Tensor, " D"]:
        none = torch.zeros(len(self), dtype=torch.float64, device=self.row.device)
        return none.index_add(0, ends.origin, ends.weight * ends.success)

    @cached_property
    def _recited(self) -> Ends:
        return self.followed(self.reciter, later=True)

    def _answers(self, later: bool) -> Int[Tensor, "D T"]:
        own, column = self.own.tokens[self.row], torch.arange(self.own.tokens.shape[1], device=self.row.device)
        here = column == self.at[:, None]
        kept = ((column < self.at[:, None]) | later) & self.own.live[self.row]
        return torch.where(here, self.told[:, None], torch.where(kept, own, NOT_TOLD))


def exchanges(world: Stochastic, policy: Policy, device: torch.device | str = "cpu") -> Exchanges:
    """Every exchange in the episodes that the agent solves. Raises `UserError` for a world that cannot list its tasks,
    and for an agent that solves no kind of task, or none by asking."""
    listing = capable(world, "all_tasks")
    if listing is None:
        raise UserError(f"{world.id} cannot list its tasks with nothing drawn")
    tasks = listing.all_tasks(list(range(len(world.kinds))))
    own = collect(world, policy, world.draw(tasks, stream(0, "evidence answers")).to(device))
    tasks = tasks.to(device)
    row, at, told = _others(world, tasks, own, own.success & _kinds_solved(own)[tasks.kind])
    if not len(row):
        raise UserError(f"the agent solves no kind of task of {world.id} by asking: there is nothing to exchange")
    some = torch.arange(min(MOST, len(row)), device=row.device) * len(row) // min(MOST, len(row))
    return Exchanges(world, policy, tasks, own, row[some], at[some], told[some])


def _kinds_solved(own: Rollout) -> Bool[Tensor, " K"]:
    kind, solved = own.tasks.kind, own.success.double()
    return torch.bincount(kind, weights=solved) >= SOLVED * torch.bincount(kind)


@torch.no_grad()
def _others(
    world: Stochastic, tasks: Tasks, own: Rollout, examined: Bool[Tensor, " N"]
) -> tuple[Int[Tensor, " D"], Int[Tensor, " D"], Int[Tensor, " D"]]:
    """For each other answer that the world might have given in an episode that is examined: the task, the column and
    the answer. In the order of the tasks."""
    state, found = world.reset(tasks), []
    for column, token in enumerate(own.tokens.unbind(1)):
        undecided = (world.forced(state) == UNDECIDED) & own.live[:, column] & examined
        possible = (world.chance(state) > 0) & undecided[:, None]
        row, other = possible.scatter(1, token[:, None], False).nonzero().unbind(1)
        found.append((row, torch.full_like(row, column), other))
        state, _ = world.step(state, torch.where(own.live[:, column], token, world.forced(state).clamp_min(0)))
    row, at, told = (torch.cat(each) for each in zip(*found, strict=True))
    order = row.argsort(stable=True)
    return row[order], at[order], told[order]
