"""What the page searches with: a world's rules for several problems at once, on all of which one way must be right.

A way that is right on one problem may be right by luck. Where success of one run holds over all inputs (`identity`)
there is no luck, and one row is enough.
"""

from __future__ import annotations

import torch

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.playground.blob import Blob
from inwit.playground.graphs import example, world_graphs

ROWS = 8  # problems of a kind: a program that is right on all of them is hardly so by luck
TRIALS = 64


def rules_together(world: World, blob: Blob) -> Json | None:
    """The world's graphs for several rows, with its `clocks`; None for a world that answers by chance, in which no
    program is a way. Raises `UserError` for rules that cannot be traced."""
    if capable(world, "chance"):
        return None
    rows = 1 if capable(world, "identity") else ROWS
    return world_graphs(world, example(world, rows), blob) | {"clocks": clocks(world)}


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
