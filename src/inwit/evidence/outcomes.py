"""What comes of episodes in a world that answers: what is told beforehand is taken, all other outcomes are followed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.capabilities import Stochastic
from inwit.core.contracts import Policy
from inwit.core.distributions import choose
from inwit.core.types import Memory, State, Tasks, map_rows
from inwit.core.vocabulary import CHOICE, UNDECIDED

NOT_TOLD = -1


@dataclass(frozen=True)
class Ends:
    """L ends of B episodes. `origin` is the episode's row, `weight` the probability of this end: Float64, 1 in all for
    each row. `open`: when the policy had written its last token, it was not yet decided whether that was right.
    `tokens` are those of the world's columns, NOT_TOLD after the end."""

    origin: Int[Tensor, " L"]
    weight: Float[Tensor, " L"]
    success: Bool[Tensor, " L"]
    open: Bool[Tensor, " L"]
    tokens: Int[Tensor, "L T"]


@dataclass(frozen=True)
class _Rows:
    """Episodes between two columns. `told` are the columns' tokens as far as they are known beforehand."""

    origin: Int[Tensor, " R"]
    weight: Float[Tensor, " R"]
    told: Int[Tensor, "R T"]
    tokens: Int[Tensor, "R T"]
    state: State
    memory: Memory
    logits: Float[Tensor, "R V"]

    def taken(self, rows: Int[Tensor, " S"]) -> _Rows:
        return _Rows(
            origin=self.origin[rows],
            weight=self.weight[rows],
            told=self.told[rows],
            tokens=self.tokens[rows],
            state=map_rows(self.state, lambda tensor: tensor[rows]),
            memory=map_rows(self.memory, lambda tensor: tensor[rows]),
            logits=self.logits[rows],
        )


@torch.no_grad()
def follow(world: Stochastic, policy: Policy, tasks: Tasks, told: Int[Tensor, "B T"]) -> Ends:
    """All ends of the greedy policy's episodes on tasks in which nothing is drawn. `told` are the world's answers by
    column, NOT_TOLD where all that it may write is to be followed; what the world has decided stays as it is."""
    output, memory = policy.begin(*world.prompt(tasks), world.stage(tasks))
    origin = torch.arange(len(tasks), device=told.device)
    none = torch.full((len(tasks), world.num_columns), NOT_TOLD, device=told.device)
    whole = torch.cat([told, none[:, told.shape[1] :]], 1)
    weight = torch.ones(len(tasks), dtype=torch.float64, device=told.device)
    rows, ends, column = _Rows(origin, weight, whole, none, world.reset(tasks), memory, output.logits), [], 0
    while len(rows.origin):
        rows, token, chosen = _written(world, rows, column)
        state, step = world.step(rows.state, token)
        if column < world.num_columns:  # what the world writes later is for the verdict alone
            rows.tokens[:, column] = token
            output, memory = policy.step(token, rows.memory)
            rows = replace(rows, memory=memory, logits=output.logits)
        over = step.terminated | step.truncated
        ends.append(Ends(rows.origin[over], rows.weight[over], step.success[over], ~chosen[over], rows.tokens[over]))
        rows, column = replace(rows, state=state).taken((~over).nonzero()[:, 0]), column + 1
    return joined(ends)


def joined(parts: list[Ends]) -> Ends:
    return Ends(*(torch.cat(each) for each in zip(*(_columns_of(part) for part in parts), strict=True)))


def _columns_of(ends: Ends) -> tuple[Tensor, ...]:
    return ends.origin, ends.weight, ends.success, ends.open, ends.tokens


def _written(world: Stochastic, rows: _Rows, column: int) -> tuple[_Rows, Int[Tensor, " S"], Bool[Tensor, " S"]]:
    """A row for each outcome of the column, its token, and whether the policy chose it."""
    forced, legal = world.forced(rows.state), world.legal(rows.state)
    token = choose(rows.logits, legal if world.masks else torch.ones_like(legal), None)
    token = torch.where(forced == CHOICE, token, forced)
    if column < rows.told.shape[1]:
        told = rows.told[:, column]
        token = torch.where((forced == UNDECIDED) & (told != NOT_TOLD), told, token)
    opened, decided = (token == UNDECIDED).nonzero()[:, 0], (token != UNDECIDED).nonzero()[:, 0]
    chance = world.chance(map_rows(rows.state, lambda tensor: tensor[opened]))
    parent, answer = chance.nonzero().unbind(1)
    places = torch.cat([decided, opened[parent]])
    weight = torch.cat([rows.weight[decided], rows.weight[opened[parent]] * chance[parent, answer]])
    chosen = forced[places] == CHOICE
    return replace(rows.taken(places), weight=weight), torch.cat([token[decided], answer]), chosen
