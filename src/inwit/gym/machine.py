"""What `observe="machine"` shows: the whole state of the machine as numbers, so that no memory is needed.

Two readings that must agree: of a scalar twin, and of a batch's tensors. For each register whether it is full and its
value as sign(x) log(1 + |x|); flags as they are; the verb that waits for its argument, one-hot; how many operands have
been read and how much of the budget is spent, as shares; the digits of the operands, by nine.
"""

from __future__ import annotations

from math import copysign, log1p
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from inwit.core.errors import UserError
from inwit.core.types import State, Tasks

LIMIT = 32.0  # no value of a machine comes near: the largest is log1p(2**30) or log1p(9**9)


class ScalarMachine:
    """Reads a scalar twin; `names` says what stands where."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.num_operands, registers = _shape(world)
        operands = [f"operand {place}" for place in range(self.num_operands)]
        self.names = [*registers, *operands, "budget spent"]

    def read(self, twin: Any, limit: int) -> list[float]:
        numbers = [number for name, value in twin.state().items() for number in self._numbers(name, value)]
        digits = [digit / 9 for digit in twin.operands] + [0.0] * (self.num_operands - len(twin.operands))
        return [*numbers, *digits, twin.steps / limit]

    def _numbers(self, name: str, value: Any) -> list[float]:
        if name == "pending":
            return [float(verb == value) for verb in _verbs(self.world)]
        if name == "cursor":
            return [value / self.num_operands]
        if isinstance(value, bool):
            return [float(value)]
        if isinstance(value, list):
            return [number for item in value for number in self._numbers(name, item)]
        return [0.0, 0.0] if value is None else [1.0, copysign(log1p(abs(value)), value)]


def read_batch(world: Any, tasks: Tasks, state: State) -> Float[Tensor, "B M"]:
    """The same for every row of a batch."""
    _shape(world)
    columns, operands = READERS[world.id](world, tasks, state)
    limit: Any = state.get("limit", world.max_steps)
    return torch.cat([*columns, operands / 9, (state["steps"] / limit)[:, None]], 1).float()


def _tutorial_v0(world: Any, tasks: Tasks, state: State) -> tuple[list[Tensor], Tensor]:
    return [_register(state["acc_full"], state["acc"]), state["mem"][:, None]], tasks.data["operands"]


def _tutorial_v1(world: Any, tasks: Tasks, state: State) -> tuple[list[Tensor], Tensor]:
    registers = [_register(state[f"{name}_full"], state[name]) for name in ("acc", "mem", "held")]
    operands = tasks.data["operands"]
    return [*registers, (state["cursor"] / operands.shape[1])[:, None]], operands


def _calculator(world: Any, tasks: Tasks, state: State) -> tuple[list[Tensor], Tensor]:
    slots = range(world.settings.num_slots)
    filled = [state["readable"][:, world.vocabulary.id(f"m{slot}")] for slot in slots]
    values = state["cells"][:, world.settings.num_letters :, 0].unbind(1)
    registers = [_register(state["mode"] % 2 == 1, state["acc"][:, 0]), *map(_register, filled, values)]
    verbs = torch.arange(1, len(_verbs(world)) + 1, device=state["mode"].device)
    return [*registers, (state["mode"] // 2)[:, None] == verbs], tasks.data["operands"]


READERS = {"tutorial-v0": _tutorial_v0, "tutorial-v1": _tutorial_v1, "calculator-v0": _calculator}


def _shape(world: Any) -> tuple[int, list[str]]:
    """How many operands there are at most, and the names of the numbers before them."""
    if world.id not in READERS:
        raise UserError(f"observe = 'machine' is not known for {world.id}: use 'tokens'")
    registers = {"tutorial-v0": ["acc"], "tutorial-v1": ["acc", "mem", "held"]}.get(world.id, ["accumulator"])
    more = {"tutorial-v0": ["mem"], "tutorial-v1": ["operands read"]}.get(world.id)
    if more is None:
        registers += [f"m{slot}" for slot in range(world.settings.num_slots)]
        more = [f"{verb} pending" for verb in _verbs(world)]
    named = [name for register in registers for name in (f"{register} full", register)]
    return getattr(world, "num_operands", 5), named + more


def _verbs(world: Any) -> list[str]:
    return ["LOAD", *world.settings.tools, "STO"]


def _register(full: Tensor, value: Tensor) -> Tensor:
    shown = value.double().abs().log1p() * value.sign()
    return torch.stack([full.double(), shown * full], 1)
