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
from inwit.core.errors import UserError, short
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


def token(world: World, given: object) -> int:
    """A token that a page sent. Raises `UserError` for what is none of the world's."""
    size = len(world.vocabulary)
    if type(given) is not int or not 0 <= given < size:
        raise UserError(f"token = {short(given)} does not exist: tokens are 0..{size - 1}")
    return given


def change(world: World, registers: Sequence[Register], given: Json) -> tuple[int, int | None]:
    """Which register holds what after a change that a page sent, `index` and `value`; None: nothing. Raises `UserError`
    for a register that the world does not have, and for a value that the register cannot hold."""
    index, value = given.get("index"), given.get("value")
    if type(index) is not int or not 0 <= index < len(registers):
        raise UserError(f"register {short(index)} does not exist: {world.id} has {len(registers)}, from 0")
    register = registers[index]
    if value is None and not register.optional:
        raise UserError(f"{register.name} cannot be empty: give a number from {register.least} to {register.most}")
    if value is not None and not (type(value) is int and register.least <= value <= register.most):
        raise UserError(f"{register.name} = {short(value)} is no number from {register.least} to {register.most}")
    if value is not None and register.tokens and value not in register.tokens:
        words = " ".join(world.vocabulary.decode(register.tokens))
        raise UserError(f"{register.name} = {value} is none of the tokens that {register.name} may hold: {words}")
    return index, value


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
