"""Which entries of a state only count tokens: of two positions that differ in these alone, the earlier is as good."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.contracts import World
from inwit.core.seeding import stream
from inwit.core.types import State

TRIALS = 256  # episodes
LATER = 4  # tokens at most that a clock is set forward


def clocks(world: World) -> list[str]:
    """The entries of a state, Int[B], that every token makes larger by 1, and that decide nothing but when an episode
    is cut off. A cursor grows like that too, but what is read depends on it.

    Found by running random legal tokens: two episodes side by side on each problem, in one of which the entry begins
    later. All else must be the same in both until one of them ends.
    """
    found = {name for name, each in _begun(world)[0].items() if each.ndim == 1 and each.dtype == torch.int64}
    for name in sorted(found):
        if not _only_counts(world, name):
            found.remove(name)
    return sorted(found)


def _begun(world: World) -> tuple[State, torch.Generator]:
    draws = stream(0, "clocks")
    return world.reset(world.sample(torch.arange(TRIALS) % len(world.kinds), draws)), draws


def _only_counts(world: World, name: str) -> bool:
    state, draws = _begun(world)
    ahead = torch.randint(1, LATER + 1, (TRIALS,), generator=draws)
    later = state | {name: state[name] + ahead}
    running = torch.ones(TRIALS, dtype=torch.bool)
    for _ in range(world.num_columns):
        legal = world.legal(state)
        if bool((legal != world.legal(later)).any(1)[running].any()):
            return False
        token, before = _token(world, state, legal, draws), state[name]
        (state, one), (later, other) = world.step(state, token), world.step(later, token)
        ended = one.terminated | other.terminated
        if bool(((one.terminated != other.terminated) | (one.success != other.success))[running].any()):
            return False
        running &= ~(ended | one.truncated | other.truncated)
        counted = (state[name] == before + 1) & (later[name] == state[name] + ahead)
        if not bool((counted & _same(state, later, name))[running].all()):
            return False
    return True


def _token(world: World, state: State, legal: Bool[Tensor, "B V"], draws: torch.Generator) -> Int[Tensor, " B"]:
    """A random legal token for each row, the world's own where it writes; any for a row that has none."""
    chance = torch.where(legal.any(1, keepdim=True), legal, True).double()
    drawn, forced = torch.multinomial(chance, 1, generator=draws)[:, 0], world.forced(state)
    return torch.where(forced < 0, drawn, forced)


def _same(one: State, other: State, but: str) -> Bool[Tensor, " B"]:
    """Whether two states hold the same, row by row, but for one entry."""
    rows = len(one[but])
    same = torch.ones(rows, dtype=torch.bool)
    for name in one:
        if name != but:
            same &= (one[name] == other[name]).view(rows, -1).all(1)
    return same
