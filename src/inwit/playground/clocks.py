"""What in a state only tells the time: found by running."""

from __future__ import annotations

import torch

from inwit.core.contracts import World
from inwit.core.seeding import stream

TRIALS = 64


def clocks(world: World) -> list[str]:
    """The entries of a state, Int[B], that every token of an episode makes larger by 1: of two positions that differ in
    these alone the earlier is as good. Found by running random tokens."""
    draws = stream(0, "clocks")
    kinds = torch.arange(TRIALS) % len(world.kinds)
    state = world.reset(world.sample(kinds, draws))
    ended, found = torch.zeros_like(kinds, dtype=torch.bool), {name for name, each in state.items() if each.ndim == 1}
    found = {name for name in found if state[name].dtype == torch.int64}
    for _ in range(world.num_columns):
        token = torch.randint(len(world.vocabulary), kinds.shape, generator=draws)
        after, step = world.step(state, token)
        found = {name for name in found if bool((after[name] == state[name] + 1)[~ended].all())}
        state, ended = after, ended | step.terminated | step.truncated
    return sorted(found)
