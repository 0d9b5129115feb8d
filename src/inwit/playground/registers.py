"""What a page and its server show of a world's machine, and let a person change: its registers.

A world without the capability shows the entries of its state as they are, and lets nobody write them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from inwit.core.capabilities import capable
from inwit.core.contracts import World
from inwit.core.results import Json
from inwit.core.seeding import stream
from inwit.core.types import Register, State
from inwit.worlds.oracle.clocks import clocks
from inwit.worlds.running import any_of

EPISODES = 64

Held = tuple[Int[Tensor, "B R"], Bool[Tensor, "B R"]]


@dataclass(frozen=True)
class Shown:
    """The registers of a world: `read` as `Registers.read_registers`, and `write`, None where they are read-only."""

    registers: tuple[Register, ...]
    read: Callable[[State], Held]
    write: Callable[[State, Int[Tensor, "B R"], Bool[Tensor, "B R"]], State] | None = None

    def described(self) -> list[Json]:
        """The registers as JSON: name, kind, least, most, optional, tokens."""
        return [asdict(each) | {"tokens": list(each.tokens)} for each in self.registers]


def shown(world: World) -> Shown:
    """What a world shows of its machine; there may be nothing."""
    if registers := capable(world, "registers"):
        return Shown(registers.machine_registers, registers.read_registers, registers.write_registers)
    names = changing(world)
    return Shown(tuple(Register(name, optional=False) for name in names), partial(_entries, names))


def changing(world: World) -> list[str]:
    """The entries of a state, one whole number or flag for each row, that change while an episode goes on. Clocks do
    not count, nor what changes with the end alone. Found by running random legal tokens on drawn tasks, in which what
    is hidden never changes."""
    draws = stream(0, "registers")
    kinds = torch.arange(EPISODES) % len(world.kinds)
    state = world.reset(world.sample(kinds, draws))
    plain = {name for name, each in state.items() if each.ndim == 1 and not each.is_floating_point()}
    live, found = torch.ones_like(kinds, dtype=torch.bool), set[str]()
    for _ in range(world.num_columns):
        forced = world.forced(state)
        after, step = world.step(state, torch.where(forced < 0, any_of(world.legal(state), draws), forced))
        live = live & ~(step.terminated | step.truncated)
        found |= {name for name in plain if bool((after[name] != state[name])[live].any())}
        state = after
    found -= set(clocks(world))
    return [name for name in state if name in found]


def _entries(names: Sequence[str], state: State) -> Held:
    entries = [state[name].long()[:, None] for name in names]
    values = torch.cat(entries, 1) if entries else torch.zeros(len(next(iter(state.values()))), 0, dtype=torch.int64)
    return values, torch.ones_like(values, dtype=torch.bool)
