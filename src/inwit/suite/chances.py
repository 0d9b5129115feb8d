"""What the uniformly random legal policy achieves, exactly, in worlds that draw nothing."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.hashing import mixed
from inwit.core.intervals import share_interval
from inwit.core.seeding import stream
from inwit.core.types import State, map_rows
from inwit.suite.ability import Figure
from inwit.worlds.running import any_of

MOST = 400_000  # machines at a time that are followed; more are sampled
EPISODES = 40_000  # then, in all


def random_figure(world: World, state: State, most: int = MOST) -> Figure:
    """The mean success of the random policy over the rows, from these states on: exact where no more than `most`
    different machines can come about in a column."""
    exact = random_success(world, state, most)
    if exact is not None:
        return Figure(float(exact.mean()))
    count = len(next(iter(state.values())))
    generator, each = stream(0, "suite random"), -(-EPISODES // count)
    rows = torch.arange(count).repeat_interleave(each)
    right = int(_played(world, rows_of(state, rows), generator).sum())
    return Figure(right / len(rows), share_interval(right, len(rows)))


@torch.no_grad()
def random_success(world: World, state: State, most: int = MOST) -> Float[Tensor, " N"] | None:
    """The probability that the random policy ends right, for each row. Every program is followed, and those that have
    made the same of the machine are followed as one. None where there are more than `most` machines."""
    count = len(next(iter(state.values())))
    row, share = torch.arange(count), torch.ones(count, dtype=torch.float64)
    right = torch.zeros(count, dtype=torch.float64)
    while len(row):
        legal = world.legal(state)
        place, token = legal.nonzero().unbind(1)
        share, row = (share / legal.sum(1))[place], row[place]
        state, step = world.step(rows_of(state, place), token)
        right.index_add_(0, row, share * step.success)
        going = (~(step.terminated | step.truncated)).nonzero()[:, 0]
        state, row, share = _merged(rows_of(state, going), row[going], share[going])
        if len(row) > most:
            return None
    return right


def _merged(state: State, row: Int[Tensor, " N"], share: Float[Tensor, " N"]) -> tuple[State, Tensor, Tensor]:
    """Equal machines of one row as one, with the sum of their shares. They are told apart by two hashes of 64 bits."""
    columns = torch.cat([row[:, None], *(each.long().flatten(1) for each in _as_columns(state))], 1)
    factors = torch.randint(-(2**62), 2**62, (2, columns.shape[1]), generator=stream(0, "machines")) * 2 + 1
    keys = torch.stack([mixed((mixed(columns) * factor).sum(1)) for factor in factors], 1)
    _, group = torch.unique(keys, dim=0, return_inverse=True)
    count = int(group.max()) + 1 if len(group) else 0
    first = torch.full((count,), len(group)).scatter_reduce_(0, group, torch.arange(len(group)), "amin")
    return rows_of(state, first), row[first], share.new_zeros(count).index_add_(0, group, share)


def _as_columns(state: State) -> list[Tensor]:
    return [each if each.dim() > 1 else each[:, None] for each in state.values()]


def _played(world: World, state: State, generator: torch.Generator) -> Bool[Tensor, " N"]:
    """Whether an episode of the random policy ends right, from each of these states on."""
    alive = torch.ones(len(next(iter(state.values()))), dtype=torch.bool)
    right = torch.zeros_like(alive)
    while bool(alive.any()):
        state, step = world.step(state, any_of(world.legal(state), generator))
        right |= step.success & alive
        alive &= ~(step.terminated | step.truncated)
    return right


def rows_of(state: State, rows: Tensor) -> State:
    """The machines of some rows [M], in this order."""
    return map_rows(state, lambda tensor: tensor[rows])
